"""The trunk of deep hierarchies: stages, blocks that begin small, heads, and patches."""

import keras
import numpy as np
import tensorflow as tf

from models.bounds import forward
from models.build import build_model
from models.distributions import Batch
from models.networks import build_trunk
from models.noise import noise_seed
from models.residual import Unfold

DEEP = {
    "hierarchical": True,
    "network": "residual",
    "hidden_sizes": (8, 12),
    "latent_size": ("8x8x2*3", "4x4x2*2", 5),
    "image_shape": (16, 16, 3),
    "likelihood": "logistic_mixture",
    "binarization": "none",
}


def test_a_deep_hierarchy_has_all_its_levels_and_each_reaches_the_image(make_config):
    model = build_model(make_config(**DEEP))
    for index, weight in enumerate(model.trainable_weights):  # what begins at 0 lets no gradient through
        weight.assign_add(0.1 * np.random.default_rng(index).normal(size=weight.shape))
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)) / 255, tf.float32)
    output = model(Batch(images), noise_seed(1))
    assert [latent.z.shape[1:] for latent in output.latents] == [(5,), (4, 4, 2), (4, 4, 2)] + 3 * [(8, 8, 2)]
    with tf.GradientTape() as tape:
        passed = forward(model, Batch(images), noise_seed(1), training=True)
        loss = tf.reduce_mean(passed.terms.distortion + tf.reduce_sum(passed.terms.rate, axis=1))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(np.isfinite(gradient).all() and np.any(gradient) for gradient in gradients)


def test_the_prior_of_a_map_begins_as_the_standard_one(make_config):
    model = build_model(make_config(**DEEP))
    for latent in model.generate(2, None, noise_seed(0)).latents[2:]:
        np.testing.assert_array_equal(latent.prior.mean, np.zeros(latent.z.shape))
        np.testing.assert_array_equal(latent.prior.log_var, np.zeros(latent.z.shape))


def test_blocks_begin_at_a_scale_that_falls_with_the_number_of_levels(make_config):
    def last_kernel(latent_size):
        trunk = build_trunk(make_config(**DEEP | {"hidden_sizes": (64, 12), "latent_size": latent_size}))
        block = keras.Sequential(trunk.blocks(1, None))
        block.build((None, 8, 8, 64))
        return block.layers[0].branch.layers[-1].kernel.numpy().std()

    ratio = last_kernel(("8x8x2", 5)) / last_kernel(("8x8x2*31", 5))
    assert abs(ratio - 4.0) < 0.4


def test_no_two_blocks_begin_alike(make_config):
    trunk = build_trunk(make_config(**DEEP | {"num_blocks": 2}))
    blocks = keras.Sequential(trunk.blocks(1, None))
    blocks.build((None, 8, 8, 8))
    first, second = (block.branch.layers[-1].kernel.numpy() for block in blocks.layers)
    assert np.abs(first - second).max() > 0.01


def test_patches_are_the_pixels_that_they_stand_for():
    patches = np.arange(2 * 3 * 12, dtype=np.float32).reshape(1, 2, 3, 12)
    image = Unfold()(patches).numpy()
    assert image.shape == (1, 4, 6, 3)
    for row, column in np.ndindex(4, 6):
        inside = 2 * (row % 2) + column % 2
        expected = patches[0, row // 2, column // 2, 3 * inside : 3 * inside + 3]
        np.testing.assert_array_equal(image[0, row, column], expected)
