"""Encoder and decoder trunks: images -> features, codes -> parameters of the likelihood. No probability, no loss."""

from math import prod

import tensorflow as tf
from keras import Sequential, layers

KERNEL = 4  # of strided convolutions: a multiple of the stride, so that every pixel is covered as often as the next
RESIZED_KERNEL = 3
MOMENTUM = 0.9  # of running statistics: a small data set makes few steps, and Keras's 0.99 would hardly have begun


class NetworkError(ValueError):
    """A network that cannot be built for images of this size. One line: received, expected, what to do."""


class BatchNormalization(layers.BatchNormalization):
    """Keras's layer of this name, for images [B, H, W, C], on TensorFlow's fused kernel.

    Keras 3 composes it of about ten element-wise kernels, which take 30 % of a training step on a CPU. Ioffe & Szegedy
    (2015), algorithms 1 and 2; the running variance is that of the batch, as in Keras, not the unbiased estimate.
    """

    def call(self, inputs, training=None):
        if not training:
            outputs, *_ = tf.compat.v1.nn.fused_batch_norm(
                inputs,
                self.gamma,
                self.beta,
                self.moving_mean,
                self.moving_variance,
                epsilon=self.epsilon,
                is_training=False,
            )
            return outputs
        outputs, mean, unbiased_variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon
        )
        num_values = tf.cast(tf.size(inputs[..., 0]), tf.float32)
        variance = unbiased_variance * (num_values - 1.0) / num_values
        self.moving_mean.assign(self.momentum * self.moving_mean + (1.0 - self.momentum) * mean)
        self.moving_variance.assign(self.momentum * self.moving_variance + (1.0 - self.momentum) * variance)
        return outputs


def normalized(layer, normalization, activation):
    """A linear layer, its normalisation if there is one, and its activation."""
    after = {
        "none": [],
        "batch": [BatchNormalization(momentum=MOMENTUM)],
        "instance": [layers.GroupNormalization(groups=-1)],  # Ulyanov, Vedaldi & Lempitsky (2016)
    }
    return [layer, *after[normalization], layers.Activation(activation)]


def mlp_encoder(hidden_sizes, activation):
    """Images [B, H, W, C] -> features [B, hidden_sizes[-1]]: dense layers on the flattened image."""
    return Sequential([layers.Flatten(), *(layers.Dense(size, activation=activation) for size in hidden_sizes)])


def mlp_decoder(hidden_sizes, activation, output_shape):
    """Codes [B, L] -> parameters [B, H, W, P]: the encoder's layers in reverse order."""
    hidden = (layers.Dense(size, activation=activation) for size in reversed(hidden_sizes))
    return Sequential([*hidden, layers.Dense(prod(output_shape)), layers.Reshape(output_shape)])


def conv_encoder(hidden_sizes, activation, normalization, num_features):
    """Images [B, H, W, C] -> features [B, F]: convolutions of stride 2, then a dense layer unless num_features is 0."""
    trunk = []
    for size in hidden_sizes:
        trunk += normalized(layers.Conv2D(size, KERNEL, strides=2, padding="same"), normalization, activation)
    dense = [layers.Dense(num_features, activation=activation)] if num_features else []
    return Sequential([*trunk, layers.Flatten(), *dense])


def conv_decoder(hidden_sizes, activation, normalization, num_features, upsampling, output_shape):
    """Codes [B, L] -> parameters [B, H, W, P]: dense layers, then the encoder's convolutions in reverse order.

    Each doubles the resolution: a transposed convolution of stride 2, or nearest-neighbour resizing and a convolution
    (Odena, Dumoulin & Olah 2016, who look into the checkerboards that the first can draw).
    """
    height, width, num_parameters = output_shape
    stride = 2 ** len(hidden_sizes)
    if height % stride or width % stride:
        raise NetworkError(
            f"images of {height}x{width} pixels: {len(hidden_sizes)} convolutions of stride 2 expected sides that "
            f"{stride} divides; give --hidden_sizes fewer sizes, another --image_size, or use --network mlp"
        )
    coarsest = (height // stride, width // stride, hidden_sizes[-1])
    trunk = [layers.Dense(num_features, activation=activation)] if num_features else []
    trunk += [layers.Dense(prod(coarsest), activation=activation), layers.Reshape(coarsest)]
    for size in reversed(hidden_sizes[:-1]):
        *resize, convolution = doubling(size, upsampling)
        trunk += [*resize, *normalized(convolution, normalization, activation)]
    return Sequential([*trunk, *doubling(num_parameters, upsampling)])


def doubling(num_channels, upsampling):
    """Linear layers that double the resolution."""
    if upsampling == "transposed":
        return [layers.Conv2DTranspose(num_channels, KERNEL, strides=2, padding="same")]
    return [layers.UpSampling2D(), layers.Conv2D(num_channels, RESIZED_KERNEL, padding="same")]


def build_encoder(config):
    """The encoder trunk that a config describes."""
    if config.network == "mlp":
        return mlp_encoder(config.hidden_sizes, config.activation)
    return conv_encoder(config.hidden_sizes, config.activation, config.encoder_normalization, config.num_features)


def build_decoder(config, parameters_per_channel):
    """The decoder trunk that a config describes; raises NetworkError for an image that it cannot make.

    Its outputs are [B, H, W, C * parameters_per_channel].
    """
    height, width, channels = config.image_shape
    output_shape = (height, width, channels * parameters_per_channel)
    if config.network == "mlp":
        return mlp_decoder(config.hidden_sizes, config.activation, output_shape)
    return conv_decoder(
        config.hidden_sizes,
        config.activation,
        config.decoder_normalization,
        config.num_features,
        config.upsampling,
        output_shape,
    )
