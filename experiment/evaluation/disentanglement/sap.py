"""The separated attribute predictability of Kumar, Sattigeri & Balakrishnan (2018)."""

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier


def sap(codes, factors, num_images=5_000, seed=0):
    """The gap in accuracy between the two units that predict a factor best on their own: a mean over factors, 0 to 1.

    Each unit predicts each factor of V values by V - 1 thresholds, the leaves of a tree. The accuracy is balanced over
    values and measured on the held-out half. An uninformative unit has accuracy 1/V, so a perfect code scores the mean
    of 1 - 1/V. Others use linear support vector machines, which cannot separate more than two values along a line.

    Args:
        codes: posterior means [N, L].
        factors: whole numbers [N, F].
        num_images: the largest number of images to use; from more, they are drawn at random.
        seed: of the draw.

    Returns:
        The mean gap.

    Reference: Kumar, Sattigeri & Balakrishnan (2018), section 3.
    """
    rows = np.random.default_rng(seed).permutation(len(codes))[:num_images]
    fitted, held_out = train_test_split(rows, test_size=0.5, random_state=seed)
    scores = np.array([[_score(unit, factor, fitted, held_out) for factor in factors.T] for unit in codes.T])
    if len(scores) < 2:
        return float(np.mean(scores))
    second, first = np.sort(scores, axis=0)[-2:]
    return float(np.mean(first - second))


def _score(unit, factor, fitted, held_out):
    tree = DecisionTreeClassifier(max_leaf_nodes=len(np.unique(factor)), class_weight="balanced", random_state=0)
    tree.fit(unit[fitted, np.newaxis], factor[fitted])
    return balanced_accuracy_score(factor[held_out], tree.predict(unit[held_out, np.newaxis]))
