"""The hierarchy is a VAE where it has one level, and exact where everything is linear and Gaussian."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

from experiment.evaluation.likelihood import estimate_iw_bound
from experiment.training.preprocessing import make_batch
from experiment.training.state import TrainingState
from experiment.training.step import train_step
from models.bounds import elbo_terms, log_weight
from models.build import build_model
from models.distributions import Batch
from models.likelihoods import Gaussian
from models.networks import NetworkError
from models.noise import noise_seed
from models.objectives import Weights

CONV = {"network": "conv", "hidden_sizes": (4, 6), "num_features": 5}


@pytest.mark.parametrize("network", [{}, CONV])
def test_with_one_level_it_is_a_vae_term_by_term(make_config, network):
    vae = build_model(make_config(**network, num_blocks=1))
    hvae = build_model(make_config(**network, hierarchical=True, latent_size=3))
    assert {weight.shape for weight in vae.weights} == {weight.shape for weight in hvae.weights}
    for mine, theirs in [
        (hvae.steps_up[0], vae.encoder),
        (hvae.levels[0].posterior_head, vae.posterior),
    ]:
        mine.set_weights(theirs.get_weights())
    decoder = vae.decoder.get_weights()
    num_lifting = len(hvae.levels[0].lift.get_weights())
    hvae.levels[0].lift.set_weights(decoder[:num_lifting])
    hvae.steps_down[0].set_weights(decoder[num_lifting:])

    images = np.random.default_rng(0).integers(0, 2, (7, 8, 8, 1)).astype(np.float32)
    first, second = (model(Batch(tf.constant(images)), noise_seed(4)) for model in (vae, hvae))
    for a, b in zip(elbo_terms(first, images), elbo_terms(second, images), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(log_weight(first, images), log_weight(second, images), rtol=1e-5)
    np.testing.assert_allclose(vae.sample(4, noise_seed(1)), hvae.sample(4, noise_seed(1)), rtol=1e-4, atol=1e-6)


def test_given_the_levels_above_the_rest_is_drawn(make_config):
    model = build_model(make_config(hierarchical=True, latent_size=(4, 3, 2)))
    for weight in model.trainable_weights:
        weight.assign_add(0.1 * np.random.default_rng(0).normal(size=weight.shape))
    given = (tf.ones((6, 2)), tf.ones((6, 3)))
    first, second = (model.generate(6, None, noise_seed(seed), codes=given).latents for seed in (0, 1))
    for level in (0, 1):
        np.testing.assert_array_equal(first[level].z, given[level])
    np.testing.assert_array_equal(first[2].prior.mean, second[2].prior.mean)
    assert not np.allclose(first[2].z, second[2].z)
    np.testing.assert_array_equal(first[2].prior.mean[0], first[2].prior.mean[5])


@pytest.mark.parametrize(
    "levels, message",
    [
        (("3x3x2", 4), "--latent_size 3x3x2: this --network conv has maps of 4x4, 2x2; expected one of them"),
        (("2x2x1", "4x4x1"), "expected levels from the image up, each as coarse as the one before it or coarser"),
        ((4, "4x4x1"), "expected levels from the image up"),
    ],
)
def test_levels_that_the_network_does_not_have_are_refused(make_config, levels, message):
    with pytest.raises(NetworkError, match=message):
        build_model(make_config(**CONV, hierarchical=True, latent_size=levels))


def test_maps_need_convolutions(make_config):
    with pytest.raises(
        NetworkError, match="4x4x1: this --network mlp has no maps; expected conv or residual, or a whole number"
    ):
        build_model(make_config(hierarchical=True, latent_size=("4x4x1", 2)))


class LinearGaussianHierarchy:
    """An HVAE with z2 and z1 of one unit, all of it linear, whose every distribution is known.

    p(z2) = N(0, 1), p(z1|z2) = N(0.8 z2 + 0.3, 0.5), p(x|z) = N(u z2 + v z1 + b, s^2 I) over six pixels. The posteriors
    are the exact ones, with means off by `error`.
    """

    def __init__(self, make_config, error=0.0):
        config = make_config(
            hierarchical=True, latent_size=(1, 1), hidden_sizes=(6,), likelihood="mse", image_shape=(2, 3, 1)
        )
        object.__setattr__(config, "activation", "linear")
        self.model = build_model(config)
        generator = np.random.default_rng(0)
        u, v, b = generator.normal(size=(3, 6)) * 0.5
        slope, offset, variance, noise = 0.8, 0.3, 0.5, 0.2
        # x is linear in (z2, z1): the joint Gaussian of (z2, z1, x), and from it what is conditional.
        maps = np.array([[1, 0], [slope, 1], *(u + slope * v)[:, None] * [1, 0] + v[:, None] * [0, 1]])
        mean = np.array([0, offset, *(b + offset * v)])
        covariance = maps @ np.diag([1, variance]) @ maps.T
        covariance[2:, 2:] += noise * np.eye(6)
        self.evidence = multivariate_normal(mean[2:], covariance[2:, 2:])
        gain2 = covariance[0, 2:] @ np.linalg.inv(covariance[2:, 2:])
        variance2 = covariance[0, 0] - gain2 @ covariance[2:, 0]
        known = [0, *range(2, 8)]
        gain1 = covariance[1, known] @ np.linalg.inv(covariance[np.ix_(known, known)])
        variance1 = covariance[1, 1] - gain1 @ covariance[known, 1]
        # KL(q || exact posterior) of two means that are off by `error`.
        self.gap = 0.5 * error**2 * (1 / variance1 + 1 / variance2)

        log_var = self.model.levels[0].log_var_bound

        def bounded(value):
            return log_var * np.arctanh(value / log_var)

        def one_hot(row, column, shape):
            kernel = np.zeros(shape)
            kernel[row, column] = 1
            return kernel

        top, low = self.model.levels
        self.model.steps_up[0].layers[1].set_weights([np.eye(6), np.zeros(6)])
        top.posterior_head.set_weights(
            [np.stack([gain2, np.zeros(6)], 1), np.array([error - gain2 @ mean[2:], bounded(np.log(variance2))])]
        )
        top.lift.layers[0].set_weights([one_hot(0, 0, (1, 6)), np.zeros(6)])  # z2 in the state's unit 0
        low.embed.set_weights([one_hot(0, 1, (1, 6)), np.zeros(6)])  # z1 in its unit 1
        prior_kernel = np.zeros((6, 2))
        prior_kernel[0, 0] = slope
        low.prior_head.layers[1].set_weights([prior_kernel, np.array([offset, bounded(np.log(variance))])])
        shift = np.zeros((12, 6))  # from the features, x, and the state to unit 0
        shift[:6, 0], shift[6, 0] = gain1[1:], gain1[0] - slope
        low.posterior_head.layers[1].set_weights([shift, np.zeros(6)])
        at = mean[1] - gain1[1:] @ mean[2:] - offset
        low.posterior_head.layers[2].set_weights(
            [one_hot(0, 0, (6, 2)), np.array([at + error, bounded(np.log(variance1 / variance))])]
        )
        image_kernel = np.zeros((6, 6))
        image_kernel[0], image_kernel[1] = u, v
        self.model.steps_down[1].layers[-2].set_weights([image_kernel, b])
        self.model.likelihood = lambda parameters: Gaussian(parameters, tf.math.log(noise))

    def log_evidence(self, images):
        return self.evidence.logpdf(np.reshape(images, (-1, 6)))


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (200, 2, 3, 1), dtype=np.uint8)


def test_with_the_exact_posteriors_every_sample_weighs_the_evidence(make_config, images):
    exact = LinearGaussianHierarchy(make_config)
    x = images / np.float32(255)
    log_w = log_weight(exact.model(Batch(tf.constant(x)), noise_seed(0)), x)
    np.testing.assert_allclose(log_w, exact.log_evidence(x), atol=2e-4)


def test_the_bound_rises_with_k_from_the_elbo_to_the_evidence(make_config, images):
    rough = LinearGaussianHierarchy(make_config, error=0.3)
    x = images / np.float32(255)
    evidence = rough.log_evidence(x).mean()
    many = tf.constant(np.repeat(x, 1000, axis=0))
    elbo = np.mean(elbo_terms(rough.model(Batch(many), noise_seed(0)), many).elbo)
    bounds = [estimate_iw_bound(rough.model, images, None, k, seed=0).iw_bound for k in (1, 10, 2000)]
    assert elbo == pytest.approx(evidence - rough.gap, abs=0.02)
    assert bounds[0] == pytest.approx(elbo, abs=0.3)
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(evidence, abs=0.01)


def test_samples_of_the_prior_are_encoded_to_the_prior(make_config):
    """With exact posteriors the aggregate posterior of the model's own samples is its prior, level by level."""
    model = LinearGaussianHierarchy(make_config).model
    output = model.generate(50_000, None, noise_seed(0))
    noise = np.random.default_rng(0).normal(size=(50_000, 2, 3, 1)) * np.exp(0.5 * output.likelihood.log_var)
    x = tf.constant(output.likelihood.mean + noise, tf.float32)
    inferred = model.infer(model.bottom_up(Batch(x)), None, noise_seed(1)).latents  # these images are not in [0, 1]
    z = np.concatenate([latent.z for latent in inferred], axis=1)
    np.testing.assert_allclose(z.mean(axis=0), [0.0, 0.3], atol=0.02)
    np.testing.assert_allclose(np.cov(z.T), [[1.0, 0.8], [0.8, 0.8**2 + 0.5]], atol=0.03)


@pytest.mark.slow
def test_twelve_levels_train(make_config, split):
    """Three steps on one batch: every level has a gradient, and the loss falls."""
    levels = ("4x4x1",) * 5 + ("2x2x2",) * 4 + (4, 3, 2)
    config = make_config(**CONV, hierarchical=True, latent_size=levels, learning_rate=3e-3)
    state = TrainingState(build_model(config), config, num_steps=60)
    before = [level.posterior_head.weights[-1].numpy() for level in state.model.levels]
    batch = make_batch(split.images[:8], None)
    metrics = [train_step(state, batch, noise_seed(0, step=step), config, Weights())[0] for step in range(3)]
    assert metrics[-1].rate_per_level.shape == (12,)
    assert metrics[-1].loss < metrics[0].loss
    assert state.num_skipped.numpy() == 0
    for level, bias in zip(state.model.levels, before, strict=True):
        assert (level.posterior_head.weights[-1].numpy() != bias).any()
