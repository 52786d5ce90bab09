"""Objectives against closed forms, numpy and exact cases."""

from itertools import combinations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import logsumexp

from experiment.training.preprocessing import make_batch
from models.bounds import ElboTerms, Forward, forward, log_weight
from models.build import build_discriminator, build_model
from models.catalog import OBJECTIVES
from models.distributions import DiagonalGaussian, Latent
from models.noise import noise_seed
from models.objectives import (
    Weights,
    beta_tc_loss,
    capacity_loss,
    decomposed_rate,
    elbo_loss,
    iwae_loss,
    loss_of,
    mmd_loss,
    squared_mmd,
)

RNG = np.random.default_rng(0)
TERMS = ElboTerms(tf.constant([10.0, 20.0]), tf.constant([[1.0, 2.0], [3.0, 4.0]]))


def passed(terms=TERMS, log_ratio=None, latents=()):
    """A Forward of which an objective is to see only these parts."""
    return Forward(terms, log_ratio, 0.0, latents)


def gaussian_latent(mean, log_var, seed=0):
    posterior = DiagonalGaussian(tf.constant(mean, tf.float32), tf.constant(log_var, tf.float32))
    return Latent(posterior.sample(noise_seed(seed)), posterior, DiagonalGaussian.standard(mean.shape))


def test_the_importance_weighted_loss_is_logsumexp_over_the_samples_of_each_image():
    log_w = RNG.normal(size=(4, 3)) * 100
    distortion = RNG.normal(size=12)
    terms = ElboTerms(tf.constant(distortion, tf.float32), tf.zeros((12, 1)))
    weighed = passed(terms, log_ratio=tf.constant(log_w.ravel() + distortion, tf.float32))
    expected = -np.mean(logsumexp(log_w, axis=1) - np.log(3))
    assert iwae_loss(weighed, Weights(num_samples=3)).numpy() == pytest.approx(expected, rel=1e-6)
    assert iwae_loss(weighed, Weights()).numpy() == pytest.approx(-log_w.mean(), rel=1e-5)


@pytest.mark.parametrize("given", [{}, {"is_cvae": True}, {"hierarchical": True, "latent_size": (4, 2)}])
def test_samples_of_an_image_follow_one_another(make_config, split, given):
    """Every row of the output belongs to the image that it is weighed with."""
    config = make_config(**given)
    model = build_model(config)
    labels = split.labels[:5] if config.is_cvae else None
    batch = make_batch(split.images[:5], labels)
    output = model(batch, noise_seed(0), num_samples=3)
    posterior_means = output.latents[0].posterior.mean.numpy().reshape(5, 3, -1)
    alone = model(batch, noise_seed(0)).latents[0].posterior.mean
    np.testing.assert_allclose(posterior_means, np.repeat(alone[:, np.newaxis], 3, axis=1), atol=1e-5)
    z = output.latents[0].z.numpy().reshape(5, 3, -1)
    assert np.abs(z[:, 0] - z[:, 1]).min() > 0

    images = tf.repeat(batch.images, 3, axis=0)
    loss = loss_of("iwae", forward(model, batch, noise_seed(0), num_samples=3), Weights(num_samples=3))
    log_w = log_weight(output, images).numpy().astype(np.float64).reshape(5, 3)
    assert loss.numpy() == pytest.approx(-np.mean(logsumexp(log_w, axis=1) - np.log(3)), rel=1e-5)


def test_the_parts_of_the_rate_telescope_to_the_monte_carlo_kl():
    latent = gaussian_latent(RNG.normal(size=(30, 4)), RNG.normal(size=(30, 4)))
    parts = decomposed_rate(latent, num_images=500)
    kl = latent.posterior.log_prob(latent.z) - latent.prior.log_prob(latent.z)
    np.testing.assert_allclose(tf.add_n(parts), kl, atol=1e-4)
    terms = ElboTerms(tf.zeros(30), tf.zeros((30, 1)))
    one_pass = passed(terms, latents=(latent,))
    assert beta_tc_loss(one_pass, Weights(num_images=500)).numpy() == pytest.approx(np.mean(kl), rel=1e-4)
    with_beta = beta_tc_loss(one_pass, Weights(beta=3.0, num_images=500)).numpy()
    assert with_beta == pytest.approx(np.mean(kl) + 2.0 * np.mean(parts[1]), rel=1e-4)


def test_the_parts_of_the_rate_are_those_of_a_loop_in_numpy():
    mean, log_var = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 2))
    latent = gaussian_latent(mean, log_var)
    z = latent.z.numpy().astype(np.float64)
    pdf = stats.norm(mean, np.exp(0.5 * log_var)).pdf  # of one sample under every posterior
    for row, (information, total_correlation, dimension_wise) in enumerate(
        zip(*decomposed_rate(latent, 40), strict=True)
    ):
        densities = pdf(z[row])  # [posteriors, units]
        weights = np.array([1 / 40 if other == row else 39 / 40 / 5 for other in range(6)])
        log_q = np.log(weights @ densities.prod(axis=1))
        log_q_units = np.log(weights @ densities).sum()
        assert information.numpy() == pytest.approx(np.log(densities[row].prod()) - log_q, abs=1e-4)
        assert total_correlation.numpy() == pytest.approx(log_q - log_q_units, abs=1e-4)
        assert dimension_wise.numpy() == pytest.approx(log_q_units - stats.norm.logpdf(z[row]).sum(), abs=1e-4)


@pytest.mark.parametrize("num_units", [1, 3])
def test_the_aggregate_posterior_is_estimated_without_bias(num_units):
    """The mean of the estimate over all batches of 3 of 6 images that hold an image is q(z) of all 6, exactly."""
    mean, log_var, z = (np.float32(RNG.normal(size=(6, num_units))) for _ in range(3))
    exact = np.exp([stats.norm.logpdf(each, mean, np.exp(0.5 * log_var)).sum(axis=1) for each in z]).mean(axis=1)
    estimates = [[] for _ in range(6)]
    for batch in map(list, combinations(range(6), 3)):
        posterior = DiagonalGaussian(tf.constant(mean[batch]), tf.constant(log_var[batch]))
        latent = Latent(tf.constant(z[batch]), posterior, DiagonalGaussian.standard((3, num_units)))
        information, *_ = decomposed_rate(latent, num_images=6)
        for image, value in zip(batch, np.exp(posterior.log_prob(latent.z) - information), strict=True):
            estimates[image].append(value)
    assert [len(each) for each in estimates] == [10] * 6
    np.testing.assert_allclose(np.mean(estimates, axis=1), exact, rtol=1e-5)


def test_the_total_correlation_of_a_correlated_aggregate_is_that_of_the_gaussian():
    """Means ~ N(0, S) with narrow posteriors: TC = -1/2 log det of the correlations."""
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    mean = RNG.multivariate_normal(np.zeros(2), covariance, size=1500)
    _, total_correlation, _ = decomposed_rate(gaussian_latent(mean, np.full(mean.shape, -3.5)), num_images=1500)
    smoothed = covariance + np.exp(-3.5) * np.eye(2)
    exact = -0.5 * np.log(1 - (smoothed[0, 1] / smoothed[0, 0]) ** 2)
    assert np.mean(total_correlation) == pytest.approx(exact, abs=0.07)


def test_the_total_correlation_of_a_small_batch_is_far_less_wrong_than_with_equal_weights():
    """64 of 30,000 images with four independent units of standard deviation 0.1, so an exact total correlation of 0."""
    latents = [gaussian_latent(RNG.normal(size=(64, 4)), np.full((64, 4), -4.6), seed) for seed in range(5)]
    stratified = np.mean([decomposed_rate(each, num_images=30_000)[1] for each in latents])
    equal = np.mean([decomposed_rate(each, num_images=64)[1] for each in latents])
    assert abs(stratified) < 1.5 and equal > 3.5


def test_the_capacity_holds_the_rate_of_all_levels_from_both_sides():
    def loss(beta, capacity):
        return capacity_loss(passed(), Weights(beta=beta, capacity=capacity)).numpy()

    assert loss(10.0, 5.0) == 15.0  # the mean rate is 2 + 3
    assert loss(10.0, 7.0) == loss(10.0, 3.0) == 35.0
    assert loss(2.0, 0.0) == elbo_loss(passed(), Weights(beta=2.0)).numpy()


def test_mmd_is_that_of_a_loop_over_pairs():
    x, y = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)) + 1.0

    def kernel(a, b):
        squared = np.sum((a - b) ** 2)
        return sum(6 * s / (6 * s + squared) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    within = sum(kernel(a[i], a[j]) for a in (x, y) for i in range(4) for j in range(4) if i != j) / 12
    across = sum(kernel(a, b) for a in x for b in y) / 16
    estimate = squared_mmd(tf.constant(x, tf.float32), tf.constant(y, tf.float32)).numpy()
    assert estimate == pytest.approx(within - 2 * across, abs=1e-5)


def test_mmd_is_unbiased_and_tells_distributions_apart():
    def estimates(shift):
        pairs = (RNG.normal(size=(2, 50, 3)) for _ in range(200))
        return [squared_mmd(*map(tf.constant, np.float32([x, y + shift]))).numpy() for x, y in pairs]

    same, shifted = estimates(0.0), estimates(1.0)
    assert abs(np.mean(same)) < 4 * np.std(same) / np.sqrt(200)
    assert np.mean(shifted) > 20 * np.std(same) / np.sqrt(200)


def test_objectives_by_name_are_these_losses(make_config, split):
    batch = make_batch(split.images[:6], None)
    model = build_model(make_config())
    one_pass = forward(model, batch, noise_seed(0))
    terms, (latent,) = one_pass.terms, one_pass.latents
    discriminator = build_discriminator(make_config(objective="factor_vae"))
    weights = Weights(
        beta=3.0,
        free_nats=0.5,
        capacity=2.0,
        num_images=44,
        prior_seed=noise_seed(1),
        discriminator=discriminator,
    )
    distance = squared_mmd(latent.z, latent.prior.sample(noise_seed(1)))
    expected = {
        "elbo": elbo_loss(one_pass, weights),
        "iwae": -np.mean(log_weight(model(batch, noise_seed(0)), batch.images)),
        "dreg": -np.mean(log_weight(model(batch, noise_seed(0)), batch.images)),
        "beta_tc": beta_tc_loss(one_pass, weights),
        "factor_vae": -np.mean(terms.elbo) + 3.0 * np.mean(discriminator(latent.z)),
        "capacity": capacity_loss(one_pass, weights),
        "mmd": tf.reduce_mean(terms.distortion) + 3.0 * distance,
    }
    assert mmd_loss(one_pass, weights).numpy() == pytest.approx(float(expected["mmd"]), rel=1e-6)
    assert expected.keys() == OBJECTIVES.keys()
    for objective, loss in expected.items():
        assert loss_of(objective, one_pass, weights).numpy() == pytest.approx(float(loss), rel=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_penalty_of_a_model_is_added_to_every_loss(make_config, split, objective):
    one_pass = forward(build_model(make_config()), make_batch(split.images[:6], None), noise_seed(0))
    penalised = one_pass._replace(penalty=tf.constant([1.0, 2.0, 3.0] * 2))
    discriminator = build_discriminator(make_config(objective=objective))
    weights = Weights(num_images=44, prior_seed=noise_seed(1), discriminator=discriminator)
    without, with_it = (loss_of(objective, each, weights).numpy() for each in (one_pass, penalised))
    assert with_it == pytest.approx(without + 2.0, rel=1e-5)


def test_the_elbo_loss_weighs_every_level_with_beta_and_averages_over_the_batch():
    assert elbo_loss(passed(), Weights()).numpy() == pytest.approx((13 + 27) / 2)
    assert elbo_loss(passed(), Weights(beta=4.0)).numpy() == pytest.approx((10 + 12 + 20 + 28) / 2)
    np.testing.assert_allclose(TERMS.elbo, [-13.0, -27.0])


def test_free_nats_are_of_the_mean_over_the_batch_and_of_each_level():
    """Level 1 has rates 1 and 3, mean 2; level 2 has 2 and 4, mean 3: only the first is below 2.5."""
    betas = tf.constant([2.0, 3.0])
    assert elbo_loss(passed(), Weights(free_nats=2.5)).numpy() == pytest.approx(15 + 2.5 + 3)
    assert elbo_loss(passed(), Weights(betas, 2.5)).numpy() == pytest.approx(15 + 2 * 2.5 + 3 * 3)
    assert elbo_loss(passed(), Weights(betas)).numpy() == pytest.approx(15 + 2 * 2 + 3 * 3)


def test_a_level_within_its_free_nats_has_no_gradient():
    rate = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        loss = elbo_loss(passed(ElboTerms(tf.zeros(2), rate)), Weights(free_nats=2.5))
    np.testing.assert_allclose(tape.gradient(loss, rate), [[0.0, 0.5], [0.0, 0.5]])
