"""How near reconstructions are to their images."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from experiment.preprocessing import make_batch

IMAGES_AT_ONCE = 100


class ReconstructionQuality(NamedTuple):
    """Means over images, of pixels in [0, 1]."""

    reconstruction_mse: float
    reconstruction_psnr: float  # dB
    reconstruction_ssim: float


def reconstruction_quality(model, split):
    """Mean squared error, peak signal-to-noise ratio and structural similarity of images and their reconstructions.

    A reconstruction is the mean of p(x|z) at the codes, the posterior means. PSNR is a mean over images of
    -10 log10 MSE; SSIM is that of Wang, Bovik, Sheikh & Simoncelli (2004), both as TensorFlow computes them.
    """

    @tf.function(reduce_retracing=True)
    def compare(images, labels):
        batch = make_batch(images, labels)
        made = model.decode(model.encode(batch), batch.labels).mean
        mse = tf.reduce_mean(tf.square(made - batch.images), axis=(1, 2, 3))
        return tf.stack([mse, tf.image.psnr(made, batch.images, 1.0), tf.image.ssim(made, batch.images, 1.0)])

    totals = np.zeros(3)
    for start in range(0, len(split.images), IMAGES_AT_ONCE):
        rows = slice(start, start + IMAGES_AT_ONCE)
        labels = None if split.labels is None else split.labels[rows]
        totals += compare(split.images[rows], labels).numpy().astype(np.float64).sum(axis=1)
    return ReconstructionQuality(*(totals / len(split.images)).tolist())
