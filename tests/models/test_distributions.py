"""The Gaussian of codes against numpy, scipy and Monte Carlo."""

import numpy as np
import tensorflow as tf
from scipy import stats

from models.distributions import DiagonalGaussian, Latent
from models.noise import noise_seed

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

    num_samples = 100_000
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
    np.testing.assert_allclose(log_var, [10.0, -10.0, 0.5], rtol=1e-3)


def test_densities_sum_over_every_dimension_of_a_spatial_code():
    mean, log_var, z = GENERATOR.normal(size=(3, 2, 4, 4, 3)).astype(np.float32)
    expected = stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=(1, 2, 3))
    log_prob = DiagonalGaussian(tf.constant(mean), tf.constant(log_var)).log_prob(z)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)


def test_kl_is_never_negative():
    nearly = DiagonalGaussian(tf.fill((1, 1000), 1e-4), tf.constant(np.linspace(-1e-3, 1e-3, 1000), tf.float32)[None])
    assert nearly.kl_divergence(DiagonalGaussian.standard((1, 1000))).numpy().min() >= 0.0


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


def test_a_level_has_its_rate_its_shift_and_its_log_ratio():
    z = GENERATOR.normal(size=(4, 3)).astype(np.float32)
    level = Latent(z, posterior(), prior())
    np.testing.assert_allclose(level.rate, posterior().kl_divergence(prior()).numpy().sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(level.shift, (MEAN - PRIOR_MEAN) / np.exp(PRIOR_LOG_VAR / 2), rtol=1e-5)
    expected = stats.norm.logpdf(z, PRIOR_MEAN, np.exp(PRIOR_LOG_VAR / 2)).sum(axis=1)
    expected -= stats.norm.logpdf(z, MEAN, np.exp(LOG_VAR / 2)).sum(axis=1)
    np.testing.assert_allclose(level.log_ratio, expected, rtol=1e-4, atol=1e-5)
