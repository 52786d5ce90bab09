"""How close reconstructions are to their images."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data_utils import cut, over_batches
from experiment.training.execution import compiled
from experiment.training.preprocessing import make_batch

IMAGES_AT_ONCE = 100


class ReconstructionQuality(NamedTuple):
    """Means over images, for pixels in [0, 1]."""

    reconstruction_mse: float
    reconstruction_psnr: float  # dB
    reconstruction_ssim: float


def reconstruction_quality(model, split):
    """Mean squared error, peak signal-to-noise ratio and structural similarity of images and their reconstructions.

        PSNR = -10 log10 MSE, a mean over images

    A reconstruction is the mean of p(x|z) at the codes, the posterior means. PSNR and SSIM are as TensorFlow computes
    them.

    Args:
        model: a LatentVariableModel.
        split: a Split.

    Returns:
        ReconstructionQuality.

    Reference: Wang, Bovik, Sheikh & Simoncelli (2004) for SSIM.
    """

    @compiled(reduce_retracing=True)
    def compare(images, labels):
        batch = make_batch(images, labels)
        made = model.decode(model.encode(batch), batch.labels).mean
        mse = tf.reduce_mean(tf.square(made - batch.images), axis=(1, 2, 3))
        return tf.stack([mse, tf.image.psnr(made, batch.images, 1.0), tf.image.ssim(made, batch.images, 1.0)])

    def totals_of_batch(index, images, labels):
        return compare(images, labels).numpy().astype(np.float64).sum(axis=1)

    rows = cut(len(split.images), IMAGES_AT_ONCE)
    totals = sum(over_batches(totals_of_batch, (split.images, split.labels), rows))
    return ReconstructionQuality(*(totals / len(split.images)).tolist())
