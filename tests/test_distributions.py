"""Every density and divergence against numpy, scipy and Monte Carlo."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from models.distributions import (
    LOG_VAR_BOUND,
    Bernoulli,
    DiagonalGaussian,
    DiscretizedLogistic,
    DiscretizedLogisticLikelihood,
    Gaussian,
    GaussianLikelihood,
    Stream,
    UnitGaussianLikelihood,
    level_seed,
    noise_seed,
    standard_normal,
    uniform,
)

GENERATOR = np.random.default_rng(0)
MEAN, LOG_VAR = GENERATOR.normal(size=(2, 4, 3)).astype(np.float32)
PRIOR_MEAN, PRIOR_LOG_VAR = GENERATOR.normal(size=(2, 4, 3)).astype(np.float32)


def posterior():
    return DiagonalGaussian(tf.constant(MEAN), tf.constant(LOG_VAR))


def prior():
    return DiagonalGaussian(tf.constant(PRIOR_MEAN), tf.constant(PRIOR_LOG_VAR))


def test_log_prob_equals_scipy():
    z = GENERATOR.normal(size=(4, 3)).astype(np.float32)
    expected = stats.norm.logpdf(z, MEAN, np.exp(LOG_VAR / 2)).sum(axis=1)
    np.testing.assert_allclose(posterior().log_prob(z), expected, rtol=1e-5)


def test_kl_equals_numpy_and_monte_carlo():
    variance, prior_variance = np.exp(LOG_VAR), np.exp(PRIOR_LOG_VAR)
    by_numpy = np.log(np.sqrt(prior_variance / variance)) + (variance + (MEAN - PRIOR_MEAN) ** 2) / (2 * prior_variance)
    closed_form = posterior().kl_divergence(prior()).numpy()
    np.testing.assert_allclose(closed_form, by_numpy - 0.5, rtol=1e-4, atol=1e-6)

    num_samples = 200_000
    z = MEAN + np.exp(LOG_VAR / 2) * GENERATOR.normal(size=(num_samples, 4, 3))
    log_ratio = stats.norm.logpdf(z, MEAN, np.exp(LOG_VAR / 2))
    log_ratio -= stats.norm.logpdf(z, PRIOR_MEAN, np.exp(PRIOR_LOG_VAR / 2))
    standard_error = log_ratio.std(axis=0) / np.sqrt(num_samples)
    assert (np.abs(log_ratio.mean(axis=0) - closed_form) < 5 * standard_error).all()


def test_kl_to_the_standard_normal_is_the_formula_of_kingma_and_welling():
    expected = -0.5 * (1 + LOG_VAR - MEAN**2 - np.exp(LOG_VAR))
    kl = posterior().kl_divergence(DiagonalGaussian.standard((4, 3)))
    np.testing.assert_allclose(kl, expected, rtol=1e-4, atol=1e-6)


def test_kl_of_a_distribution_to_itself_is_zero():
    np.testing.assert_allclose(posterior().kl_divergence(posterior()), np.zeros((4, 3)), atol=1e-6)


def test_samples_have_the_mean_and_variance_of_the_distribution():
    wide = DiagonalGaussian(tf.fill((100_000, 2), 3.0), tf.fill((100_000, 2), float(np.log(4.0))))
    z = wide.sample(noise_seed(0)).numpy()
    np.testing.assert_allclose(z.mean(axis=0), 3.0, atol=0.05)
    np.testing.assert_allclose(z.std(axis=0), 2.0, atol=0.05)
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.02
    cold = wide.sample(noise_seed(0), temperature=0.5).numpy()
    np.testing.assert_allclose(cold - 3.0, 0.5 * (z - 3.0), atol=1e-5)


def test_log_var_is_bounded_and_nearly_untouched_where_it_is_small():
    parameters = tf.constant([[0.0, 0.0, 0.0, 1e6, -1e6, 0.5]])
    log_var = DiagonalGaussian.from_parameters(parameters, 10.0).log_var.numpy()[0]
    np.testing.assert_allclose(log_var, [LOG_VAR_BOUND, -LOG_VAR_BOUND, 0.5], rtol=1e-3)


def test_bernoulli_log_prob_equals_scipy():
    logits = GENERATOR.normal(size=(2, 5, 5, 3)).astype(np.float32)
    images = GENERATOR.integers(0, 2, size=logits.shape).astype(np.float32)
    probabilities = 1 / (1 + np.exp(-logits))
    expected = stats.bernoulli.logpmf(images, probabilities).sum(axis=(1, 2, 3))
    bernoulli = Bernoulli(tf.constant(logits))
    np.testing.assert_allclose(bernoulli.log_prob(images), expected, rtol=1e-5)
    np.testing.assert_allclose(bernoulli.mean, probabilities, rtol=1e-5)


def test_bernoulli_log_prob_is_finite_at_extreme_logits():
    logits = tf.constant([200.0, -200.0], shape=(1, 1, 2, 1))
    right = Bernoulli(logits).log_prob(tf.constant([1.0, 0.0], shape=(1, 1, 2, 1)))
    wrong = Bernoulli(logits).log_prob(tf.constant([0.0, 1.0], shape=(1, 1, 2, 1)))
    assert right.numpy() == 0.0
    assert wrong.numpy() == -400.0


def test_bernoulli_probabilities_of_all_images_sum_to_one():
    logits = tf.constant(GENERATOR.normal(size=(1, 2, 2, 1)), tf.float32)
    every_image = np.array([[int(bit) for bit in f"{number:04b}"] for number in range(16)], np.float32)
    log_probs = Bernoulli(tf.tile(logits, (16, 1, 1, 1))).log_prob(every_image.reshape(16, 2, 2, 1))
    assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("log_var", [0.0, -3.0])
def test_gaussian_log_prob_equals_scipy(log_var):
    mean, images = GENERATOR.uniform(size=(2, 2, 4, 4, 3)).astype(np.float32)
    expected = stats.norm.logpdf(images, mean, np.exp(log_var / 2)).sum(axis=(1, 2, 3))
    log_prob = Gaussian(tf.constant(mean), tf.constant(log_var)).log_prob(images)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)


def test_the_best_variance_is_the_mean_squared_error():
    mean, images = GENERATOR.uniform(size=(2, 1, 4, 4, 3)).astype(np.float32)
    best = np.log(np.mean((mean - images) ** 2))
    at = [float(Gaussian(tf.constant(mean), tf.constant(best + step)).log_prob(images)[0]) for step in (-0.1, 0.0, 0.1)]
    assert at[1] > max(at[0], at[2])


def test_mse_is_half_the_squared_error_plus_its_constant():
    parameters = tf.constant(GENERATOR.normal(size=(1, 4, 4, 1)), tf.float32)
    images = GENERATOR.uniform(size=(1, 4, 4, 1)).astype(np.float32)
    squared_error = np.sum((images - tf.sigmoid(parameters).numpy()) ** 2)
    log_prob = UnitGaussianLikelihood()(parameters).log_prob(images).numpy()[0]
    assert -log_prob == pytest.approx(squared_error / 2 + 16 / 2 * np.log(2 * np.pi), rel=1e-5)


def test_densities_sum_over_every_dimension_of_a_spatial_code():
    mean, log_var, z = GENERATOR.normal(size=(3, 2, 4, 4, 3)).astype(np.float32)
    expected = stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=(1, 2, 3))
    log_prob = DiagonalGaussian(tf.constant(mean), tf.constant(log_var)).log_prob(z)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)


def test_kl_is_never_negative():
    nearly = DiagonalGaussian(tf.fill((1, 1000), 1e-4), tf.constant(np.linspace(-1e-3, 1e-3, 1000), tf.float32)[None])
    assert nearly.kl_divergence(DiagonalGaussian.standard((1, 1000))).numpy().min() >= 0.0


def test_gaussian_learns_one_variance():
    layer = GaussianLikelihood()
    layer(tf.zeros((1, 4, 4, 3)))
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [()]


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
    extremes = uniform((10_000_000,), noise_seed(0)).numpy()
    assert 0.0 < extremes.min() < 1e-6 and 1 - 1e-6 < extremes.max() < 1.0
    assert np.isfinite(standard_normal((10_000_000,), noise_seed(0))).all()


def test_seeds_differ_in_run_stream_and_step():
    seeds = {tuple(noise_seed(*key).numpy()) for key in itertools.product((0, 1), Stream, (0, 1))}
    assert len(seeds) == 4 * len(Stream) == 4 * len({int(stream) for stream in Stream})
    draws = [standard_normal((1000,), noise_seed(0, stream, step)).numpy() for stream in (0, 1) for step in (0, 1)]
    correlations = np.corrcoef(draws)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 0.15


def test_discretized_logistic_equals_scipy():
    generator = np.random.default_rng(3)
    values = generator.integers(0, 256, (4, 5, 6, 3))
    values[0, 0, :, 0] = [0, 1, 127, 254, 255, 0]
    mean = generator.uniform(0.1, 0.9, values.shape).astype(np.float32)
    log_scale = generator.uniform(-3.0, -1.0, values.shape).astype(np.float32)
    logistic = stats.logistic(mean.astype(np.float64), np.exp(log_scale.astype(np.float64)))
    upper = np.where(values == 255, 1.0, logistic.cdf((values + 0.5) / 255))
    lower = np.where(values == 0, 0.0, logistic.cdf((values - 0.5) / 255))
    expected = np.log(upper - lower).sum(axis=(1, 2, 3))
    log_prob = DiscretizedLogistic(mean, log_scale).log_prob((values / 255).astype(np.float32))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)


@pytest.mark.parametrize("mean, log_scale", [(0.5, -2.0), (0.0, -6.9), (1.0, 3.0), (0.3, 6.9), (0.7, -7.0)])
def test_the_probabilities_of_the_256_values_sum_to_one(mean, log_scale):
    values = (np.arange(256, dtype=np.float32) / 255).reshape(256, 1, 1, 1)
    every = DiscretizedLogistic(tf.fill(values.shape, mean), tf.fill(values.shape, log_scale)).log_prob(values)
    assert np.exp(every.numpy().astype(np.float64)).sum() == pytest.approx(1.0, rel=1e-3)
    assert np.isfinite(every).all()


def test_discretized_logistic_has_a_location_and_a_bounded_scale_for_every_value():
    layer = DiscretizedLogisticLikelihood()
    parameters = np.random.default_rng(4).normal(0.0, 100.0, (2, 3, 3, 2 * 3)).astype(np.float32)
    likelihood = layer(parameters)
    assert likelihood.mean.shape == likelihood.log_scale.shape == (2, 3, 3, 3)
    np.testing.assert_allclose(likelihood.mean, tf.sigmoid(parameters[..., :3]))
    assert np.abs(likelihood.log_scale).max() <= 7.0
    far = likelihood.log_prob(np.zeros((2, 3, 3, 3), np.float32))
    assert np.isfinite(far).all()


@pytest.mark.parametrize("num_channels", [1, 3])
def test_every_channel_counts(num_channels):
    images = np.random.default_rng(5).integers(0, 2, (2, 4, 4, num_channels)).astype(np.float32)
    logits = np.random.default_rng(6).normal(size=images.shape).astype(np.float32)
    expected = stats.bernoulli.logpmf(images, 1 / (1 + np.exp(-logits))).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(Bernoulli(logits).log_prob(images), expected, rtol=1e-4)


def test_a_shifted_prior_is_the_prior_where_the_network_says_nothing():
    prior = DiagonalGaussian(tf.constant([[1.0, -2.0]]), tf.constant([[-3.0, 0.5]]))
    same = prior.shifted(tf.zeros((1, 4)), 10.0)
    np.testing.assert_array_equal(same.kl_divergence(prior), [[0.0, 0.0]])
    shifted = prior.shifted(tf.constant([[0.5, 1.0, -1.0, 100.0]]), 10.0)
    np.testing.assert_allclose(shifted.mean, [[1.5, -1.0]])
    np.testing.assert_allclose(shifted.log_var, [[-3.0 - 10 * np.tanh(0.1), 10.5]], rtol=1e-6)
    posterior = DiagonalGaussian.standard((1, 2)).shifted(tf.constant([[0.5, 1.0, -1.0, 2.0]]), 10.0)
    expected = DiagonalGaussian.from_parameters(tf.constant([[0.5, 1.0, -1.0, 2.0]]), 10.0)
    np.testing.assert_array_equal(posterior.mean, expected.mean)
    np.testing.assert_array_equal(posterior.log_var, expected.log_var)


def test_levels_have_seeds_of_their_own_and_the_top_that_of_the_pass():
    seeds = [tuple(np.asarray(level_seed(noise_seed(3), level)).tolist()) for level in range(12)]
    assert seeds[0] == tuple(np.asarray(noise_seed(3)).tolist()) and len(set(seeds)) == 12
