"""Encoder and decoder trunks: images -> features, codes -> parameters of the likelihood. No probability, no loss."""

from math import prod

from keras import Sequential, layers

CONV_FEATURES = 256  # units between the convolutions and the codes


class NetworkError(ValueError):
    """A network that cannot be built for images of this size. One line: received, expected, what to do."""


def mlp_encoder(hidden_sizes):
    """Images [B, H, W, C] -> features [B, hidden_sizes[-1]]: dense ReLU layers on the flattened image."""
    return Sequential([layers.Flatten(), *(layers.Dense(size, activation="relu") for size in hidden_sizes)])


def mlp_decoder(hidden_sizes, image_shape):
    """Codes [B, L] -> parameters [B, H, W, C]: the encoder's layers in reverse order."""
    hidden = (layers.Dense(size, activation="relu") for size in reversed(hidden_sizes))
    return Sequential([*hidden, layers.Dense(prod(image_shape)), layers.Reshape(image_shape)])


def conv_encoder(hidden_sizes):
    """Images [B, H, W, C] -> features [B, CONV_FEATURES]: convolutions of stride 2, then a dense layer."""
    convolutions = (layers.Conv2D(size, 4, strides=2, padding="same", activation="silu") for size in hidden_sizes)
    return Sequential([*convolutions, layers.Flatten(), layers.Dense(CONV_FEATURES, activation="silu")])


def conv_decoder(hidden_sizes, image_shape):
    """Codes [B, L] -> parameters [B, H, W, C]: two dense layers, then transposed convolutions of stride 2."""
    height, width, channels = image_shape
    stride = 2 ** len(hidden_sizes)
    if height % stride or width % stride:
        raise NetworkError(
            f"images of {height}x{width} pixels: {len(hidden_sizes)} convolutions of stride 2 expected sides that "
            f"{stride} divides; give --hidden_sizes fewer sizes, or use --network mlp"
        )
    coarsest = (height // stride, width // stride, hidden_sizes[-1])
    hidden = [layers.Dense(CONV_FEATURES, activation="silu"), layers.Dense(prod(coarsest), activation="silu")]
    upsampling = (
        layers.Conv2DTranspose(size, 4, strides=2, padding="same", activation="silu")
        for size in reversed(hidden_sizes[:-1])
    )
    output = layers.Conv2DTranspose(channels, 4, strides=2, padding="same")
    return Sequential([*hidden, layers.Reshape(coarsest), *upsampling, output])


NETWORKS = {"mlp": (mlp_encoder, mlp_decoder), "conv": (conv_encoder, conv_decoder)}


def build_encoder(network, hidden_sizes):
    """The encoder trunk that a network's name stands for."""
    return NETWORKS[network][0](hidden_sizes)


def build_decoder(network, hidden_sizes, image_shape):
    """The decoder trunk that a network's name stands for; raises NetworkError for an image that it cannot make."""
    return NETWORKS[network][1](hidden_sizes, image_shape)
