"""Trunks in lower precision: what computes in it, what stays float32, and how close both are."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.bounds import forward
from models.build import build_model
from models.distributions import Batch
from models.networks import BatchNormalization
from models.noise import noise_seed
from models.precision import TrunkPolicy, trunks_in

CONV = {"network": "conv", "hidden_sizes": (8, 6), "num_features": 16}
NORMALIZED = {**CONV, "encoder_normalization": "batch", "decoder_normalization": "instance"}
RESIZING = {**CONV, "upsampling": "resize", "decoder_normalization": "batch", "num_blocks": 1}
LEVELS = {**CONV, "hierarchical": True, "latent_size": ("4x4x2", 3)}
CHAIN = {"hierarchical": True, "hierarchy": "chain", "latent_size": (4, 3)}
LOW, HIGH = "bfloat16", "float32"


def dtypes(*parts):
    """The dtypes in which the layers of some parts of a model compute, those of layers of layers left out."""
    flat = [layer for part in parts for layer in part._flatten_layers()]
    return [each.compute_dtype for each in flat if not isinstance(each, (keras.Sequential, keras.layers.InputLayer))]


@pytest.mark.parametrize(
    "given, num_outputs",
    [(NORMALIZED, 1), (RESIZING, 1), ({"hidden_sizes": (24, 16)}, 2), ({**CONV, "is_cvae": True}, 1)],
)
def test_trunks_of_one_level_compute_in_it_and_the_rest_does_not(make_config, given, num_outputs):
    model = build_model(make_config(**given))
    with trunks_in("mixed_bfloat16"):
        *trunk, output = dtypes(model.encoder), dtypes(model.decoder)[-num_outputs:]
        assert {dtype for part in [*trunk, dtypes(model.decoder)[:-num_outputs]] for dtype in part} == {LOW}
        assert output == [HIGH] * num_outputs
        heads = [model.posterior, model.likelihood, *([model.label_channel] if "is_cvae" in given else [])]
        assert {*dtypes(*heads)} == {HIGH}
        assert {weight.dtype for weight in model.weights} == {HIGH}
    assert {*dtypes(model)} == {HIGH}


@pytest.mark.parametrize("is_cvae", [False, True])
def test_trunks_of_a_hierarchy_compute_in_it_and_its_priors_and_posteriors_do_not(make_config, is_cvae):
    model = build_model(make_config(**LEVELS, is_cvae=is_cvae))
    top, lower = model.levels
    with trunks_in("mixed_bfloat16"):
        labels = model.label_embeddings if is_cvae else []
        *trunk, output = dtypes(*model.steps_up, top.lift, lower.embed, *labels, *model.steps_down)
        assert {*trunk} == {LOW} and output == HIGH
        assert {*dtypes(top.posterior_head, lower.prior_head, lower.posterior_head)} == {HIGH}


def test_trunks_of_a_chain_compute_in_it_and_its_posteriors_do_not(make_config):
    model = build_model(make_config(**CHAIN))
    with trunks_in("mixed_bfloat16"):
        assert dtypes(*model.posteriors) == [HIGH, LOW, HIGH]
        assert {*dtypes(model.encoder)} == {LOW}


BFLOAT16, FLOAT16 = ("mixed_bfloat16", 2**-6), ("mixed_float16", 2**-9)


@pytest.mark.parametrize(
    "given, precision, tolerance",
    [
        (NORMALIZED, *BFLOAT16),
        ({"is_cvae": True}, *BFLOAT16),
        ({**LEVELS, "is_cvae": True}, *BFLOAT16),
        (CHAIN, *BFLOAT16),
        (RESIZING, *FLOAT16),
        (LEVELS, *FLOAT16),
    ],
)
def test_elbo_and_gradient_are_close_to_those_of_float32_but_not_the_same(make_config, given, precision, tolerance):
    config = make_config(**given)
    model, generator = build_model(config), np.random.default_rng(0)
    images = tf.constant(generator.uniform(size=(16, 8, 8, 1)), tf.float32)
    batch = Batch(images, tf.one_hot(generator.integers(0, 3, 16), 3) if config.is_cvae else None)

    def elbo_and_gradient(precision):
        with tf.GradientTape() as tape, trunks_in(precision):
            passed = forward(model, batch, noise_seed(0), training=True)
            elbo = tf.reduce_mean(passed.terms.elbo)
        gradients = tape.gradient(elbo, model.trainable_variables)
        assert {each.dtype for each in (*passed.terms, passed.log_weight, *gradients)} == {tf.float32}
        return elbo.numpy(), np.concatenate([np.ravel(each) for each in gradients])

    (elbo, gradient), (low_elbo, low_gradient) = elbo_and_gradient("float32"), elbo_and_gradient(precision)
    assert 0 < abs(low_elbo - elbo) < tolerance * abs(elbo)
    assert 0 < np.linalg.norm(low_gradient - gradient) < 8 * tolerance * np.linalg.norm(gradient)


@pytest.mark.parametrize("precision, tolerance", [("mixed_bfloat16", 2**-7), ("mixed_float16", 2**-10)])
def test_batch_normalisation_has_statistics_of_float32(precision, tolerance):
    """Of images that the precision holds exactly, so that only what the layer does can differ."""
    low = tf.as_dtype(keras.DTypePolicy(precision).compute_dtype)
    drawn = np.random.default_rng(0).normal(3.0, 2.0, (6, 5, 7, 4))
    images = tf.cast(tf.cast(drawn, low), tf.float32)
    target = tf.constant(np.random.default_rng(1).normal(size=images.shape), tf.float32)
    results = []
    for chosen in ("float32", precision):
        layer = BatchNormalization(momentum=0.9, dtype=TrunkPolicy())
        layer.build(images.shape)
        layer.gamma.assign([1.0, 2.0, 0.5, -1.0])
        with tf.GradientTape() as tape, trunks_in(chosen):
            tape.watch(images)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(tf.square(tf.cast(outputs, tf.float32) - target))
        assert outputs.dtype == (tf.float32 if chosen == "float32" else low)
        with trunks_in(chosen):
            inferred = layer(images, training=False)
        gradients = tape.gradient(loss, [images, layer.gamma.value, layer.beta.value])
        results.append([layer.moving_mean, layer.moving_variance, outputs, inferred, *gradients])
    for index, (expected, found) in enumerate(zip(*results, strict=True)):
        expected, found = np.float32(expected), np.float32(found)
        limit = 1e-5 if index < 2 else 4 * tolerance
        assert np.linalg.norm(found - expected) <= limit * np.linalg.norm(expected), index
