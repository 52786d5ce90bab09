"""The label enters encoder and decoder, and nothing else does."""

import numpy as np
import tensorflow as tf

from models.build import build_model
from models.distributions import Batch


def test_encoder_and_decoder_depend_on_the_label(make_config):
    model = build_model(make_config(is_cvae=True))
    images = tf.fill((2, 8, 8, 1), 0.5)
    labels = tf.one_hot([0, 1], 3)
    mean = model.encode(Batch(images, labels))[0].numpy()
    assert not np.allclose(mean[0], mean[1])
    decoded = model.decode((tf.zeros((2, 3)),), labels).mean.numpy()
    assert not np.allclose(decoded[0], decoded[1])


def test_attributes_may_be_multi_hot(make_config):
    model = build_model(make_config(is_cvae=True))
    both = model.decode((tf.zeros((1, 3)),), tf.constant([[1.0, 1.0, 0.0]])).mean.numpy()
    one = model.decode((tf.zeros((1, 3)),), tf.constant([[1.0, 0.0, 0.0]])).mean.numpy()
    assert not np.allclose(both, one)
