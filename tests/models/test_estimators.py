"""The doubly reparameterised gradient, on a model whose posterior is known."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from models.base import OneLevelModel
from models.bounds import forward
from models.catalog import OBJECTIVES
from models.distributions import Batch, DiagonalGaussian
from models.likelihoods import Gaussian
from models.noise import noise_seed
from models.objectives import Weights, loss_of, posterior_of
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

    def bottom_up(self, batch):
        mean = (tf.reshape(batch.images, (-1, 6)) - self.b) @ self.w @ self.gain
        return DiagonalGaussian(mean, tf.zeros_like(mean) + self.log_var)

    def likelihood_of(self, z, labels=None):
        mean = tf.matmul(z, self.w, transpose_b=True) + self.b
        return Gaussian(tf.reshape(mean, (-1, 2, 3, 1)), tf.constant(2 * np.log(self.s), tf.float32))


def gradients(model, objective, seed, num_images=1600):
    """The loss, and its gradients with respect to encoder and decoder."""
    images = tf.tile(tf.constant([0.9, 0.1, 0.8, 0.2, 0.7, 0.4], shape=(1, 2, 3, 1)), (num_images, 1, 1, 1))
    of_encoder, of_decoder = [model.gain, model.log_var], [model.b]
    with tf.GradientTape() as tape:
        passed = forward(model, Batch(images), noise_seed(seed), K, as_posterior=posterior_of(objective))
        loss = loss_of(objective, passed, Weights(num_samples=K))
    found = tape.gradient(loss, of_encoder + of_decoder)
    return loss.numpy(), np.concatenate([each.numpy().ravel() for each in found[:2]]), found[2].numpy()


def test_the_encoder_of_an_exact_posterior_has_no_gradient_at_all():
    """All weights are equal, whatever the samples are; the usual gradient is 0 only in expectation."""
    model = LinearGaussian(error=0.0)
    _, encoder, _ = gradients(model, "dreg", seed=0)
    _, usual, _ = gradients(model, "iwae", seed=0)
    assert np.abs(encoder).max() < 1e-6 < 1e-3 < np.abs(usual).max()


def test_it_has_the_expectation_of_the_usual_gradient_and_less_noise():
    model = LinearGaussian(error=0.3)
    losses, doubly, _ = zip(*(gradients(model, "dreg", seed) for seed in range(60)), strict=True)
    usual_losses, usual, _ = zip(*(gradients(model, "iwae", seed) for seed in range(60)), strict=True)
    np.testing.assert_allclose(losses, usual_losses, rtol=1e-5)
    differences = np.array(doubly) - np.array(usual)
    standard_error = differences.std(axis=0) / np.sqrt(60)
    assert np.all(np.abs(differences.mean(axis=0)) < 4.5 * standard_error)
    assert np.all(standard_error[-2:] < 0.1 * np.abs(np.mean(usual, axis=0)[-2:])), "an estimate that can tell"
    assert np.all(np.var(doubly, axis=0) < 0.8 * np.var(usual, axis=0))


def test_the_decoder_has_the_usual_gradient():
    model = LinearGaussian(error=0.3)
    fixed = DiagonalGaussian(tf.fill((1600, 2), 0.3), tf.fill((1600, 2), -1.0))
    model.bottom_up = lambda batch: fixed._replace(
        mean=fixed.mean + 0.0 * model.gain[0], log_var=fixed.log_var + 0.0 * model.log_var
    )
    np.testing.assert_allclose(gradients(model, "dreg", 1)[2], gradients(model, "iwae", 1)[2], rtol=1e-4)


def test_objectives_without_a_posterior_of_their_own_take_that_of_the_model():
    assert [name for name in OBJECTIVES if posterior_of(name)] == ["dreg"]
