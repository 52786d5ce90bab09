"""Classes through a model, and of what it generates."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tqdm import tqdm

from experiment.evaluation.classifier import Classifier
from experiment.evaluation.labels import BayesRule, recognition
from experiment.evaluation.measures import Subject, measure_bayes_rule
from image_data.splits import Dataset, Split
from models.base import OneLevelModel
from models.distributions import DiagonalGaussian
from models.likelihoods import Bernoulli
from models.priors import StandardPrior

CLASSES = np.random.default_rng(0).integers(0, 3, 90)
LABELS = np.eye(3, dtype=np.uint8)[CLASSES]


def images_of(classes):
    """The pixels of one of three rows are on."""
    images = np.zeros((len(classes), 6, 6, 1), np.uint8)
    for image, row in zip(images, classes, strict=True):
        image[2 * row : 2 * row + 2] = 255
    return images


class RowOfLabel(OneLevelModel):
    """p(x|y): pixels of the label's row are on with 0.9, others with 0.1; z has no part."""

    def __init__(self, shift=0):
        super().__init__()
        self.shift, self.prior_layer = shift, StandardPrior(SimpleNamespace(num_units=1))

    def bottom_up(self, batch):
        return DiagonalGaussian.standard((tf.shape(batch.images)[0], 1))

    def likelihood_of(self, z, labels):
        rows = tf.repeat(tf.roll(labels, self.shift, axis=1), 2, axis=1)[:, :, tf.newaxis, tf.newaxis]
        return Bernoulli(tf.broadcast_to(4.4 * rows - 2.2, (tf.shape(labels)[0], 6, 6, 1)))


@pytest.mark.parametrize("shift, expected", [(0, 1.0), (1, 0.0)])
def test_bayes_rule_is_right_where_the_model_is(shift, expected):
    split = Split(images_of(CLASSES), LABELS)
    assert BayesRule(RowOfLabel(shift), (6, 6, 1), np.full(3, 1 / 3), seed=0, jit_compile=False)(split) == expected


def test_the_shares_of_classes_decide_where_images_do_not():
    split = Split(np.zeros((90, 6, 6, 1), np.uint8), LABELS)
    rule = BayesRule(RowOfLabel(), (6, 6, 1), np.array([0.2, 0.2, 0.6]), seed=0, jit_compile=False)
    assert rule(split) == np.mean(CLASSES == 2)
    never = BayesRule(RowOfLabel(), (6, 6, 1), np.array([0.5, 0.5, 0.0]), seed=0, jit_compile=False)
    assert never(Split(images_of(CLASSES), LABELS)) == np.mean(CLASSES != 2), "a class without training images"


def test_one_bar_counts_the_images_of_all_classes_and_a_trial_has_none(monkeypatch, make_config):
    bars = []

    class Bar(tqdm):
        def __init__(self, **options):
            super().__init__(**{**options, "disable": False, "file": io.StringIO()})
            bars.append(self)

    monkeypatch.setattr("experiment.training.terminal.tqdm", Bar)
    split = Split(images_of(CLASSES), LABELS)
    config = make_config((6, 6, 1), is_cvae=True)
    subject = Subject(RowOfLabel(), config, Dataset(split, split, split), split, None, None)
    assert measure_bayes_rule(subject)["bayes_accuracy"] == 1
    assert [(bar.desc, bar.n, bar.total) for bar in bars] == [("Bayes' rule, all classes", 270, 270)]


def test_the_memory_of_bayes_rule_does_not_grow_with_classes(monkeypatch):
    """The decoder is asked for one class at a time, of as many images at once however many classes there are."""
    rows_at_once = {}
    for num_classes in (3, 9):
        model, seen = RowOfLabel(), []
        given = model.likelihood_of
        model.likelihood_of = lambda z, labels, given=given, seen=seen: (
            tf.numpy_function(lambda each: seen.append(each), [labels], []),
            given(z, labels[:, :3]),
        )[1]
        split = Split(images_of(CLASSES), np.eye(num_classes, dtype=np.uint8)[CLASSES])
        BayesRule(model, (6, 6, 1), np.full(num_classes, 1 / num_classes), seed=0, jit_compile=False)(split)
        assert all(len(np.unique(labels, axis=0)) == 1 for labels in seen)
        rows_at_once[num_classes] = max(map(len, seen))
    assert rows_at_once[3] == rows_at_once[9]


@pytest.mark.slow
def test_a_classifier_recognises_what_was_asked_for():
    train = Split(np.tile(images_of(CLASSES), (10, 1, 1, 1)), np.tile(LABELS, (10, 1)))
    classifier, test = Classifier(train, seed=0), Split(images_of(CLASSES), LABELS)
    right = recognition(RowOfLabel(), classifier, test, seed=0)
    assert right.classifier_accuracy > 0.95 and right.recognised > 0.95
    wrong = recognition(RowOfLabel(shift=1), classifier, test, seed=0)
    assert wrong.recognised < 0.05
