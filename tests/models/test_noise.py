"""Noise has its distribution, is a function of its seed, and is the same on every machine and in every version."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from models.noise import GivenNoise, Stream, level_seed, noise_seed, standard_normal, uniform, uniform_rows


def test_noise_is_the_same_eagerly_in_a_graph_and_under_xla():
    def draw(step):  # an argument, or the compiler would draw constants with its own host's kernels
        seed = noise_seed(5, Stream.CLASSES, step)
        return standard_normal((1000,), seed), uniform((1000,), seed)

    step = tf.constant(6)
    eager, graph, xla = draw(step), tf.function(draw)(step), tf.function(draw, jit_compile=True)(step)
    for other in (graph, xla):
        np.testing.assert_allclose(other[0], eager[0], rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(other[1], eager[1])


def test_noise_has_the_distribution_of_its_name():
    assert stats.kstest(uniform((20_000,), noise_seed(0)).numpy(), "uniform").pvalue > 0.001
    assert stats.kstest(standard_normal((20_000,), noise_seed(0)).numpy(), "norm").pvalue > 0.001
    extremes = uniform((1_000_000,), noise_seed(0)).numpy()
    assert 0.0 < extremes.min() < 1e-5 and 1 - 1e-5 < extremes.max() < 1.0
    assert np.isfinite(standard_normal((1_000_000,), noise_seed(0))).all()


def test_seeds_differ_in_run_stream_and_step():
    seeds = {tuple(noise_seed(*key).numpy()) for key in itertools.product((0, 1), Stream, (0, 1))}
    assert len(seeds) == 4 * len(Stream) == 4 * len({int(stream) for stream in Stream})
    draws = [standard_normal((1000,), noise_seed(0, stream, step)).numpy() for stream in (0, 1) for step in (0, 1)]
    correlations = np.corrcoef(draws)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 0.15


def test_levels_have_seeds_of_their_own_and_the_top_that_of_the_pass():
    seeds = [tuple(np.asarray(level_seed(noise_seed(3), level)).tolist()) for level in range(12)]
    assert seeds[0] == tuple(np.asarray(noise_seed(3)).tolist()) and len(set(seeds)) == 12


def test_given_noise_takes_the_place_of_a_seed_level_by_level():
    given = GivenNoise((tf.constant([1.0]), tf.constant([2.0]), 0.0))
    drawn = [standard_normal((1,), level_seed(given, level)) for level in range(3)]
    assert [float(noise) for noise in drawn] == [1.0, 2.0, 0.0]


def test_streams_keep_their_numbers():
    """Whoever changes one changes the bits of every run that was made, and can resume none of them."""
    assert {stream.name: int(stream) for stream in Stream} == {
        "TRAIN_BINARIZATION": 0,
        "TRAIN_POSTERIOR": 1,
        "VALIDATION_BINARIZATION": 2,
        "TEST_BINARIZATION": 3,
        "EVALUATION_POSTERIOR": 4,
        "SAMPLES": 5,
        "RECONSTRUCTIONS": 6,
        "CLASSES": 7,
        "TRAIN_FLIPS": 8,
        "IMPORTANCE_SAMPLES": 9,
        "LEVELS": 10,
        "TRAIN_PRIOR": 11,
        "RECOGNITION": 12,
        "PROBE_BINARIZATION": 13,
        "CHOSEN_BINARIZATION": 14,
        "TRAIN_TURNS": 15,
        "TRAIN_SHIFTS": 16,
        "FRECHET": 17,
        "TRAIN_INPUT_NOISE": 18,
        "TRAIN_PERMUTATIONS": 19,
    }
    assert noise_seed(3, Stream.SAMPLES, 7).numpy().tolist() == [99675130, 5]
    assert noise_seed(0, Stream.TRAIN_POSTERIOR, 100).numpy().tolist() == [-2130391324, 1]
    assert level_seed(noise_seed(1), 2).numpy().tolist() == [1997674027, 2]
    drawn = uniform((3,), noise_seed(3, Stream.SAMPLES, 7)).numpy().tolist()
    assert drawn == [0.2433595061302185, 0.6427149176597595, 0.7271507382392883]
    np.testing.assert_allclose(standard_normal((3,), noise_seed(0)), [-1.3978125, -0.7289369, 1.1338462], rtol=1e-6)


@pytest.mark.parametrize("shape", [(9, 4, 4, 1), (7, 3, 5, 3), (11, 3)])
def test_rows_are_those_of_all_rows_at_once(shape):
    seed = noise_seed(3, Stream.TEST_BINARIZATION)
    together = uniform(shape, seed).numpy()
    for first in range(shape[0]):
        np.testing.assert_array_equal(uniform_rows((shape[0] - first, *shape[1:]), seed, first), together[first:])
