"""Paths between codes: arrays in, arrays out."""

import numpy as np


def straight(start, end, weights):
    """(1 - t) start + t end for each weight t in [0, 1]: codes [N, ...] twice, weights [T] -> [N, T, ...]."""
    weights = _aligned(weights, start)
    return (1.0 - weights) * start[:, np.newaxis] + weights * end[:, np.newaxis]


def spherical(start, end, weights):
    """sin((1 - t) a) / sin(a) start + sin(t a) / sin(a) end, a the angle between the two: [N, T, ...].

    Draws of N(0, I) of L units lie near a sphere of radius sqrt(L); a straight line between two of them runs through
    its inside, where the decoder was seldom trained. Shoemake (1985); White (2016), for latent spaces. Between codes of
    one direction, or of opposite ones, it is the straight line.
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
    """Weights [T] -> [1, T, 1, ...], to go with codes [N, ...]."""
    return np.asarray(weights, np.float32).reshape(1, -1, *(1,) * (codes.ndim - 1))
