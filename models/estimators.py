"""The doubly reparameterised gradient of the importance-weighted bound: the same expectation, less noise."""

import tensorflow as tf

from models.distributions import DiagonalGaussian


class DoublyReparameterized:
    """q(z|x) of K samples an image, whose samples and densities carry the doubly reparameterised gradient.

    With the normalised weights v_k = w_k / sum_j w_j, the gradient of the bound with respect to the encoder is

        sum_k v_k^2 d log w_k / d z_k  d z_k / d phi

    The gradient of `iwae_loss` has v_k once. So what reaches the encoder through z_k is multiplied by v_k once more,
    and densities hold mean and variance fixed. The weights are known only after the decoder, so `weigh` gives them
    before the gradient is taken.

    Reference: Tucker, Lawson, Gu & Maddison (2018), eq. 8.
    """

    def __init__(self, posterior):
        self.posterior, self.weights = posterior, None
        self.mean, self.log_var, self.stddev = posterior.mean, posterior.log_var, posterior.stddev

    def weigh(self, log_weight, num_samples):
        """Take the log importance weights of all samples, nats [B K]."""
        weights = tf.nn.softmax(tf.reshape(tf.stop_gradient(log_weight), (-1, num_samples)))
        self.weights = tf.reshape(weights, (-1, 1))

    def sample(self, seed, temperature=1.0):
        """Samples of the posterior: [B K, L]."""

        @tf.custom_gradient
        def weighted(z):
            return tf.identity(z), lambda gradient: self.weights * gradient

        return weighted(self.posterior.sample(seed, temperature))

    def log_prob(self, z):
        """log q(z|x) under a fixed mean and variance: nats [B K]."""
        return DiagonalGaussian(*map(tf.stop_gradient, self.posterior)).log_prob(z)

    def kl_divergence(self, prior):
        """KL(q(z|x) || prior) of every unit: nats [B K, L]."""
        return self.posterior.kl_divergence(prior)
