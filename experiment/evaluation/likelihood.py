"""Bounds of the test log-likelihood. beta never enters. Every image counts once, whatever its batch size."""

from concurrent.futures import ThreadPoolExecutor
from math import log, prod
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data_utils import cut_full, over_batches
from experiment.training.execution import compiled
from experiment.training.preprocessing import make_batch
from experiment.training.terminal import progress_bar
from models.bounds import log_weight
from models.catalog import LIKELIHOODS
from models.distributions import repeat_rows
from models.noise import ALGORITHM, Stream, noise_seed

# A chunk of the importance-weighted bound: images, and the pixels of all their samples together.
IMAGES_PER_CHUNK = 20  # fewer of large images: 20 of 256x256 pixels in a deep hierarchy took 21 GB
BATCHES_AT_ONCE = 2  # a single batch at a time leaves a fifth of two cores idle
PIXELS_PER_CHUNK = 1_000 * 28 * 28


class ElboEstimate(NamedTuple):
    """The ELBO and its terms: means over the images of a split, in nats per image, with one sample of z each."""

    elbo: float
    distortion: float  # the reconstruction loss
    rate: float  # the KL of all levels together
    rate_per_level: tuple[float, ...]  # top level first
    elbo_standard_error: float  # over images
    active_units: tuple[int, ...]  # of each level, top level first
    num_images: int


def estimate_elbo(inferred, level_sizes):
    """The ElboEstimate of a split.

    Args:
        inferred: the Inferred of the split.
        level_sizes: the number of units of each level, top level first.
    """
    levels = np.split(inferred.is_active, np.cumsum(level_sizes)[:-1])
    return ElboEstimate(
        elbo=float(np.mean(inferred.elbo)),
        distortion=float(inferred.distortion.mean()),
        rate=float(inferred.rate.sum(axis=1).mean()),
        rate_per_level=tuple(inferred.rate.mean(axis=0).tolist()),
        elbo_standard_error=standard_error(inferred.elbo),
        active_units=tuple(int(level.sum()) for level in levels),
        num_images=inferred.num_images,
    )


class ImportanceWeightedEstimate(NamedTuple):
    """The importance-weighted bound of log p(x): a mean over images, in nats per image."""

    iw_bound: float  # higher is better
    iw_nll: float  # the negative of iw_bound, as papers quote it
    iw_standard_error: float  # over images
    num_importance_samples: int  # K
    num_images: int


def estimate_iw_bound(model, images, labels, num_samples, seed, jit_compile=False):
    """The importance-weighted bound: a mean over images, with its standard error.

        log 1/K sum_k w_k,  w_k = p(x, z_k) / q(z_k|x),  z_k ~ q(z|x)

    It rises with K towards log p(x). At K = 1 it is the ELBO.

    Args:
        model: a LatentVariableModel.
        images: uint8 [N, H, W, C], already binarised if the run binarises.
        labels: [N, Y], or None.
        num_samples: K.
        seed: of the run.
        jit_compile: whether XLA compiles the program.

    Returns:
        ImportanceWeightedEstimate, nats per image.

    Reference: Burda et al. (2016), eq. 8 and 14.
    """
    evidence = LogEvidence(model, images.shape[1:], num_samples, seed, jit_compile)
    with progress_bar(f"bound, K = {num_samples:,}", len(images)) as bar:
        bounds = evidence(images, labels, bar.update)
    return ImportanceWeightedEstimate(
        iw_bound=float(bounds.mean()),
        iw_nll=float(-bounds.mean()),
        iw_standard_error=standard_error(bounds),
        num_importance_samples=num_samples,
        num_images=len(images),
    )


class LogEvidence:
    """The importance-weighted bound of every image. Its program is compiled once."""

    def __init__(self, model, image_shape, num_samples, seed, jit_compile):
        self._num_images = min(IMAGES_PER_CHUNK, max(1, PIXELS_PER_CHUNK // prod(image_shape)))
        chunk = min(num_samples, max(1, PIXELS_PER_CHUNK // (self._num_images * prod(image_shape))))
        self._log_evidence = compile_log_evidence(model, num_samples, chunk, jit_compile)
        self._seed = seed

    def __call__(self, images, labels, progress=lambda num_images: None):
        """Images [N, H, W, C], labels or None -> log 1/K sum_k w_k, nats [N]. `progress` is told of images done."""

        def of_batch(index, images, labels):
            return self._log_evidence(images, labels, noise_seed(self._seed, Stream.IMPORTANCE_SAMPLES, index)).numpy()

        bounds = []
        rows = cut_full(len(images), self._num_images)  # a smaller last batch would need a second compilation
        with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
            for of_images in over_batches(of_batch, (images, labels), rows, pool.map):
                new = of_images[: len(images) - len(bounds)]
                bounds.extend(new)
                progress(len(new))
        return np.array(bounds, np.float64)


def compile_log_evidence(model, num_samples, chunk, jit_compile):
    """A compiled program: images [B, H, W, C], labels or None, seed -> log 1/K sum_k w_k, nats [B].

    The bottom-up pass runs once for each image. The pass from the codes to the image runs K times, for `chunk` samples
    of every image at once. A running logsumexp keeps memory constant.
    """

    @compiled(jit_compile=jit_compile)
    def log_evidence(images, labels, seed):
        batch = make_batch(images, labels)
        features = model.bottom_up(batch)
        features, batch = repeat_rows((features, batch), chunk)

        def add_chunk(index, log_sum):
            output = model.infer(features, batch.labels, tf.random.fold_in(seed, index, alg=ALGORITHM))
            log_w = tf.reshape(log_weight(output, batch.images), (-1, chunk))
            is_wanted = index * chunk + tf.range(chunk) < num_samples
            log_w = tf.where(is_wanted, log_w, -np.inf)
            return index + 1, tf.reduce_logsumexp(tf.concat([log_sum[:, tf.newaxis], log_w], axis=1), axis=1)

        num_chunks = -(-num_samples // chunk)
        nothing = tf.fill([tf.shape(images)[0]], -np.inf)
        _, log_sum = tf.while_loop(lambda index, _: index < num_chunks, add_chunk, (0, nothing))
        return log_sum - log(num_samples)

    return log_evidence


def excess(bound, lengths, config):
    """How much longer a model's code of an image is than a lossless one: nats [N].

        -log P(x) - L(x)

    P is the probability of the 8-bit values. Where the model has a density p of pixels in [0, 1], a value is 1/255
    wide: log P(x) = log p(x) - D log 255, D = H W C.

    A bound of log p(x) alone favours images that are simple, whatever they show (Nalisnick et al. 2019). What is left
    beyond the complexity tells the unusual from the complex. Higher is more unusual.

    Args:
        bound: of log p(x), nats [N]: the ELBO or the importance-weighted bound.
        lengths: L(x), nats [N], see `image_data.complexity.code_length`.
        config: of the model.

    Reference: Serra et al. (2020), eq. 2.
    """
    width = prod(config.image_shape) * log(255.0) if LIKELIHOODS[config.likelihood].has_one_variance else 0.0
    return width - bound - lengths


def standard_error(values):
    """The standard error of the mean of independent values."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def bits_per_dim(log_likelihood, image_shape):
    """Bits for each value of an 8-bit image, from nats per image.

        -log_likelihood / (D log 2),  D = H W C

    It is valid for a probability of discrete values only, not for the density of a Gaussian.

    Reference: Theis et al. (2016).
    """
    return -log_likelihood / (prod(image_shape) * log(2.0))
