"""Images that are not what they should be are refused in one line, wherever they are handed in."""

import numpy as np
import pytest

from experiment.evaluation.inference import Inference
from experiment.evaluation.likelihood import estimate_iw_bound
from experiment.training.loop import Plan, fit
from experiment.training.preprocessing import binarize, binarize_once, flip_horizontally, make_batch
from experiment.training.state import TrainingState
from experiment.training.validation import LossEvaluator
from image_data.splits import DataError, Split, pixel_variance
from models.build import build_model
from models.distributions import Batch
from models.noise import Stream, noise_seed

IMAGES = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)
OTHERS = {
    "floats from 0 to 1": np.float32(IMAGES / 255),
    "doubles": IMAGES / 255,
    "whole numbers": IMAGES.astype(np.int64),
    "no channels": IMAGES[..., 0],
}
TAKERS = {
    "inference": lambda model, config, images: Inference(model, 0)(Split(images)),
    "validation": lambda model, config, images: LossEvaluator(model, config, Plan(4, 2, 4, 9))(Split(images)),
    "bound": lambda model, config, images: estimate_iw_bound(model, images, None, 3, 0),
    "training": lambda model, config, images: next(fit(TrainingState(model, config, 4), Split(images), config)),
    "binarisation": lambda model, config, images: binarize(images, noise_seed(0)),
    "once": lambda model, config, images: binarize_once(Split(images), "dynamic", Stream.TEST_BINARIZATION),
    "batch": lambda model, config, images: make_batch(images, None),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("images", OTHERS)
def test_images_that_are_not_bytes_are_refused(make_config, taker, images):
    config = make_config()
    with pytest.raises(DataError, match=r"^images \w+ \[.*\]: expected uint8 \[N, H, W, C\] from 0 to 255; "):
        TAKERS[taker](build_model(config), config, OTHERS[images])


@pytest.mark.parametrize(
    "images, found",
    [
        (IMAGES, r"uint8 \(9, 8, 8, 1\) from \d+ to \d+"),
        (np.float32(IMAGES), r"float32 \(9, 8, 8, 1\) from \d+ to \d+"),
        (np.float32(IMAGES / 255) - 1, r"float32 .* from -\S+ to"),
        (np.float32(IMAGES[..., 0] / 255), r"float32 \(9, 8, 8\)"),
        (IMAGES / 255, r"float64"),
    ],
)
def test_a_batch_is_of_floats_from_0_to_1(make_config, images, found):
    model = build_model(make_config())
    for take in (
        lambda batch: model(batch, noise_seed(0)),
        lambda batch: model.reconstruct(batch, (0, 0)),
        model.encode,
    ):
        with pytest.raises(ValueError, match=rf"^images {found}.*: expected float32 \[B, H, W, C\] from 0 to 1; "):
            take(Batch(images))


def test_bytes_pass():
    assert flip_horizontally(IMAGES, noise_seed(0)).shape == IMAGES.shape
    assert make_batch(IMAGES, None).images.numpy().max() <= 1.0


def test_the_variance_of_pixels_is_numpys_and_looks_at_so_many_images():
    assert pixel_variance(IMAGES) == pytest.approx(np.var(IMAGES / 255))
    assert pixel_variance(IMAGES, num_images=3) == pytest.approx(np.var(IMAGES[::3] / 255))
    assert pixel_variance(np.zeros((3, 4, 4, 1), np.uint8)) == 0.0
