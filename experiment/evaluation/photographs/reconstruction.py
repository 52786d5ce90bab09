"""How near reconstructions are to their images. A reconstruction is the mean of p(x|z) at the posterior means."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data_utils import cut, over_batches
from experiment.training.execution import compiled
from experiment.training.preprocessing import make_batch

IMAGES_AT_ONCE = 100
SSIM_WINDOW = 11  # pixels
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the multi-scale SSIM, the finest scale first


class ReconstructionErrors(NamedTuple):
    """Means over images, of pixels in [0, 1]."""

    reconstruction_mse: float
    reconstruction_psnr: float  # dB


def reconstruction_errors(model, split):
    """Mean squared error, and the mean over images of the peak signal-to-noise ratio, -10 log10 MSE.

    The ratio of an image that is reconstructed exactly is infinite, and so is the mean.
    """

    def compare(images, made):
        mse = tf.reduce_mean(tf.square(made - images), axis=(1, 2, 3))
        return tf.stack([mse, tf.image.psnr(made, images, 1.0)])

    return ReconstructionErrors(*_means(model, split, compare))


def structural_similarity(model, split):
    """The mean over images of the SSIM of Wang, Bovik, Sheikh & Simoncelli (2004), windows of 11x11 pixels."""
    return _means(model, split, lambda images, made: tf.image.ssim(made, images, 1.0)[tf.newaxis])[0]


def num_scales_of(image_shape):
    """How many scales of the multi-scale SSIM an image has room for, at most five: each halves its sides."""
    side = min(image_shape[:2])
    return sum(side >> scale >= SSIM_WINDOW for scale in range(len(SCALE_WEIGHTS)))


def multi_scale_similarity(model, split):
    """The mean over images of the multi-scale SSIM of Wang, Simoncelli & Bovik (2003), and its number of scales.

    The five weights are those of the paper. With fewer scales, the first ones are divided by their sum.
    """
    num_scales = num_scales_of(split.images.shape[1:])
    weights = np.array(SCALE_WEIGHTS[:num_scales]) / sum(SCALE_WEIGHTS[:num_scales])

    def compare(images, made):
        return tf.image.ssim_multiscale(made, images, 1.0, power_factors=weights.tolist())[tf.newaxis]

    return _means(model, split, compare)[0], num_scales


def _means(model, split, compare):
    """The means over the images of a Split of each row of compare(images, reconstructions), [numbers, B]."""

    @compiled(reduce_retracing=True)
    def compare_batch(images, labels):
        batch = make_batch(images, labels)
        return compare(batch.images, model.decode(model.encode(batch), batch.labels).mean)

    def totals_of_batch(index, images, labels):
        return compare_batch(images, labels).numpy().astype("float64").sum(axis=1)

    rows = cut(len(split.images), IMAGES_AT_ONCE)
    totals = sum(over_batches(totals_of_batch, (split.images, split.labels), rows))
    return (totals / len(split.images)).tolist()
