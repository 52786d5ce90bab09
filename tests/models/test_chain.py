"""The chain as the land-use project had it: each level from the one below, the image from the top alone."""

import numpy as np
import tensorflow as tf

from models.bounds import elbo_terms
from models.build import build_model
from models.distributions import Batch
from models.noise import noise_seed


def test_each_level_is_inferred_from_the_one_below_and_the_image_made_from_the_top(make_config):
    model = build_model(make_config(hierarchical=True, hierarchy="chain", latent_size=(4, 3), likelihood="mse"))
    images = np.random.default_rng(0).uniform(size=(6, 8, 8, 1)).astype(np.float32)
    output = model(Batch(tf.constant(images)), noise_seed(0))
    z2, z1 = output.latents
    parameters = model.posteriors[1](z1.z)
    np.testing.assert_allclose(z2.posterior.mean, parameters[:, :3], rtol=1e-5)
    np.testing.assert_allclose(output.likelihood.mean, model.likelihood(model.decoder(z2.z)).mean, rtol=1e-5)
    # Both KLs are against N(0, I), by the formula of Kingma & Welling (2014), appendix B.
    expected = [
        -0.5 * np.sum(1 + q.log_var - np.square(q.mean) - np.exp(q.log_var), axis=1)
        for q in (z2.posterior, z1.posterior)
    ]
    np.testing.assert_allclose(elbo_terms(output, images).rate, np.stack(expected, axis=1), rtol=1e-4)


def test_generation_ignores_the_lower_levels(make_config):
    model = build_model(make_config(hierarchical=True, hierarchy="chain", latent_size=(4, 3)))
    top = tf.ones((2, 3))
    first, second = (model.generate(2, None, noise_seed(seed), codes=(top,)) for seed in (0, 1))
    assert not np.allclose(first.latents[1].z, second.latents[1].z)
    np.testing.assert_array_equal(first.likelihood.logits, second.likelihood.logits)
