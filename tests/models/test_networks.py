"""Trunks: shapes, images that they cannot make, and batch normalisation against Keras's own."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiment.settings.datasets import DATASETS
from models.catalog import NETWORKS
from models.networks import BatchNormalization, GatedDense, NetworkError, build_decoder, build_encoder, build_trunk

CONV = {
    "network": "conv",
    "hidden_sizes": (12, 8),
    "activation": "silu",
    "encoder_normalization": "none",
    "decoder_normalization": "none",
    "upsampling": "transposed",
    "num_features": 32,
    "num_blocks": 0,
    "image_shape": (28, 28, 1),
    "level_shapes": ((14, 14, 2), (4,)),
}


def settings(**given):
    return SimpleNamespace(**{**CONV, **given})


def widths(trunk):
    """Channels or units that come out of each layer with a kernel."""
    return [layer.compute_output_shape(layer.input.shape)[-1] for layer in trunk.layers if hasattr(layer, "kernel")]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("image_shape", [(28, 28, 1), (16, 32, 3)])
@pytest.mark.parametrize("num_parameters", [int, lambda num_channels: 2 * num_channels])
def test_decoder_mirrors_encoder(network, image_shape, num_parameters):
    config = settings(network=network, image_shape=image_shape)
    encoder, decoder = build_encoder(config), build_decoder(config, num_parameters)
    features = encoder(tf.zeros((2, *image_shape)))
    assert features.shape.rank == 2
    num_channels = num_parameters(image_shape[-1])
    assert decoder(tf.zeros((2, 5))).shape == (2, *image_shape[:2], num_channels)
    if network == "mlp":
        assert widths(encoder) == [12, 8]
        assert widths(decoder) == [8, 12, image_shape[0] * image_shape[1] * num_channels]
    elif network == "conv":
        assert widths(encoder) == [12, 8, 32]
        coarsest = image_shape[0] * image_shape[1] // 16 * 8
        assert widths(decoder) == [32, coarsest, 12, num_channels]


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@pytest.mark.parametrize("normalization", ["none", "batch", "instance"])
@pytest.mark.parametrize("num_features", [0, 6])
def test_every_kind_of_convolutional_trunk(upsampling, normalization, num_features):
    config = settings(
        image_shape=(24, 40, 3),
        hidden_sizes=(4, 6, 8),
        upsampling=upsampling,
        encoder_normalization=normalization,
        decoder_normalization="instance" if normalization == "batch" else normalization,
        num_features=num_features,
    )
    encoder, decoder = build_encoder(config), build_decoder(config, int)
    assert encoder(tf.zeros((2, 24, 40, 3))).shape == (2, num_features or 3 * 5 * 8)
    assert decoder(tf.zeros((2, 7))).shape == (2, 24, 40, 3)
    kinds = {"batch": BatchNormalization, "instance": keras.layers.GroupNormalization, "none": ()}
    counts = [
        sum(isinstance(layer, kinds[kind]) for layer in trunk.layers)
        for trunk, kind in ((encoder, config.encoder_normalization), (decoder, config.decoder_normalization))
    ]
    assert counts == ([0, 0] if normalization == "none" else [3, 2])
    resizing = [layer for layer in decoder.layers if isinstance(layer, keras.layers.UpSampling2D)]
    assert len(resizing) == (3 if upsampling == "resize" else 0)


@pytest.mark.parametrize("name", [name for name, preset in DATASETS.items() if "image_size" in preset.settings])
def test_presets_make_images_of_their_size_and_of_others_that_divide(name):
    preset = DATASETS[name].settings
    for size in (preset["image_size"], 2 ** len(preset["hidden_sizes"]) * 3):
        config = settings(**{**preset, "image_shape": (size, size, 3)})
        build_encoder(config)(tf.zeros((1, size, size, 3)))
        assert build_decoder(config, int)(tf.zeros((1, *preset["latent_size"]))).shape == (1, size, size, 3)


def test_instance_normalisation_is_by_image_and_channel():
    images = np.random.default_rng(0).normal(3.0, 2.0, (2, 8, 8, 4)).astype(np.float32)
    layer = keras.layers.GroupNormalization(groups=-1)
    mean, variance = images.mean(axis=(1, 2), keepdims=True), images.var(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(layer(images), (images - mean) / np.sqrt(variance + layer.epsilon), atol=1e-4)


def test_a_gated_layer_is_a_product_of_units_and_gates():
    features = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    layer = GatedDense(3)
    assert layer(features).shape == layer.compute_output_shape((2, 5)) == (2, 3)
    for weight in layer.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    (w, b), (v, c) = (each.get_weights() for each in (layer.value, layer.gate))
    expected = (features @ w + b) / (1.0 + np.exp(-(features @ v + c)))
    np.testing.assert_allclose(layer(features), expected, rtol=1e-5)


def test_conv_refuses_sides_that_its_strides_do_not_divide():
    message = "28x28 pixels: expected sides that 8 divides, .* --hidden_sizes 8 8 8 halves .* --image_size 24 or 32"
    with pytest.raises(NetworkError, match=message):
        build_decoder(settings(hidden_sizes=(8, 8, 8)), int)


# --- Batch normalisation ----------------------------------------------------------------------------------------------


@pytest.fixture
def layers_and_images():
    """Our layer, Keras's with the same weights, and images that are far from standardised."""
    images = np.random.default_rng(0).normal(3.0, 2.0, (6, 5, 7, 4)).astype(np.float32)
    ours, keras_layer = BatchNormalization(momentum=0.9), keras.layers.BatchNormalization(momentum=0.9)
    for layer in (ours, keras_layer):
        layer.build(images.shape)
        layer.gamma.assign([1.0, 2.0, 0.5, -1.0])
        layer.beta.assign([0.0, 1.0, -1.0, 3.0])
    return ours, keras_layer, images


def test_batch_normalisation_has_the_values_and_gradients_of_keras(layers_and_images):
    ours, keras_layer, images = layers_and_images
    target = np.random.default_rng(1).normal(size=images.shape).astype(np.float32)
    results = []
    for layer in (ours, keras_layer):
        inputs = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(tf.square(outputs - target))
        results.append([outputs, *tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])])
    for our_value, keras_value in zip(*results, strict=True):
        np.testing.assert_allclose(our_value, keras_value, rtol=1e-3, atol=1e-4)


def test_batch_normalisation_infers_as_keras_does(layers_and_images):
    ours, keras_layer, images = layers_and_images
    for layer in (ours, keras_layer):
        layer.moving_mean.assign([1.0, 2.0, 3.0, 4.0])
        layer.moving_variance.assign([4.0, 3.0, 2.0, 1.0])
    np.testing.assert_allclose(ours(images), keras_layer(images), rtol=1e-4, atol=1e-5)


def test_running_statistics_begin_with_the_first_batch_and_move_as_in_keras_later(layers_and_images):
    ours, keras_layer, _ = layers_and_images
    batches = np.random.default_rng(2).normal(3.0, 2.0, (110, 6, 5, 7, 4)).astype(np.float32)
    means, variances = batches.mean(axis=(1, 2, 3)), batches.var(axis=(1, 2, 3))
    mean, variance = np.zeros(4), np.ones(4)
    for count, batch in enumerate(batches, start=1):
        ours(batch, training=True)
        if count <= 91:
            share = 10 / (count + 9)
            mean, variance = (
                (1 - share) * mean + share * means[count - 1],
                (1 - share) * variance + share * variances[count - 1],
            )
            np.testing.assert_allclose(ours.moving_mean, mean, rtol=1e-4)
            np.testing.assert_allclose(ours.moving_variance, variance, rtol=1e-4)
            for name in ("moving_mean", "moving_variance"):
                getattr(keras_layer, name).assign(getattr(ours, name))
        else:
            keras_layer(batch, training=True)
    np.testing.assert_allclose(ours.moving_mean, keras_layer.moving_mean, rtol=1e-4)
    np.testing.assert_allclose(ours.moving_variance, keras_layer.moving_variance, rtol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_steps_lead_from_stage_to_stage(network):
    trunk = build_trunk(settings(network=network, num_blocks=2))
    features = tf.random.normal((3, 28, 28, 1))
    for stage in range(1, trunk.top + 1):
        features = keras.Sequential(trunk.climb(stage - 1, stage))(features)
        assert features.shape == (3, *trunk.shape(stage))
        assert keras.Sequential(trunk.climb(stage, stage))(features).shape == features.shape
    state = keras.Sequential(trunk.lift(trunk.top))(tf.zeros((3, 5)))
    for stage in range(trunk.top, 0, -1):
        assert state.shape == (3, *trunk.shape(stage))
        assert keras.Sequential(trunk.descend(stage, stage))(state).shape == state.shape
        state = keras.Sequential(trunk.descend(stage, stage - 1))(state)
    assert state.shape == (3, 28, 28, 1)


def test_residual_blocks_begin_as_the_identity():
    for trunk, shape in (
        (build_trunk(settings(num_blocks=3)), (7, 7, 8)),
        (build_trunk(settings(num_blocks=3)), (32,)),
    ):
        stage = trunk.stage_of(shape)
        blocks = trunk.blocks(stage, "none")
        features = tf.random.normal((2, *shape))
        assert len(blocks) == 3
        np.testing.assert_array_equal(keras.Sequential(blocks)(features), features)


def test_levels_belong_to_the_stage_of_their_shape():
    trunk = build_trunk(settings())
    assert trunk.stages_of([(14, 14, 3), (7, 7, 1), (7, 7, 9), (4,)]) == [1, 2, 2, 3]
    with pytest.raises(NetworkError, match="--latent_size 14x7x3: this --network conv has maps of 14x14, 7x7"):
        trunk.stages_of([(14, 7, 3)])
