"""The label enters every level, and the prior of the top level alone does not know it."""

import numpy as np
import pytest
import tensorflow as tf

from models.build import build_model
from models.distributions import Batch
from models.noise import noise_seed

NETWORKS = {
    "mlp": {"latent_size": (4, 3, 2)},
    "conv": {"network": "conv", "hidden_sizes": (4, 6), "num_features": 5, "latent_size": ("4x4x2", "2x2x3", 2)},
}


@pytest.fixture(params=NETWORKS)
def model(request, make_config):
    return build_model(make_config(hierarchical=True, is_cvae=True, **NETWORKS[request.param]))


def test_every_level_depends_on_the_label(model):
    images = tf.fill((2, 8, 8, 1), 0.5)
    top, *lower = model(Batch(images, tf.one_hot([0, 1], 3)), noise_seed(0)).latents
    np.testing.assert_array_equal(top.prior.mean[0], top.prior.mean[1])
    assert not np.allclose(top.posterior.mean[0], top.posterior.mean[1], atol=1e-4)
    # At the same codes above, the priors of the lower levels differ by the label alone.
    codes = tuple(tf.zeros((2, *latent.z.shape[1:])) for latent in (top, *lower))
    generated = model.generate(2, tf.one_hot([0, 1], 3), noise_seed(0), codes=codes)
    for latent in generated.latents[1:]:
        assert not np.allclose(latent.prior.mean[0], latent.prior.mean[1], atol=1e-4)
    assert not np.allclose(generated.likelihood.mean[0], generated.likelihood.mean[1], atol=1e-4)


def test_labels_add_up(model):
    """Attributes may be multi-hot: the state is shifted by the sum of what each label says."""
    state = tf.zeros((1, 2, 2, model.levels[0].width))
    embedded = [
        model.condition(state, tf.constant([labels]), 0) for labels in ([1.0, 0, 0], [0, 0, 1.0], [1.0, 0, 1.0])
    ]
    np.testing.assert_allclose(embedded[0] + embedded[1], embedded[2], rtol=1e-5)
    np.testing.assert_array_equal(embedded[0][0, 0, 0], embedded[0][0, 1, 1])
