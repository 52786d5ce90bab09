"""Densities of images, p(x|z), and the layer that makes one from the decoder's output.

A density has `mean` in [0, 1], `log_prob(images)` in nats per image, and `from_parameters(parameters, *weights)`, where
the parameters are the decoder's output [B, H, W, num_parameters(C)]. The weights are scalars that are learned;
`first_weights(pixel_variance)` names them and says where they begin.
"""

from math import atanh, log, pi
from typing import NamedTuple

import keras
import tensorflow as tf
from keras.initializers import Constant

from models.catalog import LIKELIHOODS, code_of
from models.distributions import sum_over_dims

# The log variance of pixels stays within +-10 (standard deviations from 0.007 to 148), so its exponential is finite.
LOG_VAR_BOUND = 10.0
# The scale of a discretised logistic stays between 1/1100 (about a quarter of a bin's width) and 1100.
LOG_SCALE_BOUND = 7.0
HALF_BIN = 0.5 / 255.0
FIRST_MEANS = (-1.5, -0.75, 0.0, 0.75, 1.5)  # of the components of a mixture, before the sigmoid
NUM_COMPONENTS = len(FIRST_MEANS)
FIRST_LOG_SCALE = -2.0  # of its components: a standard deviation of a quarter of the range
MIN_VARIANCE = 1e-4  # of pixels in [0, 1]: a hundredth of the range


class Bernoulli(NamedTuple):
    """p(x|z) of independent binary pixels, given by logits."""

    logits: tf.Tensor  # [B, H, W, C]

    @classmethod
    def from_parameters(cls, parameters):
        """The decoder's output is the logits."""
        return cls(parameters)

    @property
    def mean(self):
        """sigmoid(logits), [B, H, W, C] in [0, 1]."""
        return tf.sigmoid(self.logits)

    def log_prob(self, images):
        """The log-probability of images: nats [B].

            sum over pixels of x log p + (1 - x) log(1 - p) = sum over pixels of x logit - softplus(logit)

        It is exact for binary images. For grey values it is the negative cross-entropy, which is not the logarithm of
        any normalised density of x.
        """
        return sum_over_dims(images * self.logits - tf.math.softplus(self.logits))


class Gaussian(NamedTuple):
    """p(x|z) = N(x; mean, exp(log_var) I) over pixels scaled to [0, 1], with one variance for all pixels."""

    mean: tf.Tensor  # [B, H, W, C]
    log_var: tf.Tensor  # scalar

    @staticmethod
    def first_weights(pixel_variance):
        """The log variance begins at that of the training pixels, or at 0 where it is not known."""
        log_var = log(max(pixel_variance, MIN_VARIANCE)) if pixel_variance else 0.0
        return {"log_var": atanh(log_var / LOG_VAR_BOUND)}

    @classmethod
    def from_parameters(cls, parameters, log_var):
        """N(sigmoid(.), s^2 I) with one learned s: the sigma-VAE.

        Adam moves a weight by about its learning rate each step, whatever the gradient. The bound multiplies the
        weight, so the weight reaches the logarithm of a small variance within hundreds of steps, not thousands.

        Reference: Rybkin, Daniilidis & Levine (2021).
        """
        return cls(tf.sigmoid(parameters), LOG_VAR_BOUND * tf.tanh(log_var))

    def log_prob(self, images):
        """The log density of images: nats [B].

            -D/2 log(2 pi s^2) - sum of squared errors / (2 s^2),  s^2 = exp(log_var),  D = H W C

        Reference: Rybkin, Daniilidis & Levine (2021).
        """
        num_dims = tf.cast(tf.size(self.mean[0]), self.mean.dtype)
        squared_error = sum_over_dims(tf.square(images - self.mean))
        return -0.5 * (num_dims * (log(2.0 * pi) + self.log_var) + squared_error * tf.exp(-self.log_var))


class UnitGaussian(Gaussian):
    """p(x|z) = N(x; mean, I). -log p(x|z) is half the summed squared error plus the constant D/2 log(2 pi)."""

    @staticmethod
    def first_weights(pixel_variance):
        """Nothing is learned."""
        return {}

    @classmethod
    def from_parameters(cls, parameters):
        """N(sigmoid(.), I)."""
        return cls(tf.sigmoid(parameters), tf.zeros(()))


class DiscretizedLogistic(NamedTuple):
    """p(x|z) of independent 8-bit values: a logistic distribution, integrated over the bin of each value.

        p(x) = sigmoid((x - mean + 1/510) / s) - sigmoid((x - mean - 1/510) / s),  s = exp(log_scale),  x = k / 255

    The bins of 0 and 1 reach to infinity, so the 256 probabilities sum to one.

    Reference: Salimans, Karpathy, Chen & Kingma (2017), eq. 2, with one component.
    """

    mean: tf.Tensor  # [B, H, W, C], the location of the logistic
    log_scale: tf.Tensor  # [B, H, W, C]

    @staticmethod
    def num_parameters(num_channels):
        """A location and a scale for every channel."""
        return 2 * num_channels

    @classmethod
    def from_parameters(cls, parameters):
        """A location, sigmoid(.), and a scale for every value of the image."""
        mean, log_scale = tf.split(parameters, 2, axis=-1)
        return cls(tf.sigmoid(mean), bounded_log_scale(log_scale))

    def log_prob(self, images):
        """The log-probability of 8-bit images, given as k / 255: nats [B]."""
        return sum_over_dims(log_prob_of_bins(images, self.mean, self.log_scale))


class LogisticMixture(NamedTuple):
    """p(x|z) of 8-bit pixels: a mixture of discretised logistics, in which a channel depends on those before it.

        p(x) = sum_k weight_k prod_c P(x_c; mean_kc + sum_{d<c} a_kcd (x_d - mean_kd), scale_kc)

    P is the `DiscretizedLogistic` of a channel. All channels of a pixel share the component k. Pixels are independent
    given z.

    Reference: Salimans, Karpathy, Chen & Kingma (2017), eq. 2 and 3. There a channel depends on x_d; here on how far
    x_d is from its location, so the locations alone say where a component is.
    """

    logits: tf.Tensor  # [B, H, W, K], of the weights
    means: tf.Tensor  # [B, H, W, K, C]
    log_scales: tf.Tensor  # [B, H, W, K, C]
    slopes: tf.Tensor  # [B, H, W, K, C (C - 1) / 2]: a_10, a_20, a_21, ...

    @staticmethod
    def num_parameters(num_channels):
        """For each component a weight, a location and a scale of every channel, and a slope of every pair."""
        return NUM_COMPONENTS * (1 + 2 * num_channels + num_channels * (num_channels - 1) // 2)

    @classmethod
    def from_parameters(cls, parameters):
        """Locations are sigmoid(.), slopes tanh(.), so that a network's output of any size is finite.

        An output of 0 stands for components side by side, as wide as the pixels of photographs are spread: from there a
        decoder has a short way to go.
        """
        *_, height, width, num_parameters = parameters.shape
        size = num_parameters // NUM_COMPONENTS
        per_component = tf.reshape(parameters, (-1, height, width, NUM_COMPONENTS, size))
        num_channels = next(each for each in range(1, size) if cls.num_parameters(each) == NUM_COMPONENTS * size)
        sizes = [1, num_channels, num_channels, size - 1 - 2 * num_channels]
        logits, means, log_scales, slopes = tf.split(per_component, sizes, axis=-1)
        means = tf.sigmoid(means + tf.constant(FIRST_MEANS, shape=(NUM_COMPONENTS, 1)))
        log_scales = bounded_log_scale(log_scales + FIRST_LOG_SCALE)
        return cls(logits[..., 0], means, log_scales, tf.tanh(slopes))

    @property
    def mean(self):
        """The mean of every channel, [B, H, W, C] in [0, 1].

        It is the mean of the locations: given its component, a channel is expected to lie at its location.
        """
        return tf.reduce_sum(tf.nn.softmax(self.logits)[..., tf.newaxis] * self.means, axis=-2)

    def log_prob(self, images):
        """The log-probability of 8-bit images, given as k / 255: nats [B]."""
        values = images[..., tf.newaxis, :]
        log_probs = log_prob_of_bins(values, self.means + self.shifts(values - self.means), self.log_scales)
        log_joint = tf.nn.log_softmax(self.logits) + tf.reduce_sum(log_probs, axis=-1)
        return sum_over_dims(tf.reduce_logsumexp(log_joint, axis=-1))

    def shifts(self, distances):
        """How far the channels before it move a channel's location: [B, H, W, K, C], from their distances to theirs."""
        rows, slopes = [tf.zeros_like(distances[..., 0])], tf.unstack(self.slopes, axis=-1)
        for channel in range(1, distances.shape[-1]):
            before = slopes[channel * (channel - 1) // 2 :][:channel]
            rows.append(tf.add_n([slope * distances[..., index] for index, slope in enumerate(before)]))
        return tf.stack(rows, axis=-1)


def bounded_log_scale(log_scale):
    """The log scale of a discretised logistic that a network's output gives."""
    return LOG_SCALE_BOUND * tf.tanh(log_scale / LOG_SCALE_BOUND)


def log_prob_of_bins(values, mean, log_scale):
    """The log-probability of each 8-bit value k / 255 under a logistic that is integrated over bins: nats."""
    scale = tf.exp(log_scale)
    upper = (values - mean + HALF_BIN) / scale
    lower = (values - mean - HALF_BIN) / scale
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)). A factor is 1 where its end is at infinity.
    has_upper_end, has_lower_end = values < 1.0 - HALF_BIN, values > HALF_BIN
    log_sigmoids = tf.where(has_upper_end, tf.math.log_sigmoid(upper), 0.0)
    log_sigmoids += tf.where(has_lower_end, tf.math.log_sigmoid(-lower), 0.0)
    log_width = tf.math.log(-tf.math.expm1(-2.0 * HALF_BIN / scale))
    return log_sigmoids + tf.where(has_upper_end & has_lower_end, log_width, 0.0)


class Likelihood(keras.layers.Layer):
    """Decoder output -> the density of images that config.likelihood names in LIKELIHOODS."""

    def __init__(self, config):
        super().__init__(name="likelihood")
        self.density = code_of(LIKELIHOODS[config.likelihood].density)
        self.num_parameters = getattr(self.density, "num_parameters", lambda num_channels: num_channels)
        self.first_weights = getattr(self.density, "first_weights", lambda _: {})(config.pixel_variance)

    def build(self, input_shape):
        self.learned = [
            self.add_weight(shape=(), initializer=Constant(value), name=name)
            for name, value in self.first_weights.items()
        ]

    @property
    def variance(self):
        """The one variance of all pixels in [0, 1], a number; None where the density has no such variance."""
        density = self(tf.zeros((1, 1, 1, self.num_parameters(1))))
        return float(tf.exp(density.log_var)) if isinstance(density, Gaussian) else None

    def call(self, parameters):
        return self.density.from_parameters(parameters, *self.learned)
