"""Encoder and decoder trunks: images -> features, codes -> parameters of the likelihood. No probability, no loss."""

from math import prod

import tensorflow as tf
from keras import Sequential, layers

KERNEL = 4  # of strided convolutions: a multiple of the stride, so that every pixel is covered as often as the next
RESIZED_KERNEL = 3
MOMENTUM = 0.9  # of running statistics


class NetworkError(ValueError):
    """A network that cannot be built for images of this size. One line: received, expected, what to do."""


class BatchNormalization(layers.BatchNormalization):
    """Keras's layer of this name, for images [B, H, W, C], on TensorFlow's fused kernel.

    Keras 3 composes it of about ten element-wise kernels, which take 30 % of a training step on a CPU. Ioffe & Szegedy
    (2015), algorithms 1 and 2; the running variance is that of the batch, as in Keras, not the unbiased estimate.

    Running statistics begin as those of the first batch, and reach back over about a tenth of the steps so far until
    that is as long as the momentum says. Early in training the weights move fast, and statistics of older batches are
    those of another network: a small data set, with few steps an epoch, would be evaluated with them for many epochs.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.num_batches = self.add_weight(shape=(), initializer="zeros", trainable=False, name="num_batches")

    def call(self, inputs, training=None):
        if not training:
            return self._normalize(inputs, self.moving_mean, self.moving_variance, is_training=False)[0]
        outputs, mean, unbiased_variance = self._normalize(inputs, None, None, is_training=True)
        num_values = tf.cast(tf.size(inputs[..., 0]), tf.float32)
        variance = unbiased_variance * (num_values - 1.0) / num_values
        self.num_batches.assign_add(1.0)
        share = tf.maximum(1.0 - self.momentum, 10.0 / (self.num_batches + 9.0))
        self.moving_mean.assign_add(share * (mean - self.moving_mean))
        self.moving_variance.assign_add(share * (variance - self.moving_variance))
        return outputs

    def _normalize(self, inputs, mean, variance, is_training):
        """(normalised images, mean and unbiased variance of every channel)."""
        return tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, mean, variance, epsilon=self.epsilon, is_training=is_training
        )[:3]


def normalized(layer, normalization, activation):
    """A linear layer, its normalisation if there is one, and its activation."""
    after = {
        "none": [],
        "batch": [BatchNormalization(momentum=MOMENTUM)],
        "instance": [layers.GroupNormalization(groups=-1)],  # Ulyanov, Vedaldi & Lempitsky (2016)
    }
    return [layer, *after[normalization], layers.Activation(activation)]


def mlp_encoder(config):
    """Images [B, H, W, C] -> features [B, hidden_sizes[-1]]: dense layers on the flattened image."""
    hidden = (layers.Dense(size, activation=config.activation) for size in config.hidden_sizes)
    return Sequential([layers.Flatten(), *hidden])


def mlp_decoder(config, output_shape):
    """Codes [B, L] -> parameters [B, H, W, P]: the encoder's layers in reverse order."""
    hidden = (layers.Dense(size, activation=config.activation) for size in reversed(config.hidden_sizes))
    return Sequential([*hidden, layers.Dense(prod(output_shape)), layers.Reshape(output_shape)])


def conv_encoder(config):
    """Images [B, H, W, C] -> features [B, F]: convolutions of stride 2, then a dense layer unless num_features is 0."""
    trunk = []
    for size in config.hidden_sizes:
        convolution = layers.Conv2D(size, KERNEL, strides=2, padding="same")
        trunk += normalized(convolution, config.encoder_normalization, config.activation)
    return Sequential([*trunk, layers.Flatten(), *dense_features(config)])


def conv_decoder(config, output_shape):
    """Codes [B, L] -> parameters [B, H, W, P]: dense layers, then the encoder's convolutions in reverse order.

    Each doubles the resolution: a transposed convolution of stride 2, or nearest-neighbour resizing and a convolution
    (Odena, Dumoulin & Olah 2016, who look into the checkerboards that the first can draw).
    """
    height, width, num_parameters = output_shape
    *narrower, widest = config.hidden_sizes
    stride = 2 ** len(config.hidden_sizes)
    if height % stride or width % stride:
        raise NetworkError(
            f"images of {height}x{width} pixels: {len(config.hidden_sizes)} convolutions of stride 2 expected sides "
            f"that {stride} divides; give --hidden_sizes fewer sizes, another --image_size, or use --network mlp"
        )
    coarsest = (height // stride, width // stride, widest)
    trunk = [*dense_features(config), layers.Dense(prod(coarsest), activation=config.activation)]
    trunk.append(layers.Reshape(coarsest))
    output = doubling(num_parameters, config.upsampling)
    for size in reversed(narrower):
        *resizing, convolution = doubling(size, config.upsampling)
        trunk += [*resizing, *normalized(convolution, config.decoder_normalization, config.activation)]
    return Sequential([*trunk, *output])


def dense_features(config):
    """The dense layer between convolutions and codes, if there is one."""
    return [layers.Dense(config.num_features, activation=config.activation)] if config.num_features else []


def doubling(num_channels, upsampling):
    """Linear layers that double the resolution."""
    if upsampling == "transposed":
        return [layers.Conv2DTranspose(num_channels, KERNEL, strides=2, padding="same")]
    return [layers.UpSampling2D(), layers.Conv2D(num_channels, RESIZED_KERNEL, padding="same")]


NETWORKS = {"mlp": (mlp_encoder, mlp_decoder), "conv": (conv_encoder, conv_decoder)}


def build_encoder(config):
    """The encoder trunk that a config describes."""
    return NETWORKS[config.network][0](config)


def build_decoder(config, parameters_per_channel):
    """The decoder trunk that a config describes; raises NetworkError for an image that it cannot make.

    Its outputs are [B, H, W, C * parameters_per_channel].
    """
    height, width, channels = config.image_shape
    return NETWORKS[config.network][1](config, (height, width, channels * parameters_per_channel))
