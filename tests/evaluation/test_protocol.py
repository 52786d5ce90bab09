"""The card beside the numbers says what they are of."""

from types import SimpleNamespace

import numpy as np

from experiment.evaluation.protocol import protocol_of
from image_data.splits import Split


def card(config, command="python assignment.py --limit 7"):
    splits = {name: Split(np.zeros((size, 8, 8, 1), np.uint8)) for name, size in (("train", 30), ("test", 7))}
    return protocol_of(config, SimpleNamespace(**splits), command)


def test_the_limit_the_training_images_and_the_command_are_named(make_config):
    limited = card(make_config(limit=7))
    assert limited["limit"] == 7 and limited["split"] == "first 7 images of test"
    assert limited["training_images"] == 30 and limited["command"] == "python assignment.py --limit 7"
    assert card(make_config())["split"] == "test" and card(make_config())["limit"] is None


def test_the_bound_is_of_what_the_model_is_given(make_config):
    assert card(make_config())["bound"].startswith("ELBO of log p(x),")
    assert card(make_config(is_cvae=True))["bound"].startswith("ELBO of log p(x|y),")
