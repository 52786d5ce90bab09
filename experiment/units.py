"""Single units of a model's codes: where they are, what they carry, and images with some of them moved.

Units are counted from 0 through all levels, the top one first.
"""

from math import prod
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from experiment.audit import level_names
from experiment.evaluation.latents import unit_statistics
from experiment.images import decode_means
from image_data.records import take
from models.distributions import repeat_rows

IMAGES_MEASURED = 2_000  # test images that the units' rates are means over


class Units(NamedTuple):
    """What the units of a model carry, over some images."""

    rates: np.ndarray  # nats [units]
    is_active: np.ndarray  # [units]
    num_images: int
    num_decoded: int  # units that the decoder sees, the first ones

    @property
    def by_rate(self):
        """The units that the decoder sees, that of the highest rate first."""
        return np.argsort(-self.rates[: self.num_decoded], kind="stable").tolist()


def measure_units(model, config, split):
    """The Units of a model, from the first images of a Split as the model is given it."""
    measured = take(split, slice(IMAGES_MEASURED))
    return Units(*unit_statistics(model, measured, config.seed), len(measured.images), config.num_decoded_units)


def locate(config, unit):
    """The level of a unit, the top one being 0, and its place within the level, flattened."""
    for level, shape in enumerate(reversed(config.level_shapes)):
        if unit < prod(shape):
            return level, unit
        unit -= prod(shape)
    raise IndexError(unit)


def by_level(config, values):
    """Values of all units, on the last axis, by the name of their level, the top one first: a dict of arrays."""
    ends = np.cumsum([prod(shape) for shape in reversed(config.level_shapes)])[:-1]
    return dict(zip(level_names(len(config.level_shapes)), np.split(values, ends, axis=-1), strict=True))


def unit_name(config, unit):
    """'unit 3', or 'unit 40 = z1[3, 0, 2]' of a hierarchy."""
    num_levels = len(config.level_shapes)
    if num_levels == 1:
        return f"unit {unit}"
    level, within = locate(config, unit)
    place = np.unravel_index(within, config.level_shapes[num_levels - 1 - level])
    return f"unit {unit} = {level_names(num_levels)[level]}[{', '.join(map(str, place))}]"


def decode_moved(model, config, batch, units, values, label=None):
    """One image with some of its units moved, once for each row of values: means of p(x|z), [N, H, W, C].

    The other units of their levels, and levels above and between, keep the image's codes; levels below all of them take
    the means of their priors.

    Args: batch, a Batch of one image; units [U]; values [N, U], in standard deviations from the mean of a unit's prior
    given the levels above it; label [1, Y], to decode with, where it is another than the image was encoded with.
    """
    labels = repeat_rows(batch.labels if label is None else label, len(values))
    given = repeat_rows(model.encode(batch), len(values))
    places = [locate(config, unit) for unit in units]
    codes = ()
    for level in range(1 + max(level for level, _ in places)):
        prior = model.generate(len(values), labels, (0, 0), 0.0, codes).latents[level].prior
        z, mean, stddev = (
            tf.reshape(each, (len(values), -1)).numpy() for each in (given[level], prior.mean, prior.stddev)
        )
        for column, (of_level, within) in enumerate(places):
            if of_level == level:
                z[:, within] = mean[:, within] + values[:, column] * stddev[:, within]
        codes += (tf.reshape(tf.constant(z), tf.shape(given[level])),)
    return decode_means(model, codes, labels)
