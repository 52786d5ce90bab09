"""Trunks: shapes, and images that they cannot make."""

import math

import pytest
import tensorflow as tf

from models.networks import CONV_FEATURES, NETWORKS, NetworkError, build_decoder, build_encoder


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("image_shape", [(28, 28, 1), (16, 32, 3)])
def test_decoder_mirrors_encoder(network, image_shape):
    encoder = build_encoder(network, (12, 8))
    decoder = build_decoder(network, (12, 8), image_shape)
    features = encoder(tf.zeros((2, *image_shape)))
    assert features.shape.rank == 2
    assert decoder(tf.zeros((2, 5))).shape == (2, *image_shape)

    def widths(trunk):
        kernels = [weight.shape for weight in trunk.weights if weight.name == "kernel"]
        return [shape[2] if len(shape) == 4 and trunk is decoder else shape[-1] for shape in kernels]

    if network == "mlp":
        assert widths(encoder) == [12, 8]
        assert widths(decoder) == [8, 12, math.prod(image_shape)]
    else:
        assert widths(encoder) == [12, 8, CONV_FEATURES]
        assert widths(decoder)[2:] == [12, image_shape[-1]]


def test_conv_refuses_sides_that_its_strides_do_not_divide():
    with pytest.raises(NetworkError, match="28x28 pixels: 3 convolutions of stride 2 expected sides that 8 divides"):
        build_decoder("conv", (8, 8, 8), (28, 28, 1))
