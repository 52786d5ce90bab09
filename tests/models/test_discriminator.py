"""The discriminator and the loss of the FactorVAE, against numpy and the exact total correlation of a Gaussian."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import discriminator as module
from models.bounds import ElboTerms, Forward
from models.build import build_discriminator
from models.discriminator import Discriminator
from models.distributions import DiagonalGaussian, Latent
from models.noise import noise_seed
from models.objectives import Weights, discriminator_loss, factor_vae_loss, permute_units

RNG = np.random.default_rng(0)
CODES = np.float32(RNG.normal(size=(9, 3)))


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(module, "NUM_UNITS", 16)


def built(num_units=3, generator=RNG):
    discriminator = Discriminator()
    discriminator.build((None, num_units))
    for bias in discriminator.biases:
        bias.assign(generator.normal(size=bias.shape))
    return discriminator


def in_numpy(discriminator, z):
    """D(z) of codes [B, L], layer by layer."""
    layers = list(zip(discriminator.kernels, discriminator.biases, strict=True))
    z = np.float64(z)
    for kernel, bias in layers[:-1]:
        z = z @ np.float64(kernel.numpy()) + np.float64(bias.numpy())
        z = np.where(z > 0, z, 0.2 * z)
    return (z @ np.float64(layers[-1][0].numpy()) + np.float64(layers[-1][1].numpy()))[:, 0]


def test_it_is_six_dense_layers_and_one_output():
    discriminator = built()
    assert [tuple(each.shape) for each in discriminator.kernels] == [(3, 16), *[(16, 16)] * 5, (16, 1)]
    np.testing.assert_allclose(discriminator(CODES), in_numpy(discriminator, CODES), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(discriminator(CODES), discriminator(CODES, is_fixed=True))


def test_each_unit_is_permuted_on_its_own():
    z = np.arange(60, dtype=np.float32).reshape(20, 3)
    permuted = permute_units(tf.constant(z), noise_seed(0)).numpy()
    np.testing.assert_array_equal(np.sort(permuted, axis=0), z)
    rows = permuted.astype(int) // 3  # that the values were in
    assert all(not np.array_equal(rows[:, a], rows[:, b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    np.testing.assert_array_equal(permute_units(tf.constant(z), noise_seed(0)), permuted)
    assert not np.array_equal(permute_units(tf.constant(z), noise_seed(1)), permuted)


def test_all_orders_are_equally_frequent():
    orders = [tuple(permute_units(tf.constant([[0.0], [1.0], [2.0]]), (seed, 0)).numpy()[:, 0]) for seed in range(600)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6 and np.sum((counts - 100) ** 2 / 100) < 20.5  # chi-squared of 5 degrees, 0.1 %


def test_its_loss_is_the_cross_entropy_of_two_halves():
    discriminator, seed = built(), noise_seed(3)
    real, permuted = CODES[:4], permute_units(tf.constant(CODES[4:]), seed).numpy()
    chances = [1 / (1 + np.exp(-in_numpy(discriminator, each))) for each in (real, permuted)]
    expected = -np.mean(np.log(chances[0])) - np.mean(np.log(1 - chances[1]))
    assert discriminator_loss(discriminator, tf.constant(CODES), seed).numpy() == pytest.approx(expected, rel=1e-5)


def test_one_loss_trains_codes_and_discriminator_each_with_the_other_fixed():
    discriminator, seed, z = built(), noise_seed(5), tf.Variable(CODES)
    terms = ElboTerms(tf.ones(9), tf.fill((9, 1), 2.0))
    weights = Weights(beta=7.0, permutation_seed=seed, discriminator=discriminator)
    with tf.GradientTape() as tape:
        codes = tf.convert_to_tensor(z)
        latent = Latent(codes, DiagonalGaussian.standard((9, 3)), DiagonalGaussian.standard((9, 3)))
        loss = factor_vae_loss(Forward(terms, None, 0.0, (latent,)), weights)
    of_codes, *of_weights = tape.gradient(loss, [z, *discriminator.trainable_variables])
    assert loss.numpy() == pytest.approx(3.0 + 7.0 * np.mean(in_numpy(discriminator, CODES)), rel=1e-5)

    bump = 1e-6 * np.eye(27).reshape(27, 9, 3)
    slopes = [np.diff([np.mean(in_numpy(discriminator, CODES + s * each)) for s in (-1, 1)])[0] / 2e-6 for each in bump]
    np.testing.assert_allclose(of_codes.numpy().ravel(), 7.0 * np.array(slopes), rtol=1e-3, atol=1e-5)

    with tf.GradientTape() as tape:
        alone = discriminator_loss(discriminator, tf.constant(CODES), seed)
    for gradient, expected in zip(of_weights, tape.gradient(alone, discriminator.trainable_variables), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_a_trained_one_estimates_the_total_correlation_of_a_gaussian(correlation):
    """TC = -1/2 log(1 - r^2): 0 or 0.51 nats."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    discriminator, optimizer = built(2, generator), keras.optimizers.Adam(2e-3)
    optimizer.build(discriminator.trainable_variables)
    covariance = [[1.0, correlation], [correlation, 1.0]]

    @tf.function(autograph=False)
    def learn(z, seed):
        with tf.GradientTape() as tape:
            loss = discriminator_loss(discriminator, z, seed)
        optimizer.apply(tape.gradient(loss, discriminator.trainable_variables))

    for step in range(700):
        learn(tf.constant(generator.multivariate_normal([0, 0], covariance, 512), tf.float32), tf.constant([step, 0]))
    codes = tf.constant(generator.multivariate_normal([0, 0], covariance, 20_000), tf.float32)
    exact = -0.5 * np.log(1 - correlation**2)
    assert np.mean(discriminator(codes)) == pytest.approx(exact, abs=0.1)


def test_its_first_weights_are_a_function_of_the_seed(make_config):
    def first_kernel(**given):
        return build_discriminator(make_config(objective="factor_vae", **given)).kernels[0].numpy()

    assert build_discriminator(make_config()) is None
    np.testing.assert_array_equal(first_kernel(), first_kernel())
    assert not np.array_equal(first_kernel(), first_kernel(seed=1))
