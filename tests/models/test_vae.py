"""The VAE ignores labels."""

import numpy as np
import tensorflow as tf

from models.build import build_model
from models.distributions import Batch


def test_labels_do_not_matter(make_config):
    model = build_model(make_config())
    images = tf.fill((1, 8, 8, 1), 0.5)
    with_labels = model.encode(Batch(images, tf.one_hot([1], 3)))
    np.testing.assert_array_equal(model.encode(Batch(images))[0], with_labels[0])
