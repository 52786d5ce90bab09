"""The beta-VAE score of Higgins et al. (2017)."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from experiment.evaluation.disentanglement.groups import Groups


def beta_vae_score(codes, factors, num_points=5000, group_size=64, seed=0):
    """The accuracy of a linear classifier that tells which factor pairs of images share: from 0 to 1.

    A point is the mean of |z_1 - z_2| over `group_size` pairs. The two images of a pair share the value of one factor.
    All pairs of a point have the same shared factor, and that factor is the label of the point. The classifier is
    fitted on one half of 2 num_points points and scored on the other half. Chance is about 1/F.

    Args:
        codes: posterior means [N, L].
        factors: whole numbers [N, F].
        num_points: points in each half.
        group_size: pairs of a point.
        seed: of the pairs.

    Returns:
        The accuracy, from 0 to 1.

    Reference: Higgins et al. (2017), section 3.
    """
    rng, groups = np.random.default_rng(seed), Groups(factors)
    fixed = rng.integers(groups.num_factors, size=2 * num_points)
    points = np.empty((len(fixed), codes.shape[1]))
    for row, factor in enumerate(fixed):
        # All pairs of a point share the factor; each pair draws its own value.
        firsts, seconds = np.array([groups.draw(factor, 2, rng) for _ in range(group_size)]).T
        points[row] = np.abs(codes[firsts] - codes[seconds]).mean(axis=0)
    points /= codes.std(axis=0) + 1e-12
    classifier = LogisticRegression(max_iter=1000).fit(points[:num_points], fixed[:num_points])
    return float(classifier.score(points[num_points:], fixed[num_points:]))
