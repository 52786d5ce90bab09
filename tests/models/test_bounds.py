"""The bound and its weights, pinned by a model whose log p(x) is exact."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import logsumexp

from models.base import OneLevelModel
from models.bounds import elbo_terms, forward, log_weight
from models.distributions import Batch, DiagonalGaussian
from models.likelihoods import Gaussian
from models.noise import noise_seed
from models.priors import StandardPrior


class LinearGaussian(OneLevelModel):
    """p(z) = N(0, I), p(x|z) = N(W z + b, s^2 I): log p(x) = log N(x; b, W W' + s^2 I)."""

    def __init__(self, encoder_is_exact):
        super().__init__()
        self.built = True  # Keras 3.12 builds no model from a batch without labels
        self.prior_layer = StandardPrior(SimpleNamespace(num_units=2))
        generator = np.random.default_rng(0)
        self.w = generator.normal(size=(6, 2))
        self.b = generator.normal(size=6)
        self.log_var = -0.7
        precision = np.eye(2) + self.w.T @ self.w / np.exp(self.log_var)
        self.covariance = np.linalg.inv(precision)
        self.encoder_is_exact = encoder_is_exact

    def log_evidence(self, x):
        covariance = self.w @ self.w.T + np.exp(self.log_var) * np.eye(6)
        return stats.multivariate_normal(self.b, covariance).logpdf(x)

    def bottom_up(self, batch):
        x = tf.reshape(batch.images, (-1, 6))
        mean = tf.matmul(x - self.b, tf.constant(self.w @ self.covariance / np.exp(self.log_var), tf.float32))
        # The exact posterior is correlated; its best diagonal approximation has the inverse diagonal precision.
        variance = 1 / np.diag(np.linalg.inv(self.covariance))
        log_var = tf.ones_like(mean) * tf.constant(np.log(variance), tf.float32)
        return DiagonalGaussian(mean if self.encoder_is_exact else 0.8 * mean, log_var)

    def likelihood_of(self, z, labels=None):
        mean = tf.matmul(z, tf.constant(self.w.T, tf.float32)) + tf.constant(self.b, tf.float32)
        return Gaussian(tf.reshape(mean, (-1, 2, 3, 1)), tf.constant(self.log_var))


@pytest.fixture
def model():
    return LinearGaussian(encoder_is_exact=False)


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=6)


def importance_samples(model, x, count):
    images = tf.constant(np.tile(x, (count, 1)).reshape(count, 2, 3, 1), tf.float32)
    return model.infer(model.bottom_up(Batch(images)), None, noise_seed(0)), images  # which are not in [0, 1]


def test_importance_weighted_bound_reaches_the_exact_evidence(model, x):
    output, images = importance_samples(model, x, 200_000)
    log_w = log_weight(output, images).numpy().astype(np.float64)
    exact = model.log_evidence(x)
    bounds = [np.mean(logsumexp(log_w.reshape(-1, k), axis=1) - np.log(k)) for k in (1, 10, 100, 5000)]
    assert bounds == sorted(bounds), "the bound rises with the number of samples (Burda et al. 2016, theorem 1)"
    assert bounds[0] < exact - 0.05
    weights = np.exp(log_w - exact)
    standard_error = weights.std() / np.sqrt(len(weights))
    assert standard_error < 0.005
    assert logsumexp(log_w) - np.log(len(log_w)) == pytest.approx(exact, abs=5 * standard_error)


def test_elbo_is_the_expectation_of_the_log_weight_and_below_the_evidence(model, x):
    output, images = importance_samples(model, x, 200_000)
    elbo = elbo_terms(output, images).elbo.numpy().astype(np.float64)
    log_w = log_weight(output, images).numpy().astype(np.float64)
    standard_error = np.hypot(elbo.std(), log_w.std()) / np.sqrt(len(elbo))
    assert abs(elbo.mean() - log_w.mean()) < 5 * standard_error
    assert elbo.mean() < model.log_evidence(x)


def test_the_gap_of_the_elbo_is_the_kl_to_the_exact_posterior(x):
    model = LinearGaussian(encoder_is_exact=True)
    output, images = importance_samples(model, x, 200_000)
    elbo = elbo_terms(output, images).elbo.numpy().astype(np.float64).mean()
    diagonal = np.exp(output.latents[0].posterior.log_var[0].numpy().astype(np.float64))
    _, log_determinant = np.linalg.slogdet(model.covariance)
    gap = 0.5 * (np.trace(np.linalg.inv(model.covariance) @ np.diag(diagonal)) - 2 + log_determinant)
    gap -= 0.5 * np.sum(np.log(diagonal))
    assert model.log_evidence(x) - elbo == pytest.approx(gap, abs=0.02)


def test_terms_are_sums_over_pixels_and_units(model, x):
    output, images = importance_samples(model, x, 5)
    terms = elbo_terms(output, images)
    latent = output.latents[0]
    expected_rate = -0.5 * np.sum(
        1 + latent.posterior.log_var - latent.posterior.mean**2 - np.exp(latent.posterior.log_var), axis=1
    )
    mean = output.likelihood.mean.numpy()
    expected_distortion = -stats.norm.logpdf(images, mean, np.exp(-0.35)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(terms.rate, expected_rate[:, np.newaxis], rtol=1e-4)
    np.testing.assert_allclose(terms.distortion, expected_distortion, rtol=1e-4)
    np.testing.assert_allclose(terms.elbo, -expected_distortion - expected_rate, rtol=1e-4)


def test_inference_sees_other_images_and_the_bound_is_that_of_the_batch(model):
    """With one pair of seeds, q(z|seen) is that of a batch of the seen images, and log p(x|z) that of the images."""
    generator = np.random.default_rng(2)
    images, seen = generator.uniform(size=(2, 4, 2, 3, 1)).astype(np.float32)
    passed = forward(model, Batch(images, seen=seen), noise_seed(3), num_samples=2)
    of_seen = model(Batch(seen), noise_seed(3), num_samples=2)
    np.testing.assert_array_equal(passed.latents[0].posterior.mean, of_seen.latents[0].posterior.mean)
    expected = -of_seen.likelihood.log_prob(np.repeat(images, 2, axis=0))
    np.testing.assert_allclose(passed.terms.distortion, expected, rtol=1e-6)
    assert not np.allclose(passed.terms.distortion, forward(model, Batch(seen), noise_seed(3), 2).terms.distortion)
