"""A decoder as data: its layers and weights, for a program that is not Python."""

from base64 import b64encode
from math import sqrt

import numpy as np
from keras import layers

from models.networks import BatchNormalization, GatedDense, ResidualBlock


def decoder_data(model, config):
    """The decoder of a model of one level: it takes codes (and labels) to the means of p(x|z).

    Returns:
        A dict for JSON. "label_scale" is the factor on labels before they join the codes, "layers" a list of dicts with
        a kind each, "shape" the shape of the images. The means are the sigmoid of the first channels.
    """
    size = config.num_units + len(config.label_names)
    return {
        "label_scale": sqrt(config.num_units),
        "layers": layers_data(model.decoder.layers, (size,)),
        "shape": list(config.image_shape),
    }


def layers_data(keras_layers, shape):
    """Dicts for a list of Keras layers; `shape` is that of their input, without the batch."""
    data = []
    for layer in keras_layers:
        data += _layer_data(layer, shape)
        shape = tuple(layer.compute_output_shape((1, *shape)))[1:]
    return data


def _layer_data(layer, shape):
    if isinstance(layer, layers.Dense):
        return [{"kind": "dense", **_weights(layer)}, *_activation(layer.activation)]
    if isinstance(layer, layers.Conv2DTranspose):
        return [{"kind": "transposed_convolution", **_weights(layer)}, *_activation(layer.activation)]
    if isinstance(layer, layers.Conv2D):
        return [{"kind": "convolution", **_weights(layer)}, *_activation(layer.activation)]
    if isinstance(layer, layers.Reshape):
        return [{"kind": "reshape", "shape": list(layer.target_shape)}]
    if isinstance(layer, layers.UpSampling2D):
        return [{"kind": "upsampling"}]
    if isinstance(layer, layers.Activation):
        return _activation(layer.activation)
    if isinstance(layer, BatchNormalization):
        scale = layer.gamma.numpy() / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
        shift = layer.beta.numpy() - layer.moving_mean.numpy() * scale
        return [{"kind": "affine", "scale": encode_floats(scale), "shift": encode_floats(shift)}]
    if isinstance(layer, layers.GroupNormalization):
        scale, shift = encode_floats(layer.gamma.numpy()), encode_floats(layer.beta.numpy())
        return [{"kind": "instance_normalization", "epsilon": layer.epsilon, "scale": scale, "shift": shift}]
    if isinstance(layer, GatedDense):
        return [
            {"kind": "gated", "layers": [{"kind": "dense", **_weights(each)} for each in (layer.value, layer.gate)]}
        ]
    if isinstance(layer, ResidualBlock):
        return [{"kind": "residual", "layers": layers_data(layer.branch.layers, shape)}]
    raise TypeError(f"{type(layer).__name__}: no program for this layer; add it here and to explorer.js")


def _weights(layer):
    kernel = layer.kernel.numpy()
    return {"shape": list(kernel.shape), "kernel": encode_floats(kernel), "bias": encode_floats(layer.bias.numpy())}


def _activation(function):
    return [] if function.__name__ == "linear" else [{"kind": "activation", "name": function.__name__}]


def num_multiplications(keras_layers, shape):
    """The number of multiplications in the convolutions and dense layers of a decoder, for one image."""
    total = 0
    for layer in keras_layers:
        output_shape = tuple(layer.compute_output_shape((1, *shape)))[1:]
        if isinstance(layer, ResidualBlock):
            total += num_multiplications(layer.branch.layers, shape)
        elif isinstance(layer, layers.Conv2DTranspose):  # the whole kernel for each input pixel
            total += layer.kernel.numpy().size * shape[0] * shape[1]
        elif isinstance(layer, layers.Conv2D):  # the whole kernel for each output pixel
            total += layer.kernel.numpy().size * output_shape[0] * output_shape[1]
        elif isinstance(layer, GatedDense):
            total += 2 * layer.value.kernel.numpy().size
        elif isinstance(layer, layers.Dense):
            total += layer.kernel.numpy().size
        shape = output_shape
    return total


def encode_floats(array):
    """An array as 32-bit floats, little-endian, in base 64."""
    return b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode("ascii")
