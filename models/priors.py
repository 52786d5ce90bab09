"""Priors of models with one level: p(z), or p(z|y).

A prior is a layer, which holds what it learns. Its `of(num_images, labels, encoder)` takes the number of images N,
labels [N, Y] or None, and the encoder, Batch -> q(z|x). It gives a distribution with `mean` and `stddev` [N, L],
`sample(seed, temperature)` and `log_prob(z)` in nats. Its `latent` is the kind of Latent that computes the rate (KL).
"""

from math import log, pi
from typing import NamedTuple

import tensorflow as tf
from keras import layers
from keras.initializers import RandomNormal

from models.catalog import PRIORS, code_of
from models.distributions import Batch, DiagonalGaussian, Latent
from models.noise import level_seed, uniform

# Pseudo-inputs begin as dark images of noise, sigmoid(N(-2, 1)), which the encoder tells apart.
FIRST_PSEUDO_INPUTS = {"mean": -2.0, "stddev": 1.0}


class Mixture(NamedTuple):
    """p(z) = sum_k weight_k N(z; mean_k, diag(exp(log_var_k))), for N images."""

    log_weights: tf.Tensor  # [K]
    components: DiagonalGaussian  # [K, L]
    num_images: tf.Tensor  # N

    @property
    def mean(self):
        """The mean of the mixture: [N, L]."""
        return self._for_all(self._moment(self.components.mean))

    @property
    def stddev(self):
        """The standard deviations of the mixture: [N, L]."""
        mean, log_var = self.components
        return self._for_all(tf.sqrt(self._moment(tf.exp(log_var) + tf.square(mean - self._moment(mean)))))

    def sample(self, seed, temperature=1.0):
        """Draw a component, then a sample of it: [N, L]. The temperature is a factor on its standard deviations."""
        cumulative = tf.cumsum(tf.exp(self.log_weights))
        draws = uniform((self.num_images, 1), level_seed(seed, 1)) * cumulative[-1]
        chosen = tf.searchsorted(cumulative, draws[:, 0], side="right")
        chosen = tf.minimum(chosen, tf.shape(cumulative)[0] - 1)
        return DiagonalGaussian(*(tf.gather(each, chosen) for each in self.components)).sample(seed, temperature)

    def log_prob(self, z):
        """log p(z): nats [N], by products of matrices, without an array of N K L numbers.

        Codes are taken from the middle of all components, which keeps the products small, and their rounding with them.
        """
        mean, log_var = self.components
        middle = tf.reduce_mean(mean, axis=0)
        z, mean = z - middle, mean - middle
        precision = tf.exp(-log_var)
        constant = self.log_weights - 0.5 * tf.reduce_sum(log_var + tf.square(mean) * precision + log(2.0 * pi), axis=1)
        exponent = tf.matmul(z, mean * precision, transpose_b=True)
        exponent -= 0.5 * tf.matmul(tf.square(z), precision, transpose_b=True)
        return tf.reduce_logsumexp(constant + exponent, axis=1)

    def _moment(self, values):
        """The mean over components of values [K, L]: [L]."""
        return tf.linalg.matvec(values, tf.exp(self.log_weights), transpose_a=True)

    def _for_all(self, values):
        return tf.tile(values[tf.newaxis], (self.num_images, 1))


class MixtureLatent(Latent):
    """A level whose prior is a Mixture. Its KL has no closed form.

    The rate is that of one sample, log q(z|x) - log p(z). Where posterior and prior are alike, it has less noise than
    with the entropy of q in closed form. The units of a mixture depend on each other, so `rate_per_unit` is the KL to
    the Gaussian of the prior's mean and variances; it ranks the units.
    """

    @property
    def rate_per_unit(self):
        moments = DiagonalGaussian(self.prior.mean, 2.0 * tf.math.log(self.prior.stddev))
        return self.posterior.kl_divergence(moments)

    @property
    def rate(self):
        return -self.log_ratio


class Prior(layers.Layer):
    """Base class of the priors."""

    latent = Latent

    def __init__(self, config):
        super().__init__(name="prior")
        self.num_units = config.num_units
        self.built = True  # Keras never calls it, but `of`


class StandardPrior(Prior):
    """p(z) = N(0, I)."""

    def of(self, num_images, labels, encoder):
        return DiagonalGaussian.standard((num_images, self.num_units))


class ClassPrior(Prior):
    """p(z|y) = N(z; mean, diag(exp(log_var))), a linear map of y: for classes a table of means and log variances.

    It begins as N(0, I).

    Reference: Sohn, Lee & Yan (2015), whose prior network this is, without hidden layers.
    """

    def __init__(self, config):
        super().__init__(config)
        self.log_var_bound = config.log_var_bound
        self.head = layers.Dense(2 * self.num_units, kernel_initializer="zeros")

    def of(self, num_images, labels, encoder):
        return DiagonalGaussian.from_parameters(self.head(labels), self.log_var_bound)


class MixturePrior(Prior):
    """A mixture of K Gaussians, whose weights, means and variances are learned."""

    latent = MixtureLatent

    def __init__(self, config):
        super().__init__(config)
        self.log_var_bound = config.log_var_bound
        shape = (config.num_components, self.num_units)
        self.logits = self.add_weight(shape=shape[:1], initializer="zeros", name="logits")
        self.means = self.add_weight(shape=shape, initializer=RandomNormal(stddev=1.0), name="means")
        self.log_vars = self.add_weight(shape=shape, initializer="zeros", name="log_vars")

    def of(self, num_images, labels, encoder):
        parameters = tf.concat([self.means, self.log_vars], axis=-1)
        components = DiagonalGaussian.from_parameters(parameters, self.log_var_bound)
        return Mixture(tf.nn.log_softmax(self.logits), components, num_images)


class VampPrior(Prior):
    """p(z) = 1/K sum_k q(z|u_k): the aggregate posterior of K pseudo-inputs u_k, which are learned images.

    The best prior is the aggregate posterior of all images, which is costly and overfits; this one is its compressed
    form.

    Reference: Tomczak & Welling (2018), eq. 9.
    """

    latent = MixtureLatent

    def __init__(self, config):
        super().__init__(config)
        shape = (config.num_components, *config.image_shape)
        self.pseudo_inputs = self.add_weight(
            shape=shape, initializer=RandomNormal(**FIRST_PSEUDO_INPUTS), name="pseudo_inputs"
        )

    def of(self, num_images, labels, encoder):
        components = encoder(Batch(tf.sigmoid(self.pseudo_inputs)))
        num_components = self.pseudo_inputs.shape[0]
        return Mixture(tf.fill([num_components], -log(num_components)), components, num_images)


def build_prior(config):
    """The prior that config.prior names in PRIORS."""
    return code_of(PRIORS[config.prior].layer)(config)
