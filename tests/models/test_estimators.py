"""The doubly reparameterised gradient, on models whose posterior is known, and on hierarchies as they are."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from models.base import USUAL, LatentVariableModel, OneLevelModel
from models.bounds import forward
from models.build import build_model
from models.catalog import OBJECTIVES
from models.distributions import Batch, DiagonalGaussian, Latent, VAEOutput
from models.estimators import DoublyReparameterized
from models.likelihoods import Gaussian
from models.noise import level_seed, noise_seed
from models.objectives import Weights, estimator_of, loss_of
from models.priors import StandardPrior

K = 5


class LinearGaussian(OneLevelModel):
    """p(z) = N(0, I), p(x|z) = N(W z + b, s^2 I). The columns of W are orthogonal, so the posterior is diagonal."""

    def __init__(self, error):
        super().__init__()
        self.built = True  # Keras 3.12 builds no model from a batch without labels
        self.prior_layer = StandardPrior(SimpleNamespace(num_units=2))
        w, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 2)))
        self.w, self.b, self.s = tf.constant(w, tf.float32), tf.Variable(tf.zeros(6)), 0.5
        variance = 1 / (1 + 1 / self.s**2)
        self.gain = tf.Variable(tf.eye(2) * (variance / self.s**2 + error))
        self.log_var = tf.Variable(tf.fill([2], np.float32(np.log(variance) + error)))
        self.of_q = [self.gain, self.log_var]

    def bottom_up(self, batch):
        mean = (tf.reshape(batch.images, (-1, 6)) - self.b) @ self.w @ self.gain
        return DiagonalGaussian(mean, tf.zeros_like(mean) + self.log_var)

    def likelihood_of(self, z, labels=None):
        mean = tf.matmul(z, self.w, transpose_b=True) + self.b
        return Gaussian(tf.reshape(mean, (-1, 2, 3, 1)), tf.constant(2 * np.log(self.s), tf.float32))


def gradients_of(model, objective, weights, batch, num_seeds):
    """The losses of all seeds, and their gradients: [seeds, weights], each weight in a vector."""

    @tf.function
    def compute(seed):
        with tf.GradientTape() as tape:
            passed = forward(model, batch, seed, K, estimator=estimator_of(objective))
            loss = loss_of(objective, passed, Weights(num_samples=K))
        return loss, tf.concat([tf.reshape(each, (-1,)) for each in tape.gradient(loss, weights)], axis=0)

    found = [compute(noise_seed(seed)) for seed in range(num_seeds)]
    return tuple(np.array(each) for each in zip(*found, strict=True))


def same_expectation(model, weights, batch, num_seeds):
    """Assert that both gradients of weights have one mean over seeds, and return the ratio of their variances."""
    losses, doubly = gradients_of(model, "dreg", weights, batch, num_seeds)
    usual_losses, usual = gradients_of(model, "iwae", weights, batch, num_seeds)
    np.testing.assert_allclose(losses, usual_losses, rtol=1e-5)
    differences = doubly - usual
    standard_error = differences.std(axis=0, ddof=1) / np.sqrt(num_seeds)
    assert np.all(np.abs(differences.mean(axis=0)) < 4.5 * standard_error + 1e-6)
    assert np.linalg.norm(standard_error) < 0.2 * np.linalg.norm(usual.mean(axis=0)), "an estimate that can tell"
    return doubly.var(axis=0).sum() / usual.var(axis=0).sum()


def copies(image, times, labels=None):
    return Batch(tf.repeat(image, times, axis=0), None if labels is None else tf.repeat(labels, times, axis=0))


SIX_PIXELS = tf.constant([0.9, 0.1, 0.8, 0.2, 0.7, 0.4], shape=(1, 2, 3, 1))


def test_the_encoder_of_an_exact_posterior_has_no_gradient_at_all():
    """All weights are equal, whatever the samples are; the usual gradient is 0 only in expectation."""
    model = LinearGaussian(error=0.0)
    _, doubly = gradients_of(model, "dreg", model.of_q, copies(SIX_PIXELS, 1600), 1)
    _, usual = gradients_of(model, "iwae", model.of_q, copies(SIX_PIXELS, 1600), 1)
    assert np.abs(doubly).max() < 1e-6 < 1e-3 < np.abs(usual).max()


def test_it_has_the_expectation_of_the_usual_gradient_and_less_noise():
    model = LinearGaussian(error=0.3)
    assert same_expectation(model, model.of_q, copies(SIX_PIXELS, 1600), 60) < 0.8


def test_the_decoder_has_the_usual_gradient():
    model = LinearGaussian(error=0.3)
    model.bottom_up = lambda batch: DiagonalGaussian(tf.fill((1600, 2), 0.3), tf.fill((1600, 2), -1.0))
    (_, doubly), (_, usual) = (
        gradients_of(model, objective, [model.b], copies(SIX_PIXELS, 1600), 1) for objective in ("dreg", "iwae")
    )
    np.testing.assert_allclose(doubly, usual, rtol=1e-4)


def test_other_objectives_have_the_usual_estimator():
    assert [name for name in OBJECTIVES if isinstance(estimator_of(name), DoublyReparameterized)] == ["dreg"]


# --- Several levels ---------------------------------------------------------------------------------------------------


class LinearLevels(LatentVariableModel):
    """p(z_2) = N(0, 1), p(z_1|z_2) = N(a z_2, 1), p(x|z_1, z_2) = N(u z_1 + v z_2, s^2 I), with exact posteriors.

    With `error` the posteriors are off. Their weights are those of q alone, but for b, which shifts the image and the
    means of q: a weight of both p and q, as those between the levels of the HVAE are.
    """

    num_levels = 2

    def __init__(self, error):
        super().__init__()
        self.built = True
        u, v, a, self.s = np.array([1.0, -0.5, 0.3]), np.array([0.2, 0.6, -0.4]), 0.7, 0.8
        self.a, self.u, self.v = (tf.constant(each, tf.float32) for each in (a, u, v))
        self.b = tf.Variable([0.1, 0.2, -0.3])
        precision_1 = 1 + u @ u / self.s**2  # of p(z_1|x, z_2), a product of N(a z_2, 1) and of the likelihood
        of_x, of_z = u / self.s**2 / precision_1, (a - u @ v / self.s**2) / precision_1
        direction = a * u + v  # x = direction z_2 + u noise + s noise
        covariance = np.outer(u, u) + self.s**2 * np.eye(3)
        solved = np.linalg.solve(covariance, direction)
        precision_2 = 1 + direction @ solved
        self.of_x_2 = tf.Variable(tf.cast(solved / precision_2 + error, tf.float32))
        self.log_var_2 = tf.Variable(np.float32(-np.log(precision_2) + error))
        self.of_x_1 = tf.Variable(tf.cast(of_x - error, tf.float32))
        self.of_z_1 = tf.Variable(np.float32(of_z + error))
        self.log_var_1 = tf.Variable(np.float32(-np.log(precision_1) + error))
        self.of_q = [self.of_x_2, self.log_var_2, self.of_x_1, self.of_z_1, self.log_var_1]

    def bottom_up(self, batch):
        return tf.reshape(batch.images, (-1, 3))

    def infer(self, features, labels, seed, temperature=1.0, estimator=USUAL):
        def of_2(b):
            mean = tf.linalg.matvec(features - b, self.of_x_2)[:, None]
            return DiagonalGaussian(mean, tf.zeros_like(mean) + self.log_var_2)

        def of_1(z_2, b):
            mean = tf.linalg.matvec(features - b, self.of_x_1)[:, None] + self.of_z_1 * z_2
            return DiagonalGaussian(mean, tf.zeros_like(mean) + self.log_var_1)

        b = tf.identity(self.b)
        top = estimator.posterior(of_2, b)
        z_2 = top.sample(level_seed(seed, 0))
        lower = estimator.posterior(of_1, z_2, b)
        z_1 = lower.sample(level_seed(seed, 1))
        output = self.generate(None, labels, seed, codes=(z_2, z_1))
        latents = zip((z_2, z_1), (top, lower), output.latents, strict=True)
        return output._replace(latents=tuple(Latent(z, q, latent.prior) for z, q, latent in latents))

    def generate(self, num_images, labels, seed, temperature=1.0, codes=()):
        z_2, z_1 = codes
        priors = DiagonalGaussian.standard((tf.shape(z_2)[0], 1)), DiagonalGaussian(self.a * z_2, tf.zeros_like(z_2))
        mean = tf.reshape(self.u * z_1 + self.v * z_2 + self.b, (-1, 1, 3, 1))
        likelihood = Gaussian(mean, tf.constant(2 * np.log(self.s), tf.float32))
        return VAEOutput(likelihood, tuple(Latent(z, p, p) for z, p in zip(codes, priors, strict=True)))


THREE_PIXELS = tf.constant([0.9, 0.1, 0.5], shape=(1, 1, 3, 1))


def test_exact_posteriors_of_two_levels_have_no_gradient_at_all():
    model = LinearLevels(error=0.0)
    _, doubly = gradients_of(model, "dreg", model.of_q, copies(THREE_PIXELS, 800), 1)
    _, usual = gradients_of(model, "iwae", model.of_q, copies(THREE_PIXELS, 800), 1)
    assert np.abs(doubly).max() < 2e-6 < 1e-3 < np.abs(usual).max()


def test_two_levels_have_the_expectation_of_the_usual_gradient_and_less_noise():
    model = LinearLevels(error=0.2)
    assert same_expectation(model, [*model.of_q, model.b], copies(THREE_PIXELS, 1600), 60) < 0.8


HIERARCHIES = {
    "three levels": {"latent_size": (2, 2, 3), "network": "gated"},
    "maps": {"latent_size": ("2x2x1", 2), "network": "conv", "hidden_sizes": (3,), "num_features": 4},
    "labels": {"latent_size": (2, 2), "is_cvae": True},
    "chain": {"latent_size": (2, 3), "hierarchy": "chain"},
}


@pytest.mark.parametrize("settings", HIERARCHIES.values(), ids=HIERARCHIES)
def test_in_hierarchies_only_the_weights_of_inference_have_another_gradient(make_config, settings):
    defaults = {"hierarchical": True, "hidden_sizes": (4,), "image_shape": (4, 4, 1)}
    model = build_model(make_config(**defaults | settings))
    generator = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(0.0, 0.4, weight.shape))
    image = tf.constant(generator.integers(0, 2, (1, 4, 4, 1)), tf.float32)
    batch = copies(image, 500, tf.eye(3)[:1] if "is_cvae" in settings else None)
    of_images = [*getattr(model, "steps_up", []), *(level.posterior_head for level in getattr(model, "levels", []))]
    of_images += [getattr(model, name) for name in ("label_channel", "encoder") if hasattr(model, name)]
    of_images += getattr(model, "posteriors", [])
    inference = [weight for layer in of_images for weight in layer.trainable_weights]
    others = [weight for weight in model.trainable_variables if not any(weight is each for each in inference)]
    assert inference and others and len(inference) + len(others) == len(model.trainable_variables)
    same_expectation(model, inference, batch, 60)
    (_, doubly), (_, usual) = (gradients_of(model, objective, others, batch, 2) for objective in ("dreg", "iwae"))
    np.testing.assert_allclose(doubly, usual, rtol=1e-3, atol=1e-5)
