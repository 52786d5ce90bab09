"""The Frechet distance of generated from real images, in the features of a classifier of the same data."""

from typing import NamedTuple

import numpy as np


class FrechetDistances(NamedTuple):
    """Distances to the training images in the features of our own classifier. They are no FID, and not comparable."""

    frechet_distance: float  # of generated images
    frechet_floor: float  # of as many held-out real images
    frechet_num_images: int


def frechet_distances(classifier, train, test, generated):
    """How far generated images, and as few real ones, are from the training images.

    A distance of few images is too large by an amount that depends on their number: only the two are comparable.

    Args:
        classifier: a Classifier.
        train: real images [N, H, W, C] from 0 to 255, those that it was trained on.
        test: M others.
        generated: M images.
    """
    of_train = classifier.features(train)
    distances = [frechet_distance(classifier.features(images), of_train) for images in (generated, test)]
    return FrechetDistances(*distances, len(test))


def frechet_distance(x, y):
    """The squared Frechet distance of the Gaussians with the means and covariances of two samples, [N, D] and [M, D].

        |mean_x - mean_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2))

    Reference: Dowson & Landau (1982), eq. 4; Heusel et al. (2017), eq. 6, for images.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    means, covariances = [each.mean(axis=0) for each in (x, y)], [np.cov(each, rowvar=False) for each in (x, y)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    # The square root of C_x C_y has the trace of that of root C_y root, which is symmetric.
    product = np.linalg.eigvalsh(root @ covariances[1] @ root)
    trace = sum(np.trace(each) for each in covariances) - 2.0 * np.sqrt(np.maximum(product, 0.0)).sum()
    return float(np.square(means[0] - means[1]).sum() + trace)
