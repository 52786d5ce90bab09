"""uint8 images -> the input of a model: binarisation and scaling, inside the compiled program."""

import numpy as np
import tensorflow as tf

from data_utils import cut
from image_data.splits import refuse_other_images
from models.distributions import Batch
from models.noise import Stream, noise_seed, share_of_noise, uniform, uniform_rows

# Validation and test images are binarised in the same way for all runs: this seed is part of the protocol.
BINARIZATION_SEED = 0
IMAGES_AT_ONCE = 1_000


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
        images = flip_horizontally(images, share_of_noise(noise_seed(config.seed, Stream.TRAIN_FLIPS, step)))
    if config.binarization == "dynamic":
        images = binarize(images, share_of_noise(noise_seed(config.seed, Stream.TRAIN_BINARIZATION, step)))
    return images


def make_batch(images, labels):
    """uint8 images [B, H, W, C] and labels [B, Y] or None -> Batch of float32, pixels scaled to [0, 1].

    Raises: DataError for images of another type or shape.
    """
    refuse_other_images(images)
    return Batch(tf.cast(images, tf.float32) / 255.0, None if labels is None else tf.cast(labels, tf.float32))


def binarize_once(split, binarization, stream):
    """The Split as evaluation sees it. `dynamic` binarisation is drawn once, with the same seed for all runs."""
    read = binarize_when_read(split, binarization, stream)
    return split if read is split else read._replace(images=read.images[:])


def binarize_when_read(split, binarization, stream):
    """The same Split, each of whose images is drawn when it is read: for more images than memory holds."""
    if binarization != "dynamic":
        return split
    return split._replace(images=BinaryImages(split.images, noise_seed(BINARIZATION_SEED, stream)))


class BinaryImages:
    """An array of images that are binarised when they are read. A pixel is the same however it is read.

    It holds uint8 [N, H, W, C] of 0 and 255, as `binarize` makes them of all images at once.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, images, seed):
        refuse_other_images(images)
        self._images, self._seed, self.shape = images, seed, images.shape

    def __len__(self):
        return len(self._images)

    def __getitem__(self, rows):
        """The images of a slice, or of indices that lie near each other."""
        if not isinstance(rows, slice):
            return self[min(rows) : max(rows) + 1][rows - min(rows)]
        start, stop, _ = rows.indices(len(self))
        binary = np.empty((max(0, stop - start), *self.shape[1:]), np.uint8)
        for at in cut(len(binary), IMAGES_AT_ONCE):
            images = self._images[start:stop][at]
            probability = uniform_rows(images.shape, self._seed, start + at.start).numpy() * np.float32(255.0)
            binary[at] = 255 * (probability < images)
        return binary
