"""Codes and the images they decode to: the rate of single units, moved units, paths between codes.

Units are counted from 0 through all levels, top level first.
"""

from math import prod
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data_utils import cut, over_batches
from experiment.settings.words import level_names
from models.distributions import repeat_rows

AT_ONCE = 32  # images, so that memory does not grow with their number


class Units(NamedTuple):
    """The rate (KL) and activity of each unit of a model, over some images."""

    rates: np.ndarray  # nats [units], the KL of each unit, means over images
    is_active: np.ndarray  # [units]
    num_images: int
    num_decoded: int  # how many units the decoder sees; they are the first ones

    @property
    def by_rate(self):
        """The units that the decoder sees, highest rate first."""
        return np.argsort(-self.rates[: self.num_decoded], kind="stable").tolist()

    @classmethod
    def of(cls, inferred, config):
        """The Units of an Inferred."""
        return cls(inferred.rate_per_unit, inferred.is_active, inferred.num_images, config.num_decoded_units)


def locate(config, unit):
    """The level of a unit (0 is the top), and the unit's index within the flattened level."""
    for level, shape in enumerate(reversed(config.level_shapes)):
        if unit < prod(shape):
            return level, unit
        unit -= prod(shape)
    raise IndexError(unit)


def by_level(config, values):
    """Split values [..., units] by level: a dict of arrays by the name of the level, top level first."""
    ends = np.cumsum([prod(shape) for shape in reversed(config.level_shapes)])[:-1]
    return dict(zip(level_names(len(config.level_shapes)), np.split(values, ends, axis=-1), strict=True))


def unit_name(config, unit):
    """'unit 3', or 'unit 40 = z1[3, 0, 2]' in a hierarchy."""
    num_levels = len(config.level_shapes)
    if num_levels == 1:
        return f"unit {unit}"
    level, within = locate(config, unit)
    place = np.unravel_index(within, config.level_shapes[num_levels - 1 - level])
    return f"unit {unit} = {level_names(num_levels)[level]}[{', '.join(map(str, place))}]"


def decode_moved(model, config, batch, units, values, label=None):
    """One image with some of its units moved, once for each row of values.

    All other units of these levels, and of the levels above and between, keep the image's codes. Levels below them take
    the means of their priors.

    Args:
        model: a LatentVariableModel.
        config: its Config.
        batch: a Batch of one image.
        units: indices [U].
        values: [N, U], in standard deviations from the mean of the unit's prior, given the levels above it.
        label: [1, Y] to decode with; None decodes with the label that the image was encoded with.

    Returns:
        Means of p(x|z), [N, H, W, C].
    """
    label, encoded = batch.labels if label is None else label, model.encode(batch)
    places = [locate(config, unit) for unit in units]

    def decode(index, values):
        labels, given = repeat_rows((label, encoded), len(values))
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
        return model.decode(codes, labels).mean.numpy()

    return np.concatenate(list(over_batches(decode, (values,), cut(len(values), AT_ONCE))))


def decode_means(model, codes, labels=None):
    """Means of p(x|z) for codes: [N, H, W, C].

    Args:
        model: a LatentVariableModel.
        codes: a sequence, top level first, of N rows each.
        labels: [N, Y], or None.
    """

    def decode(index, labels, *codes):
        labels = None if labels is None else tf.constant(labels, tf.float32)
        return model.decode(tuple(tf.constant(each, tf.float32) for each in codes), labels).mean.numpy()

    rows = cut(len(codes[0]), AT_ONCE)
    return np.concatenate(list(over_batches(decode, (labels, *codes), rows)))


def straight(start, end, weights):
    """The straight line between codes.

        (1 - t) start + t end

    Args:
        start: codes [N, ...].
        end: codes [N, ...].
        weights: t in [0, 1], [T].

    Returns:
        [N, T, ...].
    """
    weights = _aligned(weights, start)
    return (1.0 - weights) * start[:, np.newaxis] + weights * end[:, np.newaxis]


def spherical(start, end, weights):
    """Spherical interpolation between codes, with the angle a between start and end.

        sin((1 - t) a) / sin(a) start + sin(t a) / sin(a) end

    Draws from N(0, I) of L units lie near a sphere of radius sqrt(L). A straight line between two of them runs through
    the inside, where the decoder was seldom trained. Between codes of the same or opposite direction, the path is the
    straight line.

    Args:
        start: codes [N, ...].
        end: codes [N, ...].
        weights: t in [0, 1], [T].

    Returns:
        [N, T, ...].

    Reference: Shoemake (1985); White (2016) for latent spaces.
    """
    flat = [codes.reshape(len(codes), -1) for codes in (start, end)]
    norms = np.linalg.norm(flat[0], axis=1) * np.linalg.norm(flat[1], axis=1)
    cosine = np.where(norms > 0, np.sum(flat[0] * flat[1], axis=1) / np.where(norms > 0, norms, 1.0), 1.0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0)).reshape(-1, *(1,) * start.ndim)
    weights = _aligned(weights, start)
    is_plane = np.sin(angle) > 1e-4
    sine = np.where(is_plane, np.sin(angle), 1.0)
    of_start = np.where(is_plane, np.sin((1.0 - weights) * angle) / sine, 1.0 - weights)
    of_end = np.where(is_plane, np.sin(weights * angle) / sine, weights)
    return of_start * start[:, np.newaxis] + of_end * end[:, np.newaxis]


def _aligned(weights, codes):
    """Weights [T] -> [1, T, 1, ...], to broadcast with codes [N, ...]."""
    return np.asarray(weights, np.float32).reshape(1, -1, *(1,) * (codes.ndim - 1))
