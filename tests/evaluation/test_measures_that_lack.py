"""What a rare data set lacks is named, and costs nothing else."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiment.evaluation.left_out import LeftOut
from experiment.evaluation.measures import MEASURES, Measure, measure_further
from image_data.splits import Dataset, Split


def subject(make_config, labels=None, factors=None, image_shape=(8, 8, 1), **settings):
    """A Subject of images as many as labels or factors, whose model is never asked."""
    given = labels if labels is not None else factors
    split = Split(np.zeros((len(given), *image_shape), np.uint8), labels, factors)
    config = make_config(image_shape, **settings)
    has_classes = labels is not None
    return SimpleNamespace(
        config=config,
        dataset=Dataset(split, split, split),
        binary_test=split,
        has_classes=has_classes,
        has_factors=factors is not None,
    )


@pytest.mark.parametrize("name", ["linear probe", "Bayes' rule", "recognition"])
def test_one_class_cannot_be_told_apart(make_config, name):
    one, two = np.uint8([[1, 0]] * 5), np.uint8([[1, 0]] * 4 + [[0, 1]])
    assert "expected train images of at least 2 classes, found 1" in MEASURES[name].lacks(subject(make_config, one))
    assert MEASURES[name].lacks(subject(make_config, two)) == ""


@pytest.mark.parametrize("name", ["MIG, 20 bins", "FactorVAE score", "beta-VAE score", "DCI", "SAP", "modularity"])
def test_factors_that_do_not_vary_are_named(make_config, name):
    still, one = np.zeros((5, 3), int), np.stack([np.zeros(5, int), np.arange(5)], axis=1)
    assert MEASURES[name].lacks(subject(make_config, factors=still)) == "no factor varies among the test images"
    assert "expected at least 2 factors that vary, found 1" in MEASURES[name].lacks(subject(make_config, factors=one))
    assert MEASURES[name].lacks(subject(make_config, factors=np.stack([np.arange(5)] * 2, axis=1))) == ""


def test_images_below_the_window_have_no_ssim(make_config):
    small, large = (subject(make_config, np.eye(2, dtype=np.uint8), image_shape=(side, 16, 3)) for side in (8, 16))
    assert MEASURES["SSIM"].lacks(small) == "its window has 11x11 pixels; the images have 8x16"
    assert MEASURES["SSIM"].lacks(large) == ""


def test_what_is_not_finite_is_left_out_and_the_rest_kept(make_config, monkeypatch):
    for name in MEASURES:
        monkeypatch.setitem(MEASURES, name, Measure(lambda _: {}))
    exact = Measure(lambda _: {"reconstruction_mse": 0.0, "reconstruction_psnr": float("inf")})
    monkeypatch.setitem(MEASURES, "error of reconstructions", exact)
    monkeypatch.setitem(MEASURES, "linear probe", Measure(lambda _: {}, lacks=lambda _: "there is one class"))
    left_out = LeftOut()
    numbers = measure_further(subject(make_config, np.eye(2, dtype=np.uint8), evaluate=True), left_out)
    assert numbers == {"reconstruction_mse": 0.0}
    assert left_out == {
        "error of reconstructions, reconstruction_psnr": "it is inf",
        "linear probe": "there is one class",
    }
