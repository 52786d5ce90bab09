"""M2 against sums over labels that are made one label at a time."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp

from data_utils import labelled_order
from image_data.splits import DataError, Split, with_few_labels
from models.bounds import elbo_terms, forward
from models.build import build_model
from models.cvae import CVAE
from models.distributions import Batch
from models.objectives import Weights, loss_of

NUM_LABELS, SEED = 3, tf.constant((3, 4))


@pytest.fixture
def model(make_config):
    settings = {"is_cvae": True, "labelled": 6, "label_weight": 2.5, "latent_size": (4,), "hidden_sizes": (16,)}
    return build_model(make_config(**settings, label_names=("a", "b", "c"), image_shape=(8, 8, 1)))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 2, (5, 8, 8, 1)).astype(np.float32)


def joint_bounds(model, images):
    """L(x, y) of every image and label, of the same noise as M2's own pass: [B, Y]."""
    rows = np.repeat(images, NUM_LABELS, axis=0)
    labels = np.tile(np.eye(NUM_LABELS, dtype=np.float32), (len(images), 1))
    output = CVAE.call(model, Batch(rows, labels), SEED, training=True)
    return elbo_terms(output, rows).elbo.numpy().reshape(-1, NUM_LABELS) - np.log(NUM_LABELS)


def test_without_labels_the_bound_is_that_of_log_p_of_x(model, images):
    found = forward(model, Batch(images, np.zeros((5, NUM_LABELS), np.float32)), SEED, training=True)
    posterior = np.exp(model.log_label_posterior(images).numpy())
    joint = joint_bounds(model, images)
    wanted = (posterior * (joint - np.log(posterior))).sum(axis=1)
    np.testing.assert_allclose(found.terms.elbo, wanted, rtol=1e-5)
    assert (wanted <= logsumexp(joint, axis=1)).all() and (found.penalty.numpy() == 0).all()


def test_the_bound_is_tight_where_the_classifier_is_bayes_rule(model, images, monkeypatch):
    joint = joint_bounds(model, images)
    evidence = logsumexp(joint, axis=1)
    bayes = tf.constant(joint - evidence[:, None], tf.float32)
    monkeypatch.setattr(model, "log_label_posterior", lambda _: bayes)
    found = forward(model, Batch(images, np.zeros((5, NUM_LABELS), np.float32)), SEED, training=True)
    np.testing.assert_allclose(found.terms.elbo, evidence, rtol=1e-5)


def test_with_labels_it_is_the_bound_of_the_cvae_and_the_classifier_learns(model, images):
    classes = np.array([0, 2, 1, 1, 0])
    labels = np.eye(NUM_LABELS, dtype=np.float32)[classes]
    found = forward(model, Batch(images, labels), SEED, training=True)
    np.testing.assert_allclose(found.terms.elbo, joint_bounds(model, images)[np.arange(5), classes], rtol=1e-5)
    cross_entropy = -model.log_label_posterior(images).numpy()[np.arange(5), classes]
    np.testing.assert_allclose(found.penalty, 2.5 * cross_entropy, rtol=1e-5)
    wanted = -found.terms.elbo.numpy().mean() + 2.5 * cross_entropy.mean()
    np.testing.assert_allclose(loss_of("elbo", found, Weights()), wanted, rtol=1e-5)


def test_a_batch_may_mix_images_with_and_without_labels(model, images):
    labels = np.eye(NUM_LABELS, dtype=np.float32)[[0, 2, 1, 1, 0]]
    known = forward(model, Batch(images, labels), SEED, training=True).terms.elbo.numpy()
    unknown = forward(model, Batch(images, 0 * labels), SEED, training=True).terms.elbo.numpy()
    labels[1::2] = 0
    mixed = forward(model, Batch(images, labels), SEED, training=True).terms.elbo.numpy()
    np.testing.assert_allclose(mixed[::2], known[::2], rtol=1e-5)
    np.testing.assert_allclose(mixed[1::2], unknown[1::2], rtol=1e-5)


def test_the_weight_of_the_classifier_does_not_depend_on_how_many_labels_are_in_the_batch(model, images):
    labels = np.eye(NUM_LABELS, dtype=np.float32)[[0, 2, 1, 1, 0]]
    labels[1:4] = 0
    cross_entropy = -(labels * model.log_label_posterior(images).numpy()).sum(axis=1)[[0, 4]].mean()
    for training in (True, False):
        found = forward(model, Batch(images, labels), SEED, training=training)
        np.testing.assert_allclose(np.mean(found.penalty), 2.5 * cross_entropy, rtol=1e-5)


def test_beta_weighs_the_rate_of_label_and_codes(model, images):
    found = forward(model, Batch(images, np.zeros((5, NUM_LABELS), np.float32)), SEED, training=True)
    rate = found.terms.rate.numpy().mean()
    difference = loss_of("elbo", found, Weights(beta=4.0)) - loss_of("elbo", found, Weights())
    np.testing.assert_allclose(difference, 3 * rate, rtol=1e-4)
    posterior = np.exp(model.log_label_posterior(images).numpy())
    label_rate = (posterior * np.log(NUM_LABELS * posterior)).sum(axis=1)
    np.testing.assert_allclose(found.latents[0].label_rate, label_rate, atol=1e-5)


def test_where_labels_are_given_it_is_a_cvae(model, images):
    batch = Batch(images, np.eye(NUM_LABELS, dtype=np.float32)[[0, 2, 1, 1, 0]])
    found, wanted = model(batch, SEED, num_samples=2), CVAE.call(model, batch, SEED, num_samples=2)
    np.testing.assert_array_equal(found.latents[0].z, wanted.latents[0].z)
    assert found.penalty.shape == (10,) and (found.penalty.numpy() > 0).all()


def test_without_labels_both_networks_learn(model, images):
    with tf.GradientTape() as tape:
        passed = forward(model, Batch(images, np.zeros((5, NUM_LABELS), np.float32)), SEED, training=True)
        loss = loss_of("elbo", passed, Weights())
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_labels_are_kept_of_as_many_images_of_each_class():
    labels = np.eye(3, dtype=np.uint8)[np.random.default_rng(1).integers(0, 3, 90)]
    split = Split(np.zeros((90, 2, 2, 1), np.uint8), labels)
    few = with_few_labels(split, 11, seed=0)
    assert few.labels.sum(axis=0).tolist() == [4, 4, 3] and split.labels.sum() == 90
    kept = few.labels.any(axis=1)
    np.testing.assert_array_equal(few.labels[kept], labels[kept])
    assert (with_few_labels(split, 11, seed=1).labels != few.labels).any()
    with pytest.raises(DataError, match="--labelled 2: expected at least one for each of the 3 classes"):
        with_few_labels(split, 2, seed=0)
    with pytest.raises(DataError, match=r"--labelled 280: expected 9\d training images of class 1 of 3, found"):
        with_few_labels(split, 280, seed=0)


def test_all_labelled_images_take_turns():
    labels = np.zeros((50, 2), np.uint8)
    labels[[3, 10, 17, 44]] = 1
    order = labelled_order(labels, (6, 2), seed=0, epoch=1)
    assert order.shape == (6, 2)
    for turn in order.reshape(3, 4):
        assert sorted(turn) == [3, 10, 17, 44]
    assert (order != labelled_order(labels, (6, 2), seed=0, epoch=2)).any()
