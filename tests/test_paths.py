"""Paths between codes, against their definitions."""

import numpy as np
import pytest

from experiment.paths import spherical, straight

WEIGHTS = np.linspace(0, 1, 5)


@pytest.mark.parametrize("path", [straight, spherical])
@pytest.mark.parametrize("shape", [(6,), (4, 4, 2)])
def test_both_ends_are_on_every_path(path, shape):
    start, end = np.random.default_rng(0).standard_normal((2, 3, *shape)).astype(np.float32)
    codes = path(start, end, WEIGHTS)
    assert codes.shape == (3, 5, *shape)
    np.testing.assert_allclose(codes[:, 0], start, atol=1e-5)
    np.testing.assert_allclose(codes[:, -1], end, atol=1e-5)


def test_the_middle_of_a_straight_line_is_the_mean():
    start, end = np.array([[1.0, 2.0]]), np.array([[3.0, -2.0]])
    np.testing.assert_allclose(straight(start, end, [0.5])[0, 0], [2.0, 0.0])


def test_a_spherical_path_keeps_the_norm_and_turns_evenly():
    start, end = np.array([[2.0, 0.0, 0.0]]), np.array([[0.0, 2.0, 0.0]])
    codes = spherical(start, end, WEIGHTS)[0]
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 2.0, rtol=1e-6)
    np.testing.assert_allclose(np.arctan2(codes[:, 1], codes[:, 0]), WEIGHTS * np.pi / 2, atol=1e-6)


@pytest.mark.parametrize("end", [[[2.0, 4.0]], [[-1.0, -2.0]], [[0.0, 0.0]], [[1.0, 2.0]]])
def test_where_two_codes_span_no_plane_the_path_is_straight(end):
    start, end = np.array([[1.0, 2.0]]), np.array(end)
    np.testing.assert_allclose(spherical(start, end, WEIGHTS), straight(start, end, WEIGHTS), atol=1e-3)
