"""What every model does once it can infer and generate."""

import random
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.build import build_model
from models.catalog import MODELS
from models.distributions import Batch
from models.noise import noise_seed

SETTINGS = {
    "vae": {},
    "cvae": {"is_cvae": True},
    "m2": {"is_cvae": True, "labelled": 3},
    "hvae": {"hierarchical": True, "latent_size": (4, 3, 2)},
    "chvae": {
        "hierarchical": True,
        "is_cvae": True,
        "network": "conv",
        "hidden_sizes": (4, 6),
        "num_features": 5,
        "latent_size": ("4x4x2", "2x2x3", "2x2x1", 2),
    },
    "chain": {"hierarchical": True, "hierarchy": "chain", "latent_size": (4, 3, 2)},
}
SHAPES = {
    "vae": [(3,)],
    "cvae": [(3,)],
    "m2": [(3,)],
    "hvae": [(2,), (3,), (4,)],
    "chvae": [(2,), (2, 2, 1), (2, 2, 3), (4, 4, 2)],
    "chain": [(2,), (3,), (4,)],
}


@pytest.fixture(params=sorted(MODELS))
def config(request, make_config):
    config = make_config(**SETTINGS[request.param])
    assert config.model == request.param
    return config


@pytest.fixture
def batch(config):
    images = np.random.default_rng(0).uniform(size=(5, 8, 8, 1)).astype(np.float32)
    return Batch(tf.constant(images), tf.one_hot([0, 1, 2, 0, 1], 3) if config.is_cvae else None)


def stirred(model):
    """The model with all weights moved, those too that begin at zero."""
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.1 * generator.normal(size=weight.shape))
    return model


def test_output_has_the_documented_shapes_top_level_first(config, batch):
    model = build_model(config)
    output = model(batch, noise_seed(0))
    assert output.likelihood.mean.shape == (5, 8, 8, 1)
    assert model.num_levels == len(output.latents)
    for latent, shape in zip(output.latents, SHAPES[config.model], strict=True):
        assert latent.z.shape == latent.posterior.mean.shape == latent.prior.log_var.shape == (5, *shape)
    top = output.latents[0].prior
    np.testing.assert_array_equal(top.mean, np.zeros((5, *SHAPES[config.model][0])))
    np.testing.assert_array_equal(top.stddev, np.ones((5, *SHAPES[config.model][0])))


def test_z_is_a_sample_of_the_posterior_and_the_seed_decides_it(config, batch):
    model = stirred(build_model(config))
    first, again, other = (model(batch, noise_seed(seed)).latents for seed in (0, 0, 1))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a.z, b.z)
        assert not np.allclose(a.z, c.z)
    # Over many draws each level's noise is that of N(0, 1), and no two levels share theirs.
    many = Batch(
        tf.repeat(batch.images, 400, axis=0), None if batch.labels is None else tf.repeat(batch.labels, 400, 0)
    )
    noises = [
        np.reshape((each.z - each.posterior.mean) / each.posterior.stddev, (2000, -1))
        for each in model(many, noise_seed(0)).latents
    ]
    correlations = np.corrcoef(np.concatenate(noises, axis=1).T)
    assert np.abs(correlations - np.eye(len(correlations))).max() < 0.12
    assert all(abs(noise.mean()) < 0.1 and abs(noise.std() - 1) < 0.05 for noise in noises)


def test_codes_are_posterior_means_given_the_means_above(config, batch):
    model = stirred(build_model(config))
    codes = model.encode(batch)
    assert [code.shape for code in codes] == [(5, *shape) for shape in SHAPES[config.model]]
    # In the chain the level that depends on the image alone is the lowest.
    first = -1 if config.model == "chain" else 0
    np.testing.assert_allclose(
        codes[first], model(batch, noise_seed(0)).latents[first].posterior.mean, rtol=1e-4, atol=1e-5
    )
    cold = model.infer(model.bottom_up(batch), batch.labels, noise_seed(3), temperature=0.0).latents
    for code, latent in zip(codes, cold, strict=True):
        np.testing.assert_array_equal(code, latent.posterior.mean)


def test_reconstruction_is_the_mean_of_the_likelihood_at_z(config, batch):
    model = stirred(build_model(config))
    z = tuple(latent.z for latent in model(batch, noise_seed(0)).latents)
    reconstruction = model.reconstruct(batch, noise_seed(0))
    np.testing.assert_allclose(reconstruction, model.decode(z, batch.labels).mean, rtol=1e-4, atol=1e-5)
    assert not np.allclose(reconstruction, model.reconstruct(batch, noise_seed(1)), atol=1e-4)


def test_samples_are_decoded_from_the_prior(config, batch):
    model = stirred(build_model(config))
    samples = model.sample(5, noise_seed(0), batch.labels)
    assert samples.shape == (5, 8, 8, 1)
    assert samples.numpy().min() >= 0 and samples.numpy().max() <= 1
    np.testing.assert_array_equal(samples, model.sample(5, noise_seed(0), batch.labels))
    assert not np.allclose(samples, model.sample(5, noise_seed(1), batch.labels))
    top = tf.zeros((5, *SHAPES[config.model][0]))
    cold = model.sample(5, noise_seed(0), batch.labels, temperature=0.0)
    np.testing.assert_allclose(cold, model.decode((top,), batch.labels).mean, rtol=1e-4, atol=1e-6)


def test_building_leaves_the_callers_generators_alone(config):
    states = random.getstate(), np.random.get_state()[1].tolist()
    build_model(config)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states


def test_weights_are_a_function_of_the_seed(config, make_config):
    first, again = build_model(config), build_model(config)
    other = build_model(make_config(**SETTINGS[config.model], seed=1))
    for a, b in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(first.weights, other.weights, strict=True))


def test_every_weight_is_trained(config, batch):
    model = stirred(build_model(config))
    with tf.GradientTape() as tape:
        output = model(batch, noise_seed(0))
        total = tf.reduce_sum(output.likelihood.log_prob(batch.images))
        total += sum(tf.reduce_sum(each.posterior.kl_divergence(each.prior)) for each in output.latents)
        total += tf.reduce_sum(output.penalty)
    gradients = tape.gradient(total, model.trainable_weights)
    assert all(gradient is not None and np.any(gradient) for gradient in gradients)


def test_what_keras_cannot_save_says_in_one_line_what_can(make_config, tmp_path):
    model = build_model(make_config())
    for save in (model.save, model.export, partial(keras.saving.save_model, model)):
        with pytest.raises(
            NotImplementedError, match=r"save_model_weights\(model, config, folder\).*--export"
        ) as raised:
            save(tmp_path / "model.keras")
        assert "\n" not in str(raised.value)
