"""Bounds of the test log-likelihood. beta never enters; every image counts once, whatever the size of its batch."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from experiment.preprocessing import make_batch
from models.distributions import noise_seed
from models.objective import elbo_terms

# The noise of evaluation is a function of its seed and the position of a batch, so the size of a batch is fixed.
EVALUATION_BATCH = 500


class ElboEstimate(NamedTuple):
    """Means over all images of a split, in nats per image; one sample of z for each image."""

    elbo: float
    distortion: float
    rate: float
    rate_per_level: tuple[float, ...]  # top level first
    elbo_standard_error: float  # over images
    num_images: int


class ElboEvaluator:
    """The ELBO of one model; the program that computes it is compiled once and used after every epoch."""

    def __init__(self, model, seed):
        self._seed = seed

        @tf.function(reduce_retracing=True)
        def terms(images, labels, batch_seed):
            batch = make_batch(images, labels)
            return elbo_terms(model(batch, batch_seed), batch.images)

        self._terms = terms

    def __call__(self, images, labels):
        """ElboEstimate of uint8 images [N, H, W, C], binarised beforehand where they are to be, and labels or None."""
        batches = range(0, len(images), EVALUATION_BATCH)
        terms = [
            self._terms(
                images[start : start + EVALUATION_BATCH],
                None if labels is None else labels[start : start + EVALUATION_BATCH],
                noise_seed(self._seed, index),
            )
            for index, start in enumerate(batches)
        ]
        distortion = np.concatenate([batch.distortion for batch in terms]).astype(np.float64)
        rate = np.concatenate([batch.rate for batch in terms]).astype(np.float64)
        elbo = -distortion - rate.sum(axis=1)
        return ElboEstimate(
            elbo=float(elbo.mean()),
            distortion=float(distortion.mean()),
            rate=float(rate.sum(axis=1).mean()),
            rate_per_level=tuple(rate.mean(axis=0).tolist()),
            elbo_standard_error=float(elbo.std(ddof=1) / np.sqrt(len(elbo))) if len(elbo) > 1 else 0.0,
            num_images=len(elbo),
        )
