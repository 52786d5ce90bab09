"""Priors against scipy, numpy and Monte Carlo, and the models that have them."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import logsumexp

from experiment.settings.refusals import ConfigError
from experiment.training.preprocessing import make_batch
from models.bounds import elbo_terms, log_weight
from models.build import build_model
from models.distributions import Batch, DiagonalGaussian
from models.noise import noise_seed
from models.priors import Mixture, MixtureLatent

RNG = np.random.default_rng(0)
WEIGHTS, MEANS = np.array([0.2, 0.5, 0.3]), RNG.normal(size=(3, 4)) * 2
LOG_VARS = RNG.normal(size=(3, 4))


def mixture(num_images):
    components = DiagonalGaussian(tf.constant(MEANS, tf.float32), tf.constant(LOG_VARS, tf.float32))
    return Mixture(tf.constant(np.log(WEIGHTS), tf.float32), components, num_images)


def log_density(z):
    parts = [stats.multivariate_normal(m, np.diag(np.exp(v))).logpdf(z) for m, v in zip(MEANS, LOG_VARS, strict=True)]
    return logsumexp(np.array(parts) + np.log(WEIGHTS)[:, np.newaxis], axis=0)


def test_the_density_of_a_mixture_is_that_of_scipy():
    z = RNG.normal(size=(50, 4)) * 3
    found = mixture(50).log_prob(tf.constant(z, tf.float32))
    np.testing.assert_allclose(found, log_density(z), rtol=2e-5, atol=1e-4)


def test_samples_of_a_mixture_have_its_moments_and_its_components():
    prior = mixture(200_000)
    z = prior.sample(noise_seed(0)).numpy()
    np.testing.assert_allclose(z.mean(axis=0), prior.mean[0], atol=0.03)
    np.testing.assert_allclose(z.std(axis=0), prior.stddev[7], atol=0.03)
    assert prior.mean.shape == prior.stddev.shape == (200_000, 4)
    centres = mixture(20_000).sample(noise_seed(1), temperature=0.0).numpy()
    nearest = np.argmin(np.square(centres[:, np.newaxis] - MEANS).sum(axis=-1), axis=1)
    np.testing.assert_allclose(centres, MEANS[nearest], atol=1e-6)
    np.testing.assert_allclose(np.bincount(nearest) / 20_000, WEIGHTS, atol=0.015)


def test_the_rate_of_a_mixture_is_the_kl_by_monte_carlo():
    posterior = DiagonalGaussian(tf.fill((100_000, 4), 0.7), tf.fill((100_000, 4), -0.5))
    latent = MixtureLatent(posterior.sample(noise_seed(2)), posterior, mixture(100_000))
    q = stats.norm(0.7, np.exp(-0.25))
    z = q.rvs(size=(200_000, 4), random_state=3)
    exact = np.mean(q.logpdf(z).sum(axis=1) - log_density(z))
    assert np.mean(latent.rate) == pytest.approx(exact, abs=0.03)
    single = Mixture(tf.zeros(1), DiagonalGaussian(tf.zeros((1, 4)), tf.zeros((1, 4))), 100_000)
    standard = latent._replace(prior=single)
    closed = 0.5 * 4 * (np.exp(-0.5) + 0.7**2 - 1 + 0.5)
    assert np.mean(standard.rate) == pytest.approx(closed, abs=0.02)
    np.testing.assert_allclose(tf.reduce_sum(standard.rate_per_unit[0]), closed, rtol=1e-5)


def test_a_prior_of_classes_is_a_gaussian_for_each_label_and_begins_as_the_standard_one(make_config, split):
    config = make_config(is_cvae=True, prior="class")
    model, batch = build_model(config), make_batch(split.images[:9], split.labels[:9])
    standard = build_model(make_config(is_cvae=True))
    np.testing.assert_allclose(model.prior(9, batch.labels).log_var, np.zeros((9, 3)))
    table = RNG.normal(size=(3, 6)).astype(np.float32)
    model.prior_layer.head.kernel.assign(table)
    latent = model(batch, noise_seed(0)).latents[0]
    mean, log_var = np.split(table[np.argmax(split.labels[:9], axis=1)], 2, axis=1)
    log_var = 10 * np.tanh(log_var / 10)
    q_mean, q_log_var = latent.posterior.mean.numpy(), latent.posterior.log_var.numpy()
    expected = 0.5 * (log_var - q_log_var + (np.exp(q_log_var) + (q_mean - mean) ** 2) / np.exp(log_var) - 1)
    np.testing.assert_allclose(latent.rate, expected.sum(axis=1), rtol=1e-4)
    assert len(model.trainable_variables) == len(standard.trainable_variables) + 2


def test_a_vamp_prior_is_the_mean_of_the_posteriors_of_its_pseudo_inputs(make_config, split):
    model = build_model(make_config(prior="vamp", num_components=7))
    pseudo_inputs = tf.sigmoid(model.prior_layer.pseudo_inputs)
    assert pseudo_inputs.shape == (7, 8, 8, 1) and 0.1 < np.mean(pseudo_inputs) < 0.25
    posterior = model.bottom_up(Batch(pseudo_inputs))
    output = model(make_batch(split.images[:5], None), noise_seed(0))
    (latent,) = output.latents
    z = latent.z.numpy()[:, np.newaxis]
    densities = stats.norm.logpdf(z, posterior.mean, np.exp(0.5 * posterior.log_var)).sum(axis=-1)
    expected = logsumexp(densities, axis=1) - np.log(7)
    np.testing.assert_allclose(latent.prior.log_prob(latent.z), expected, rtol=1e-4)
    images = make_batch(split.images[:5], None).images
    log_w = output.likelihood.log_prob(images) + expected - latent.posterior.log_prob(latent.z)
    np.testing.assert_allclose(log_weight(output, images), log_w, rtol=1e-5)


@pytest.mark.parametrize(
    "given",
    [
        {"prior": "mixture", "num_components": 4},
        {"prior": "vamp", "num_components": 4},
        {"prior": "mixture", "is_cvae": True},
        {"prior": "class", "is_cvae": True},
    ],
)
def test_the_loss_moves_the_weights_of_a_prior(make_config, split, given):
    config = make_config(**given)
    model = build_model(config)
    batch = make_batch(split.images[:8], split.labels[:8] if config.is_cvae else None)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(elbo_terms(model(batch, noise_seed(0)), batch.images).elbo)
    weights = model.prior_layer.trainable_variables
    assert weights and all(np.abs(each).max() > 0 for each in tape.gradient(loss, weights))
    samples = model.sample(6, noise_seed(1), labels=batch.labels[:6] if config.is_cvae else None)
    assert samples.shape == (6, 8, 8, 1) and np.all(np.isfinite(samples))


@pytest.mark.parametrize(
    "given, message",
    [
        ({"prior": "class"}, "--prior class: it is one for each label; expected --is_cvae"),
        ({"prior": "vamp", "is_cvae": True}, "--prior vamp with --is_cvae: its pseudo-inputs have no labels"),
        (
            {"prior": "vamp", "network": "conv", "hidden_sizes": (4,), "encoder_normalization": "batch"},
            "--prior vamp with --encoder_normalization batch",
        ),
        ({"prior": "vamp", "hierarchical": True, "latent_size": (4, 2)}, "--prior vamp with --hierarchical"),
        ({"prior": "mixture", "objective": "beta_tc"}, "--prior mixture with --objective beta_tc: it compares"),
        ({"prior": "class", "is_cvae": True, "objective": "mmd"}, "--prior class with --objective mmd: it compares"),
        ({"prior": "class", "is_cvae": True, "relabel": ("0",)}, "--prior class with --relabel: codes of one label"),
        ({"prior": "mixture", "manifold": True, "latent_size": 2}, "--prior mixture with --manifold"),
        ({"prior": "mixture", "export": ("onnx",)}, "--prior mixture with --export: it takes codes from N"),
        ({"num_components": 9}, "--num_components 9 with --prior standard: it has none"),
    ],
)
def test_what_does_not_go_with_a_prior_is_refused(make_config, given, message):
    with pytest.raises(ConfigError, match=message):
        make_config(**given)
