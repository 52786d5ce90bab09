"""Evidence that is made by hand: a healthy run, and what makes it ill."""

import json

import numpy as np

from experiment.advice.evidence import Evidence
from experiment.advice.signs import SIGNS
from experiment.settings.combine import config_of
from image_data.splits import Dataset, Split

SHAPE = (28, 28, 1)


def config_with(**settings):
    """The Config of a trained model on 28x28 images."""
    settings = {"hidden_sizes": [16], "latent_size": [4], "image_shape": list(SHAPE), **settings}
    return config_of(json.dumps(settings), "by hand")


def images_of(num_images, seed=0, shape=SHAPE):
    """Noise on black: no two are alike."""
    images = np.random.default_rng(seed).integers(0, 256, (num_images, *shape), dtype=np.uint8)
    images[:, [0, -1]], images[:, :, [0, -1]] = 0, 0
    return images


def dataset_of(train, validation=None, test=None):
    """The Dataset of images; those that are held out are noise if none are given."""
    validation = images_of(20, seed=1) if validation is None else validation
    return Dataset(Split(train), Split(validation), Split(images_of(30, seed=2) if test is None else test))


def rows_of(validation, training=None, steps=500, rate=20.0):
    """Rows of metrics.jsonl, an epoch for each validation loss. Training losses are the same if none are given."""
    rows = []
    for epoch, losses in enumerate(zip(training or validation, validation, strict=True), 1):
        for split, loss in zip(("train", "validation"), losses, strict=True):
            numbers = {"loss": loss, "elbo": -loss, "distortion": loss - rate, "rate": rate}
            rows.append({"step": epoch * steps, "epoch": epoch, "split": split, **numbers})
    return rows


FLAT = [200.0, 130.0, 110.0, 101.0, 100.0, 99.9, 99.8, 99.8, 99.9, 99.8]
HEALTHY = {
    "elbo": -99.0,
    "distortion": 79.0,
    "rate": 20.0,
    "rate_per_level": [20.0],
    "active_units": [4],
    "num_images": 10_000,
    "elbo_standard_error": 0.2,
    "marginal_kl": 12.0,
    "marginal_kl_at_least": 0.05,
}


def evidence(config=None, rows=None, test=None, dataset=None, protocol=None):
    """The Evidence of a healthy run, but for what is given. test: numbers to change; dataset False: none."""
    found = dataset_of(images_of(1_200)) if dataset is None else dataset or None
    results = {"test": {**HEALTHY, **(test or {})}, "protocol": protocol or {}}
    return Evidence(config or config_with(), rows_of(FLAT) if rows is None else rows, results, found)


def look(illness, case):
    """What the sign of an illness says of Evidence: a Remark or None."""
    (sign,) = (each for each in SIGNS if each.illness == illness)
    assert sign.lacks(case) == ""
    return sign.look(case)
