"""uint8 images -> the input of a model: binarisation and scaling, inside the compiled program."""

import tensorflow as tf

from image_data.splits import refuse_other_images
from models.distributions import Batch
from models.noise import Stream, noise_seed, uniform

# Validation and test images are binarised in the same way for all runs: this seed is part of the protocol.
BINARIZATION_SEED = 0


def binarize(images, seed):
    """Draw every pixel from a Bernoulli distribution with its grey value as the probability.

    Args:
        images: uint8 [B, H, W, C].
        seed: an int32 pair.

    Returns:
        uint8 [B, H, W, C] of 0 and 255.

    Reference: Salakhutdinov & Murray (2008).
    """
    refuse_other_images(images)
    is_on = uniform(tf.shape(images), seed) * 255.0 < tf.cast(images, tf.float32)
    return tf.cast(is_on, tf.uint8) * 255


def flip_horizontally(images, seed):
    """Mirror each image of [B, H, W, C] with probability one half. `seed` is an int32 pair."""
    is_mirrored = uniform((tf.shape(images)[0], 1, 1, 1), seed) < 0.5
    return tf.where(is_mirrored, tf.reverse(images, axis=[2]), images)


def perturb(images, step, config):
    """The images of a training step as the model sees them: mirrored, then binarised, each if the Config says so."""
    if config.horizontal_flip:
        images = flip_horizontally(images, noise_seed(config.seed, Stream.TRAIN_FLIPS, step))
    if config.binarization == "dynamic":
        images = binarize(images, noise_seed(config.seed, Stream.TRAIN_BINARIZATION, step))
    return images


def make_batch(images, labels):
    """uint8 images [B, H, W, C] and labels [B, Y] or None -> Batch of float32, pixels scaled to [0, 1].

    Raises: DataError for images of another type or shape.
    """
    refuse_other_images(images)
    return Batch(tf.cast(images, tf.float32) / 255.0, None if labels is None else tf.cast(labels, tf.float32))


def binarize_once(split, binarization, stream):
    """The Split as evaluation sees it. `dynamic` binarisation is drawn once, with the same seed for all runs."""
    if binarization != "dynamic":
        return split
    return split._replace(images=binarize(split.images, noise_seed(BINARIZATION_SEED, stream)).numpy())
