"""uint8 images -> the input of a model: augmentation, binarisation and scaling, inside the compiled program."""

from functools import partial

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


def turn(images, seed):
    """Turn each square image of [B, N, N, C] by 0, 1, 2 or 3 quarters of a circle, all with the same probability."""
    quarters = tf.floor(4.0 * uniform((tf.shape(images)[0], 1, 1, 1), seed))
    is_half, is_quarter = quarters >= 2.0, quarters % 2.0 == 1.0
    images = tf.where(is_half, tf.reverse(images, axis=[1, 2]), images)
    return tf.where(is_quarter, tf.reverse(tf.transpose(images, (0, 2, 1, 3)), axis=[1]), images)


def shift(images, seed, most):
    """Move each image of [B, H, W, C] by up to `most` pixels in both directions; its edges are mirrored."""
    num_images, height, width, _ = tf.unstack(tf.shape(images))
    padded = tf.pad(images, [[0, 0], [most, most], [most, most], [0, 0]], "SYMMETRIC")
    first = tf.cast(tf.floor((2 * most + 1) * uniform((num_images, 2), seed)), tf.int32)
    rows, columns = first[:, :1] + tf.range(height), first[:, 1:] + tf.range(width)
    return tf.gather(tf.gather(padded, rows, batch_dims=1), columns, axis=2, batch_dims=1)


def changes_of(config):
    """What makes the images of a training step of those of the data set: a Stream and a function each, in this order.

    Each function takes images [B, H, W, C] and a seed.
    """
    wanted = {
        Stream.TRAIN_FLIPS: config.horizontal_flip and flip_horizontally,
        Stream.TRAIN_TURNS: config.quarter_turns and turn,
        Stream.TRAIN_SHIFTS: config.shift and partial(shift, most=config.shift),
        Stream.TRAIN_BINARIZATION: config.binarization == "dynamic" and binarize,
    }
    return [(stream, change) for stream, change in wanted.items() if change]


def perturb(images, step, config):
    """The images of a training step as the model sees them: what `changes_of` makes of them."""
    for stream, change in changes_of(config):
        images = change(images, share_of_noise(noise_seed(config.seed, stream, step)))
    return images


def make_batch(images, labels):
    """uint8 images [B, H, W, C] and labels [B, Y] or None -> Batch of float32, pixels scaled to [0, 1].

    Raises: DataError for images of another type or shape.
    """
    refuse_other_images(images)
    return Batch(tf.cast(images, tf.float32) / 255.0, None if labels is None else tf.cast(labels, tf.float32))


def add_input_noise(batch, step, config):
    """The Batch whose encoder sees a share config.input_noise of all pixels inverted, others at each step.

    Reference: Im, Ahn, Memisevic & Bengio (2017).
    """
    if not config.input_noise:
        return batch
    seed = share_of_noise(noise_seed(config.seed, Stream.TRAIN_INPUT_NOISE, step))
    is_inverted = uniform(tf.shape(batch.images), seed) < config.input_noise
    return batch._replace(seen=tf.where(is_inverted, 1.0 - batch.images, batch.images))


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
