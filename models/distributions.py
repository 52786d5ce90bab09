"""The distributions of a variational autoencoder, and the records that carry them between functions.

Dimension key: B images in a batch, H x W pixels, C channels, L units of a latent, Y labels.
Every log density and every divergence is in nats; sums run over pixels, channels and units, never means.
"""

from enum import IntEnum
from math import log, pi, sqrt
from typing import NamedTuple

import keras
import tensorflow as tf

# The log variance of pixels stays within +-10 (standard deviations from 0.007 to 148), lest its exponential overflows.
LOG_VAR_BOUND = 10.0
# Scales of a discretised logistic from 1/1100 (a tenth of a bin's width: certainty) to 1100.
LOG_SCALE_BOUND = 7.0
HALF_BIN = 0.5 / 255.0


class Stream(IntEnum):
    """What a draw of noise is for: each use has a stream of its own, so that no two share their numbers."""

    TRAIN_BINARIZATION = 0
    TRAIN_POSTERIOR = 1
    VALIDATION_BINARIZATION = 2
    TEST_BINARIZATION = 3
    EVALUATION_POSTERIOR = 4
    SAMPLES = 5
    RECONSTRUCTIONS = 6
    CLASSES = 7
    TRAIN_FLIPS = 8
    IMPORTANCE_SAMPLES = 9
    LEVELS = 10
    TRAIN_PRIOR = 11
    RECOGNITION = 12
    PROBE_BINARIZATION = 13
    CHOSEN_BINARIZATION = 14


class Batch(NamedTuple):
    """What a model sees."""

    images: tf.Tensor  # [B, H, W, C] float32 in [0, 1]
    labels: tf.Tensor | None = None  # [B, Y] float32, one-hot or multi-hot; None where a model does not condition


class DiagonalGaussian(NamedTuple):
    """N(z; mean, diag(exp(log_var)))."""

    mean: tf.Tensor  # [B, L]
    log_var: tf.Tensor  # [B, L]

    @classmethod
    def from_parameters(cls, parameters, log_var_bound):
        """Split a network's output [B, 2 L] into a mean and a log variance, [B, L] each, the latter within +-bound."""
        mean, log_var = tf.split(parameters, 2, axis=-1)
        return cls(mean, log_var_bound * tf.tanh(log_var / log_var_bound))

    def shifted(self, parameters, log_var_bound):
        """The Gaussian that differs from this one, a prior, by a network's output [B, 2 L].

        N(mean + change of mean, exp(log_var + change of log_var)): the residual posterior of Vahdat & Kautz (2020),
        eq. 2. A network that says nothing costs no rate; beside N(0, I) it is the posterior of a VAE.
        """
        change = DiagonalGaussian.from_parameters(parameters, log_var_bound)
        return DiagonalGaussian(self.mean + change.mean, self.log_var + change.log_var)

    @classmethod
    def standard(cls, shape):
        """N(0, I) over `shape` = [B, L]."""
        return cls(tf.zeros(shape), tf.zeros(shape))

    @property
    def stddev(self):
        """exp(log_var / 2), [B, L]."""
        return tf.exp(0.5 * self.log_var)

    def sample(self, seed, temperature=1.0):
        """z = mean + temperature * stddev * noise, noise ~ N(0, I): [B, L].

        The reparameterised sample of Kingma & Welling (2014); `seed` is an int32 pair (see `noise_seed`).
        """
        noise = standard_normal(tf.shape(self.mean), seed)
        return self.mean + temperature * self.stddev * noise

    def log_prob(self, z):
        """log N(z; mean, diag(exp(log_var))), summed over units: nats [B]."""
        return sum_over_dims(self.unit_log_prob(z))

    def unit_log_prob(self, z):
        """log N(z_j; mean_j, exp(log_var_j)) of every unit: nats [B, L]."""
        squared_error = tf.square(z - self.mean) * tf.exp(-self.log_var)
        return -0.5 * (log(2.0 * pi) + self.log_var + squared_error)

    def kl_divergence(self, prior):
        """KL(self || prior) of every unit: nats [B, L].

        0.5 (log_var_p - log_var_q + (exp(log_var_q) + (mean_q - mean_p)^2) / exp(log_var_p) - 1);
        with the prior N(0, I) this is Kingma & Welling (2014), appendix B.
        """
        log_ratio = self.log_var - prior.log_var
        squared_distance = tf.square(self.mean - prior.mean) * tf.exp(-prior.log_var)
        return 0.5 * (tf.math.expm1(log_ratio) - log_ratio + squared_distance)


class Bernoulli(NamedTuple):
    """p(x|z) of independent binary pixels, from logits."""

    logits: tf.Tensor  # [B, H, W, C]

    @property
    def mean(self):
        """sigmoid(logits), [B, H, W, C] in [0, 1]."""
        return tf.sigmoid(self.logits)

    def log_prob(self, images):
        """sum over pixels of x log p + (1 - x) log(1 - p): nats [B].

        Exact for binary images. For grey values it is the negative cross-entropy, which is not the logarithm of
        any normalised density of x.
        """
        cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=self.logits)
        return -sum_over_dims(cross_entropy)


class Gaussian(NamedTuple):
    """p(x|z) = N(x; mean, exp(log_var) I) over pixels scaled to [0, 1]; one variance for all of them."""

    mean: tf.Tensor  # [B, H, W, C]
    log_var: tf.Tensor  # scalar

    def log_prob(self, images):
        """-D/2 log(2 pi s^2) - sum of squared errors / (2 s^2), s^2 = exp(log_var): nats [B].

        D = H W C. Rybkin, Daniilidis & Levine (2021).
        """
        num_dims = tf.cast(tf.size(self.mean[0]), self.mean.dtype)
        squared_error = sum_over_dims(tf.square(images - self.mean))
        return -0.5 * (num_dims * (log(2.0 * pi) + self.log_var) + squared_error * tf.exp(-self.log_var))


class DiscretizedLogistic(NamedTuple):
    """p(x|z) of independent 8-bit values: a logistic distribution, integrated over the bin of each value.

    p(x) = sigmoid((x - mean + 1/510) / s) - sigmoid((x - mean - 1/510) / s), with s = exp(log_scale), for x = k / 255.
    The bins of 0 and 1 reach to infinity, so that the 256 probabilities sum to one. Salimans, Karpathy, Chen & Kingma
    (2017), eq. 2, with one component.
    """

    mean: tf.Tensor  # [B, H, W, C], the location of the logistic
    log_scale: tf.Tensor  # [B, H, W, C]

    def log_prob(self, images):
        """log of the probability of 8-bit images, given as k / 255: nats [B]."""
        scale = tf.exp(self.log_scale)
        upper = (images - self.mean + HALF_BIN) / scale
        lower = (images - self.mean - HALF_BIN) / scale
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)); each factor is 1 where a bin has no end.
        has_upper_end, has_lower_end = images < 1.0 - HALF_BIN, images > HALF_BIN
        log_sigmoids = tf.where(has_upper_end, tf.math.log_sigmoid(upper), 0.0)
        log_sigmoids += tf.where(has_lower_end, tf.math.log_sigmoid(-lower), 0.0)
        log_width = tf.math.log(-tf.math.expm1(-2.0 * HALF_BIN / scale))
        return sum_over_dims(log_sigmoids + tf.where(has_upper_end & has_lower_end, log_width, 0.0))


class BernoulliLikelihood(keras.layers.Layer):
    """Decoder output -> Bernoulli(logits)."""

    parameters_per_channel = 1

    def call(self, parameters):
        return Bernoulli(parameters)


class UnitGaussianLikelihood(keras.layers.Layer):
    """Decoder output -> N(sigmoid(.), I): half the summed squared error plus the constant D/2 log(2 pi)."""

    parameters_per_channel = 1

    def call(self, parameters):
        return Gaussian(tf.sigmoid(parameters), tf.zeros(()))


class GaussianLikelihood(keras.layers.Layer):
    """Decoder output -> N(sigmoid(.), s^2 I) with one learned s (Rybkin et al. 2021, sigma-VAE)."""

    parameters_per_channel = 1

    def build(self, input_shape):
        self.log_var = self.add_weight(shape=(), initializer="zeros", name="log_var")

    def call(self, parameters):
        # Adam moves a weight by about its learning rate a step, whatever the gradient. Multiplied by the bound, one
        # weight reaches the logarithm of a small variance within hundreds of steps, not thousands.
        return Gaussian(tf.sigmoid(parameters), LOG_VAR_BOUND * tf.tanh(self.log_var))


class DiscretizedLogisticLikelihood(keras.layers.Layer):
    """Decoder output -> DiscretizedLogistic(sigmoid(.), .), a location and a scale for every value of the image."""

    parameters_per_channel = 2

    def call(self, parameters):
        mean, log_scale = tf.split(parameters, 2, axis=-1)
        return DiscretizedLogistic(tf.sigmoid(mean), LOG_SCALE_BOUND * tf.tanh(log_scale / LOG_SCALE_BOUND))


LIKELIHOODS = {
    "bernoulli": BernoulliLikelihood,
    "mse": UnitGaussianLikelihood,
    "gaussian": GaussianLikelihood,
    "discretized_logistic": DiscretizedLogisticLikelihood,
}


class Latent(NamedTuple):
    """One level of a model at one batch."""

    z: tf.Tensor  # [B, L], a sample of the posterior
    posterior: DiagonalGaussian  # q(z_l | x, z_>l)
    prior: DiagonalGaussian  # p(z_l | z_>l)


class VAEOutput(NamedTuple):
    """What every model returns: p(x|z) at the sampled z, and its levels, top first."""

    likelihood: Bernoulli | Gaussian | DiscretizedLogistic
    latents: tuple[Latent, ...]


# Philox gives the same bits eagerly, in graphs, under XLA and on every device; "auto_select" does not, and is eight
# times slower under XLA on a CPU. XLA also turns bits into floats in its own way, so that is done here.
ALGORITHM = "philox"


def uniform(shape, seed):
    """Noise of U(0, 1), both ends excluded, that is a function of its seed, an int32 pair."""
    bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg=ALGORITHM)
    return (tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) + 0.5) * 2.0**-23


def standard_normal(shape, seed):
    """Noise of N(0, 1), the inverse distribution function of `uniform`, from the same kind of seed."""
    return sqrt(2.0) * tf.math.erfinv(2.0 * uniform(shape, seed) - 1.0)


def noise_seed(run_seed, stream=Stream.SAMPLES, step=0):
    """The seed, an int32 pair, of one Stream of noise at one step of a run."""
    return tf.random.fold_in([run_seed, tf.cast(step, tf.int32)], stream, alg=ALGORITHM)


def level_seed(seed, level):
    """The seed of one level's noise, from that of a pass through all of them; level 0 is the top."""
    return seed if level == 0 else tf.random.fold_in(seed, level, alg=ALGORITHM)


def repeat_rows(structure, times):
    """Every row of each tensor in a nest, `times` times; None, the labels of images without any, stays None."""
    return tf.nest.map_structure(lambda each: None if each is None else tf.repeat(each, times, axis=0), structure)


def sum_over_dims(terms):
    """Sum over all dimensions but the batch: [B, ...] -> [B]."""
    return tf.reduce_sum(terms, axis=tuple(range(1, terms.shape.rank)))
