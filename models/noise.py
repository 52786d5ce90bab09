"""Noise as a function of its seed: the same bits eagerly, in graphs, under XLA and in a resumed run."""

from enum import IntEnum
from math import sqrt
from typing import Any, NamedTuple

import tensorflow as tf

# Philox gives the same bits eagerly, in graphs, under XLA and on every device. "auto_select" does not, and it is
# eight times slower under XLA on a CPU. XLA also converts bits to floats in its own way, so `uniform` does it.
ALGORITHM = "philox"


class Stream(IntEnum):
    """What a draw of noise is for. Each use has its own stream, so no two uses share their numbers."""

    TRAIN_BINARIZATION = 0
    TRAIN_POSTERIOR = 1
    VALIDATION_BINARIZATION = 2
    TEST_BINARIZATION = 3
    EVALUATION_POSTERIOR = 4
    SAMPLES = 5
    RECONSTRUCTIONS = 6
    CLASSES = 7
    TRAIN_FLIPS = 8
    IMPORTANCE_SAMPLES = 9
    LEVELS = 10
    TRAIN_PRIOR = 11
    RECOGNITION = 12
    PROBE_BINARIZATION = 13
    CHOSEN_BINARIZATION = 14
    TRAIN_TURNS = 15
    TRAIN_SHIFTS = 16
    FRECHET = 17
    TRAIN_INPUT_NOISE = 18
    TRAIN_PERMUTATIONS = 19


class GivenNoise(NamedTuple):
    """Noise in place of a seed, for programs that draw their own: a model takes it as it is.

    levels[0] is the noise of this level, the others that of the levels that are drawn after it. A number, such as 0 for
    the mean, stands for a tensor of its value.
    """

    levels: tuple[Any, ...]


class ShareOfNoise(NamedTuple):
    """A seed whose noise several devices draw together: each draws its own rows of what one device would draw."""

    seed: Any  # an int32 pair
    index: Any  # of the device, an int32 scalar


def share_of_noise(seed):
    """The seed of the device that this is traced for: of the only one, the seed itself."""
    device = tf.distribute.get_replica_context()
    if device.num_replicas_in_sync == 1:
        return seed
    return ShareOfNoise(seed, tf.cast(device.replica_id_in_sync_group, tf.int32))


def uniform(shape, seed):
    """Noise of U(0, 1) without its ends, a function of the seed (an int32 pair, or a ShareOfNoise of it)."""
    if isinstance(seed, ShareOfNoise):
        return uniform_rows(shape, seed.seed, tf.cast(seed.index, tf.int64) * tf.cast(shape[0], tf.int64))
    bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg=ALGORITHM)
    return _as_floats(bits)


def uniform_rows(shape, seed, first):
    """The part of `uniform` that begins at row `first`: shape [N, ...] of rows first to first + N - 1.

    Philox makes four numbers from each value of a counter (Salmon et al. 2011), so it can begin anywhere.
    """
    num_values = tf.reduce_prod(shape)
    skipped = tf.cast(first, tf.int64) * tf.cast(tf.reduce_prod(shape[1:]), tf.int64)
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    counter += tf.stack([tf.cast(skipped // 4, tf.uint64), tf.constant(0, tf.uint64)])
    bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[num_values + 3], key=key, counter=counter, alg=1, dtype=tf.uint32
    )
    return _as_floats(tf.reshape(tf.slice(bits, [tf.cast(skipped % 4, tf.int32)], [num_values]), shape))


def _as_floats(bits):
    """Random bits, uint32, as floats in (0, 1). The shift keeps the 23 that a float32 holds."""
    return (tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) + 0.5) * 2.0**-23


def standard_normal(shape, seed):
    """Noise of N(0, 1), a function of the seed (an int32 pair): the inverse distribution function of `uniform`.

    GivenNoise in place of the seed is returned as it is.
    """
    if isinstance(seed, GivenNoise):
        return seed.levels[0]
    return sqrt(2.0) * tf.math.erfinv(2.0 * uniform(shape, seed) - 1.0)


def noise_seed(run_seed, stream=Stream.SAMPLES, step=0):
    """The seed, an int32 pair, for one Stream of noise at one step of a run."""
    return tf.random.fold_in([run_seed, tf.cast(step, tf.int32)], stream, alg=ALGORITHM)


def level_seed(seed, level):
    """The seed for the noise of one level, from the seed of the whole pass. Level 0 is drawn first."""
    if isinstance(seed, GivenNoise):
        return GivenNoise(seed.levels[level:])
    if isinstance(seed, ShareOfNoise):
        return seed._replace(seed=level_seed(seed.seed, level))
    return seed if level == 0 else tf.random.fold_in(seed, level, alg=ALGORITHM)
