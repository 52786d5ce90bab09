"""Codes whose disentanglement is known."""

import numpy as np

NUM_VALUES = (4, 5, 6)
FACTORS = np.tile(np.stack(np.unravel_index(np.arange(np.prod(NUM_VALUES)), NUM_VALUES), axis=-1), (25, 1))
RNG = np.random.default_rng(0)
IDENTITY = FACTORS + 0.01 * RNG.standard_normal(FACTORS.shape)
NOISE = RNG.standard_normal(FACTORS.shape)
CONSTANT = np.zeros(FACTORS.shape)
PERMUTED = IDENTITY[:, [2, 0, 1]] * [-3.0, 0.5, 7.0]  # units have no order, sign or scale
DUPLICATED = np.concatenate([IDENTITY, IDENTITY], axis=1)
WITH_UNUSED = np.concatenate([IDENTITY, CONSTANT[:, :2]], axis=1)  # two units that say nothing
ROTATED = IDENTITY @ np.linalg.qr(RNG.standard_normal((3, 3)))[0]
