"""The card beside the numbers says what they are of."""

from types import SimpleNamespace

import numpy as np

from experiment.evaluation.protocol import protocol_of
from experiment.evaluation.results import made_with
from image_data.splits import Split

ORIGIN = {"command": "python assignment.py --limit 7", "cpu": "Apple M2", "cpus": 8, "versions": {"keras": "3.15.1"}}


SIZES = {"train": 30, "validation": 9, "test": 7}


def card(config):
    splits = {name: Split(np.zeros((size, 8, 8, 1), np.uint8)) for name, size in SIZES.items()}
    return protocol_of(config, SimpleNamespace(**splits), ORIGIN)


def test_batches_are_as_large_as_the_images_allowed(make_config):
    assert card(make_config(batch_size=64))["batch_size"] == 30
    assert card(make_config(batch_size=8))["batch_size"] == 8


def test_the_limit_the_training_images_and_the_command_are_named(make_config):
    limited = card(make_config(limit=7))
    assert limited["limit"] == 7 and limited["split"] == "first 7 images of test"
    assert (limited["training_images"], limited["validation_images"]) == (30, 9) and ORIGIN.items() <= limited.items()
    assert card(make_config())["split"] == "test" and card(make_config())["limit"] is None


def test_what_chose_the_weights_is_named(make_config):
    assert card(make_config())["chosen_on"] == "validation loss"
    assert card(make_config(train_on_validation=True))["chosen_on"] == "nothing: the weights of the last epoch"


def test_the_network_and_its_codes_are_named(make_config):
    named = card(make_config(network="gated", hidden_sizes=(9, 8), hierarchical=True, latent_size=(4, 2)))
    assert named["network"].startswith("gated (9 8, ") and named["latent_size"] == [4, 2]


def test_the_bound_is_of_what_the_model_is_given(make_config):
    assert card(make_config())["bound"].startswith("ELBO of log p(x),")
    assert card(make_config(is_cvae=True))["bound"].startswith("ELBO of log p(x|y),")


def test_the_precision_is_named(make_config):
    assert card(make_config(precision="float32"))["precision"] == "float32"
    mixed = card(make_config(precision="mixed_bfloat16"))["precision"]
    assert mixed == "trained in mixed_bfloat16, evaluated in float32"
    assert "precision" not in card(make_config(num_epochs=0, load_weights="vae.weights.h5"))


def test_the_table_ends_with_what_the_numbers_were_made_with():
    versions = {"python": "3.11.7", "tensorflow": "2.21.0"}
    assert made_with({"versions": versions, "cpus": 2}) == ["Python 3.11.7, TensorFlow 2.21.0", "CPU, 2 cores"]
    newer = {"versions": versions, "cpu": "Apple M2", "cpus": 8, "commit": "98614d5+changes"}
    assert made_with(newer)[1:] == ["Apple M2, 8 cores", "commit 98614d5+changes"]
    assert made_with(newer | {"gpus": ["NVIDIA A100"]})[1] == "NVIDIA A100, Apple M2, 8 cores"
    assert made_with({}) == [], "a record of an older version"
