"""Bounds of the test log-likelihood. beta never enters; every image counts once, whatever the size of its batch."""

from math import log, prod
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from experiment.preprocessing import make_batch
from models.distributions import Stream, noise_seed
from models.objective import ElboTerms, elbo_terms

# The noise of evaluation is a function of its seed and the position of a batch, so the size of a batch is settled by
# the size of an image alone: 500 images of 28x28, fewer of larger ones, but not so few that a CPU waits for each.
PIXELS_PER_BATCH = 500 * 28 * 28
MIN_BATCH = 8


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

    @np.errstate(invalid="ignore", over="ignore")  # a model that diverged has infinite terms: the caller judges
    def __call__(self, images, labels):
        """ElboEstimate of uint8 images [N, H, W, C], binarised beforehand where they are to be, and labels or None."""
        batch_size = max(MIN_BATCH, PIXELS_PER_BATCH // images[0].size)
        terms = [
            self._terms(
                images[start : start + batch_size],
                None if labels is None else labels[start : start + batch_size],
                noise_seed(self._seed, Stream.EVALUATION_POSTERIOR, index),
            )
            for index, start in enumerate(range(0, len(images), batch_size))
        ]
        distortion = np.concatenate([batch.distortion for batch in terms]).astype(np.float64)
        rate = np.concatenate([batch.rate for batch in terms]).astype(np.float64)
        elbo = ElboTerms(distortion, rate).elbo
        return ElboEstimate(
            elbo=float(np.mean(elbo)),
            distortion=float(distortion.mean()),
            rate=float(rate.sum(axis=1).mean()),
            rate_per_level=tuple(rate.mean(axis=0).tolist()),
            elbo_standard_error=float(np.std(elbo, ddof=1) / np.sqrt(len(elbo))) if len(elbo) > 1 else 0.0,
            num_images=len(elbo),
        )


def bits_per_dim(log_likelihood, image_shape):
    """-log_likelihood / (D log 2), D = H W C: nats per image of 8-bit values -> bits for each of them.

    Honest for a probability of discrete values only, not for the density of a Gaussian (Theis et al. 2016).
    """
    return -log_likelihood / (prod(image_shape) * log(2.0))
