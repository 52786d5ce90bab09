"""What every model does once it can encode and decode."""

import random

import numpy as np
import pytest
import tensorflow as tf

from models import MODELS, build_model
from models.distributions import Batch, noise_seed


@pytest.fixture(params=sorted(MODELS))
def config(request, make_config):
    return make_config(is_cvae=request.param == "cvae")


@pytest.fixture
def batch(config):
    images = np.random.default_rng(0).uniform(size=(5, 8, 8, 1)).astype(np.float32)
    return Batch(tf.constant(images), tf.one_hot([0, 1, 2, 0, 1], 3) if config.is_cvae else None)


def test_output_has_the_documented_shapes(config, batch):
    output = build_model(config)(batch, noise_seed(0))
    (latent,) = output.latents
    assert output.likelihood.mean.shape == (5, 8, 8, 1)
    assert latent.z.shape == latent.posterior.mean.shape == latent.prior.log_var.shape == (5, 3)
    np.testing.assert_array_equal(latent.prior.mean, np.zeros((5, 3)))
    np.testing.assert_array_equal(latent.prior.stddev, np.ones((5, 3)))


def test_z_is_a_sample_of_the_posterior_and_the_seed_decides_it(config, batch):
    model = build_model(config)
    (first,), (again,), (other,) = (model(batch, noise_seed(seed)).latents for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.z, again.z)
    assert not np.allclose(first.z, other.z)
    np.testing.assert_allclose(first.z, first.posterior.sample(noise_seed(0)), rtol=1e-6)
    np.testing.assert_allclose(first.posterior.mean, model.encode(batch).mean, rtol=1e-6)


def test_reconstruction_is_the_mean_of_the_likelihood_at_z(config, batch):
    model = build_model(config)
    z = model(batch, noise_seed(0)).latents[0].z
    np.testing.assert_allclose(
        model.reconstruct(batch, noise_seed(0)), model.decode(z, batch.labels).mean, rtol=1e-5, atol=1e-6
    )


def test_samples_are_decoded_from_the_prior(config, batch):
    model = build_model(config)
    samples = model.sample(5, noise_seed(0), batch.labels)
    assert samples.shape == (5, 8, 8, 1)
    assert samples.numpy().min() >= 0 and samples.numpy().max() <= 1
    np.testing.assert_array_equal(samples, model.sample(5, noise_seed(0), batch.labels))
    cold = model.sample(5, noise_seed(0), batch.labels, temperature=0.0)
    np.testing.assert_allclose(cold, model.decode(tf.zeros((5, 3)), batch.labels).mean, rtol=1e-5)


def test_building_leaves_the_callers_generators_alone(config):
    states = random.getstate(), np.random.get_state()[1].tolist()
    build_model(config)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states


def test_weights_are_a_function_of_the_seed(config, make_config):
    first, again = build_model(config), build_model(config)
    other = build_model(make_config(is_cvae=config.is_cvae, seed=1))
    for a, b in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(first.weights, other.weights, strict=True))
