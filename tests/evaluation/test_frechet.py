"""The Frechet distance against its closed form for known Gaussians, and of images from a known classifier."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from experiment.evaluation.classifier import Classifier
from experiment.evaluation.photographs.frechet import frechet_distance, frechet_distances
from image_data.splits import Split

GENERATOR = np.random.default_rng(0)


def test_the_distance_equals_that_with_the_root_of_a_matrix():
    x = GENERATOR.normal(size=(200, 5)) @ GENERATOR.normal(size=(5, 5))
    y = GENERATOR.normal(1.0, 2.0, (150, 5)) @ GENERATOR.normal(size=(5, 5))
    covariances = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(covariances[0] @ covariances[1]).real
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(sum(covariances) - 2 * root)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-6)


def test_of_one_dimension_it_is_the_difference_of_means_and_deviations():
    x, y = GENERATOR.normal(0.0, 1.0, (100_000, 1)), GENERATOR.normal(3.0, 2.0, (100_000, 1))
    x, y = np.hstack([x, x * 0]), np.hstack([y, y * 0])
    assert frechet_distance(x, y) == pytest.approx(3.0**2 + 1.0**2, rel=0.02)


@pytest.fixture(scope="module")
def stripes():
    """Images of horizontal or vertical stripes under noise, and the classifier that tells them apart."""

    def draw(num_images):
        classes = GENERATOR.integers(0, 2, num_images)
        wave = np.tile([[40], [200]], (8, 16))
        images = np.where(classes[:, None, None] == 0, wave, wave.T) + GENERATOR.normal(0, 20, (num_images, 16, 16))
        return Split(np.clip(images, 0, 255).astype(np.uint8)[..., np.newaxis], np.eye(2, dtype=np.uint8)[classes])

    train, test = draw(300), draw(80)
    return train, test, Classifier(train, seed=0)


@pytest.mark.slow
def test_held_out_images_are_near_and_others_far(stripes):
    train, test, classifier = stripes
    assert classifier.accuracy(test.images, test.labels) == 1.0
    noise = GENERATOR.integers(0, 256, test.images.shape)
    far = frechet_distances(classifier, train.images, test.images, noise)
    assert far.frechet_num_images == 80 and far.frechet_distance > 10 * far.frechet_floor > 0
    same = frechet_distances(classifier, train.images, test.images, test.images)
    assert same.frechet_distance == same.frechet_floor == far.frechet_floor
