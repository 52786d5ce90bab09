"""Every density of images against numpy and scipy."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from models.catalog import LIKELIHOODS
from models.likelihoods import NUM_COMPONENTS, Bernoulli, DiscretizedLogistic, Gaussian, Likelihood, LogisticMixture

GENERATOR = np.random.default_rng(0)


def layer_of(name, pixel_variance=None):
    """The layer of a likelihood's name."""
    return Likelihood(SimpleNamespace(likelihood=name, pixel_variance=pixel_variance))


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
    log_prob = layer_of("mse")(parameters).log_prob(images).numpy()[0]
    assert -log_prob == pytest.approx(squared_error / 2 + 16 / 2 * np.log(2 * np.pi), rel=1e-5)


def test_gaussian_learns_one_variance():
    layer = layer_of("gaussian")
    layer(tf.zeros((1, 4, 4, 3)))
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [()]


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
    layer = layer_of("discretized_logistic")
    parameters = np.random.default_rng(4).normal(0.0, 100.0, (2, 3, 3, 2 * 3)).astype(np.float32)
    likelihood = layer(parameters)
    assert likelihood.mean.shape == likelihood.log_scale.shape == (2, 3, 3, 3)
    np.testing.assert_allclose(likelihood.mean, tf.sigmoid(parameters[..., :3]))
    assert np.abs(likelihood.log_scale).max() <= 7.0
    far = likelihood.log_prob(np.zeros((2, 3, 3, 3), np.float32))
    assert np.isfinite(far).all()


def parameters_of_mixture(num_channels, shape=(2, 3, 4)):
    """The output of a decoder, float32 [..., P], and the same in parts: weights, locations, scales, slopes."""
    generator = np.random.default_rng(7)
    size = LogisticMixture.num_parameters(num_channels) // NUM_COMPONENTS
    parameters = generator.normal(0.0, 1.0, (*shape, NUM_COMPONENTS, size)).astype(np.float32)
    logits, means, scales, slopes = np.split(
        parameters.astype(np.float64), [1, 1 + num_channels, 1 + 2 * num_channels], axis=-1
    )
    weights = np.exp(logits[..., 0]) / np.exp(logits[..., 0]).sum(axis=-1, keepdims=True)
    means += np.linspace(-1.5, 1.5, NUM_COMPONENTS)[:, np.newaxis]
    parts = weights, 1 / (1 + np.exp(-means)), np.exp(7 * np.tanh((scales - 2) / 7)), np.tanh(slopes)
    return parameters.reshape(*shape, -1), *parts


def test_a_logistic_mixture_equals_scipy_pixel_by_pixel():
    parameters, weights, means, scales, slopes = parameters_of_mixture(3)
    values = np.random.default_rng(8).integers(0, 256, (2, 3, 4, 3))
    values[0, 0, :, 0] = [0, 255, 1, 254]
    total = np.zeros(2)
    for image, row, column in np.ndindex(2, 3, 4):
        x, at = values[image, row, column], (image, row, column)
        likelihood = 0.0
        for k in range(NUM_COMPONENTS):
            mean, (a_10, a_20, a_21) = means[at][k], slopes[at][k]
            distance = x / 255 - mean
            shifted = [mean[0], mean[1] + a_10 * distance[0], mean[2] + a_20 * distance[0] + a_21 * distance[1]]
            logistic = stats.logistic(shifted, scales[at][k])
            upper = np.where(x == 255, 1.0, logistic.cdf((x + 0.5) / 255))
            lower = np.where(x == 0, 0.0, logistic.cdf((x - 0.5) / 255))
            likelihood += weights[at][k] * np.prod(upper - lower)
        total[image] += np.log(likelihood)
    log_prob = LogisticMixture.from_parameters(parameters).log_prob((values / 255).astype(np.float32))
    np.testing.assert_allclose(log_prob, total, rtol=1e-4)


def test_the_probabilities_of_a_mixture_sum_to_one():
    parameters, *_ = parameters_of_mixture(1, shape=(1, 1, 1))
    values = (np.arange(256, dtype=np.float32) / 255).reshape(256, 1, 1, 1)
    every = LogisticMixture.from_parameters(np.tile(parameters, (256, 1, 1, 1))).log_prob(values)
    assert np.exp(every.numpy().astype(np.float64)).sum() == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_the_mean_of_a_mixture_is_that_of_its_pixels(channel):
    """Drawn channel by channel in numpy, from narrow components that do not reach the ends of the range."""
    parameters, weights, means, scales, slopes = parameters_of_mixture(3, shape=(1, 1, 1))
    scales, generator, num_draws = scales / scales.max() / 60, np.random.default_rng(9), 200_000
    k = generator.choice(NUM_COMPONENTS, num_draws, p=weights[0, 0, 0])
    mean, slope = means[0, 0, 0][k], slopes[0, 0, 0][k]
    noise = generator.logistic(0.0, scales[0, 0, 0][k])
    x = np.zeros_like(mean)
    for c, before in enumerate(([], [0], [1, 2])):
        shift = sum(slope[:, index] * (x[:, d] - mean[:, d]) for d, index in enumerate(before))
        x[:, c] = mean[:, c] + shift + noise[:, c]
    mixture = LogisticMixture.from_parameters(parameters)
    assert x[:, channel].mean() == pytest.approx(mixture.mean.numpy()[0, 0, 0, channel], abs=0.003)


def test_a_mixture_is_finite_for_any_output_of_a_decoder():
    parameters = np.random.default_rng(4).normal(0.0, 100.0, (2, 3, 3, LogisticMixture.num_parameters(3)))
    parameters = tf.constant(parameters, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_prob = LogisticMixture.from_parameters(parameters).log_prob(np.zeros((2, 3, 3, 3), np.float32))
    assert np.isfinite(log_prob).all() and np.isfinite(tape.gradient(log_prob, parameters)).all()


@pytest.mark.parametrize("num_channels", [1, 3])
def test_every_channel_counts(num_channels):
    images = np.random.default_rng(5).integers(0, 2, (2, 4, 4, num_channels)).astype(np.float32)
    logits = np.random.default_rng(6).normal(size=images.shape).astype(np.float32)
    expected = stats.bernoulli.logpmf(images, 1 / (1 + np.exp(-logits))).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(Bernoulli(logits).log_prob(images), expected, rtol=1e-4)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_every_entry_has_a_mean_and_a_log_prob_of_images(name):
    layer = layer_of(name)
    density = layer(tf.constant(GENERATOR.normal(size=(2, 3, 3, layer.num_parameters(3))), tf.float32))
    assert density.mean.shape == (2, 3, 3, 3) and 0 <= np.min(density.mean) <= np.max(density.mean) <= 1
    assert density.log_prob(np.ones((2, 3, 3, 3), np.float32)).shape == (2,)


@pytest.mark.parametrize("variance, log_var", [(0.03, np.log(0.03)), (None, 0.0), (1e-9, np.log(1e-4))])
def test_a_learned_variance_begins_at_that_of_the_training_pixels(variance, log_var):
    layer = layer_of("gaussian", variance)
    density = layer(tf.zeros((1, 4, 4, 3)))
    assert float(density.log_var) == pytest.approx(log_var, abs=1e-5)
    (weight,) = layer.trainable_weights
    assert weight.name == "log_var"


@pytest.mark.parametrize(
    "name, variance",
    [("bernoulli", None), ("discretized_logistic", None), ("logistic_mixture", None), ("mse", 1.0), ("gaussian", 0.07)],
)
def test_a_gaussian_says_its_variance(name, variance):
    assert layer_of(name, pixel_variance=0.07).variance == (variance and pytest.approx(variance, rel=1e-5))
    assert LIKELIHOODS[name].has_one_variance == (variance is not None)
