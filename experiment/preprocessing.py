"""uint8 images -> what a model sees: scaling and binarisation, inside the compiled program."""

import numpy as np
import tensorflow as tf

from data_utils import Split
from models.distributions import Batch, noise_seed

# The draw that binarises validation and test images is part of the protocol, not of a run.
BINARIZATION_SEED = 0


def make_batch(images, labels, binarization, seed):
    """uint8 images [B, H, W, C] and labels [B, Y] or None -> Batch of float32.

    With `dynamic` binarisation every pixel is a Bernoulli draw of its grey value (Salakhutdinov & Murray 2008);
    `seed` is an int32 pair. Otherwise pixels are scaled to [0, 1].
    """
    scaled = tf.cast(images, tf.float32) / 255.0
    if binarization == "dynamic":
        scaled = tf.cast(tf.random.stateless_uniform(tf.shape(scaled), seed) < scaled, tf.float32)
    return Batch(scaled, None if labels is None else tf.cast(labels, tf.float32))


def binarize_once(split, binarization):
    """The split as evaluation sees it: under `dynamic` binarisation drawn once, as uint8 0 and 255; else itself."""
    if binarization != "dynamic":
        return split
    binary = make_batch(split.images, None, binarization, noise_seed(BINARIZATION_SEED)).images
    return Split((binary.numpy() * 255).astype(np.uint8), split.labels)
