"""Estimators of the gradient of the importance-weighted bound: how it reaches the posteriors."""

import tensorflow as tf


class Reparameterized:
    """The usual estimator: samples are functions of noise, and their gradient is that of what is computed.

    Reference: Kingma & Welling (2014).
    """

    def posterior(self, function, features, *context):
        """q(z_l|x,z_>l) = function(features, *context), a DiagonalGaussian.

        Args:
            function: its weights are those of inference alone.
            features: a nest of tensors [B K, ...] that inference takes from the images.
            context: nests of what comes from the levels drawn before.
        """
        return function(features, *context)

    def weigh(self, log_weight, num_samples):
        """Take the log importance weights of all samples, nats [B K], before the gradient is taken."""


class DoublyReparameterized(Reparameterized):
    """Another gradient of the bound for the weights phi of inference: the same expectation, less noise.

    With the normalised weights v_k = w_k / sum_j w_j, w_k = p(x, z_k) / q(z_k|x), the usual gradient for what phi gives
    to a level with the parameters alpha_l is

        sum_k  v_k (d log w_k / d z_l  d z_l / d alpha_l  -  d log q(z_l; alpha_l) / d alpha_l)  d alpha_l / d phi

    where d log w_k / d z_l follows z_l through the levels below. The last term has the expectation of (v_k - v_k^2)
    times the first. What is left is

        sum_k  v_k^2  d log w_k / d z_l  d z_l / d alpha_l  d alpha_l / d phi

    So what reaches phi through z_l is multiplied by v_k once more, and the density holds alpha_l fixed. All that is no
    weight of inference keeps the usual gradient: the state of a hierarchy is part of its priors, too, and the noise of
    the two terms cancels there. The weights v_k are known only after the decoder, so `weigh` gives them later.

    Reference: Tucker, Lawson, Gu & Maddison (2018), eq. 8, for one level; for several see Bauer & Mnih (2021).
    """

    def __init__(self):
        self.weights = None

    def posterior(self, function, features, *context):
        """q(z_l|x,z_>l), whose samples and densities carry that gradient. Args are those of the base class."""
        held = with_constants(lambda *context: function(features, *context), context)
        learned = function(features, *tf.nest.map_structure(tf.stop_gradient, context))
        return DoublyReparameterizedGaussian(held, learned, self._weighted)

    def weigh(self, log_weight, num_samples):
        """Take the log importance weights of all samples, nats [B K]."""
        weights = tf.nn.softmax(tf.reshape(tf.stop_gradient(log_weight), (-1, num_samples)))
        self.weights = tf.reshape(weights, (-1,))

    def _weighted(self, z):
        """Codes [B K, ...] whose gradient is multiplied by the weights of their samples."""
        rows = (-1,) + (1,) * (z.shape.rank - 1)

        @tf.custom_gradient
        def weighted(z):
            return tf.identity(z), lambda gradient: tf.reshape(self.weights, rows) * gradient

        return weighted(z)


class DoublyReparameterizedGaussian:
    """A posterior in two copies of equal values: `held` has the gradient of its context, `learned` that of phi."""

    def __init__(self, held, learned, weighted):
        self.held, self.learned, self.weighted = held, learned, weighted
        self.mean, self.log_var, self.stddev = held.mean, held.log_var, held.stddev

    def sample(self, seed, temperature=1.0):
        """Samples: [B K, L]. Only the gradient of the second term counts, whose value is 0."""
        learned = self.learned.sample(seed, temperature)
        return self.held.sample(seed, temperature) + self.weighted(learned - tf.stop_gradient(learned))

    def log_prob(self, z):
        """log q(z_l|x,z_>l), without a gradient for the weights of inference: nats [B K]."""
        return self.held.log_prob(z)

    def kl_divergence(self, prior):
        """KL(q(z_l|x,z_>l) || prior) of every unit: nats [B K, L]."""
        return self.held.kl_divergence(prior)


def with_constants(function, inputs):
    """function(*inputs), a nest of tensors, whose gradient is that of the inputs alone: all else counts as constant."""
    packed = None

    @tf.custom_gradient
    def of_inputs(*flat):
        nonlocal packed
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(flat)
            packed = function(*tf.nest.pack_sequence_as(inputs, flat))
        values = tf.nest.flatten(packed)

        def gradient(*upstream, variables=()):
            found = tape.gradient(values, flat, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return found, [None for _ in variables]

        return values, gradient

    if not inputs:
        return tf.nest.map_structure(tf.stop_gradient, function())
    values = of_inputs(*tf.nest.flatten(inputs))
    return tf.nest.pack_sequence_as(packed, values)
