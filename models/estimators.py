"""How gradients reach the posteriors, and through them the weights of inference."""

import tensorflow as tf

from models.distributions import DiagonalGaussian


class Reparameterized:
    """The usual estimator: samples are functions of noise, and their gradient is that of what is computed.

    Reference: Kingma & Welling (2014).
    """

    def posterior(self, function, *context):
        """q(z_l|x,z_>l) = function(*context), a DiagonalGaussian.

        Args:
            function: it knows the images, or what is made of them.
            context: nests of tensors [B K, ...] of the levels drawn before.
        """
        return function(*context)

    def weigh(self, log_weight, num_samples):
        """Take the log importance weights of all samples, nats [B K], before the gradient is taken."""


USUAL = Reparameterized()


class DoublyReparameterized(Reparameterized):
    """Another gradient of the importance-weighted bound for inference: the same expectation, less noise.

    Let phi be the path to the parameters alpha_l of a posterior that does not lead through the levels drawn before.
    With the normalised weights v_k = w_k / sum_j w_j, w_k = p(x, z_k) / q(z_k|x), its usual gradient is

        sum_k  v_k (d log w_k / d z_l  d z_l / d alpha_l  -  d log q(z_l; alpha_l) / d alpha_l)  d alpha_l / d phi

    where d log w_k / d z_l follows z_l through the levels below. The last term has the expectation of (v_k - v_k^2)
    times the first. What is left is

        sum_k  v_k^2  d log w_k / d z_l  d z_l / d alpha_l  d alpha_l / d phi

    So what reaches phi through z_l is multiplied by v_k once more, and the density holds alpha_l fixed. The path
    through the levels before keeps the usual gradient. It leads to the prior of the level, too, and the noise of the
    two terms cancels there. The weights v_k are known only after the decoder, so `weigh` gives them later, and an
    object serves one pass. The rows of a batch must not mix after z, as they do in batch normalisation.

    Reference: Tucker, Lawson, Gu & Maddison (2018), eq. 8, for one level; for several see Bauer & Mnih (2021).
    """

    def __init__(self):
        self.weights = None

    def posterior(self, function, *context):
        """q(z_l|x,z_>l), whose samples and densities carry that gradient. Args are those of the base class."""
        held = with_constants(function, context)
        learned = function(*tf.nest.map_structure(tf.stop_gradient, context))
        drawn = DiagonalGaussian(*map(self._joined, held, learned))
        return DoublyReparameterizedGaussian(held, drawn)

    def weigh(self, log_weight, num_samples):
        """Take the log importance weights of all samples, nats [B K]."""
        weights = tf.nn.softmax(tf.reshape(tf.stop_gradient(log_weight), (-1, num_samples)))
        self.weights = tf.reshape(weights, (-1,))

    def _joined(self, held, learned):
        """A parameter [B K, ...] with the gradients of both, that of `learned` times the weights of the samples."""
        rows = (-1,) + (1,) * (learned.shape.rank - 1)

        @tf.custom_gradient
        def weighted(zeros):
            return tf.identity(zeros), lambda gradient: tf.reshape(self.weights, rows) * gradient

        return held + weighted(learned - tf.stop_gradient(learned))


class DoublyReparameterizedGaussian:
    """A posterior that is drawn from with one gradient, and whose density has another. Both have the same values."""

    def __init__(self, held, drawn):
        self.held, self.drawn = held, drawn
        self.mean = held.mean

    def sample(self, seed, temperature=1.0):
        """Samples: [B K, L]."""
        return self.drawn.sample(seed, temperature)

    def log_prob(self, z):
        """log q(z_l|x,z_>l), under parameters that only the levels drawn before can change: nats [B K]."""
        return self.held.log_prob(z)

    def kl_divergence(self, prior):
        """KL(q(z_l|x,z_>l) || prior) of every unit: nats [B K, L]."""
        return self.held.kl_divergence(prior)


def with_constants(function, inputs):
    """function(*inputs), a nest of tensors, whose gradient is that of the inputs alone: all else counts as constant."""
    if not inputs:
        return tf.nest.map_structure(tf.stop_gradient, function())

    @tf.custom_gradient
    def of_inputs(*inputs):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            outputs = function(*inputs)

        def gradient(*upstream, variables=()):
            found = tape.gradient(
                outputs, inputs, tf.nest.pack_sequence_as(outputs, upstream), unconnected_gradients="zero"
            )
            return found, [None for _ in variables]

        return outputs, gradient

    return of_inputs(*inputs)
