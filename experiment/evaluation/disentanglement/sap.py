"""The separated attribute predictability of Kumar, Sattigeri & Balakrishnan (2018)."""

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier


def sap(codes, factors, num_images=5_000, seed=0):
    """Mean over factors of the gap in accuracy between the two units that predict it best alone: from 0 to 1.

    Each factor of V values is predicted from each unit by V - 1 thresholds, the leaves of a tree; the accuracy is
    balanced over values, on the held-out half. A unit that knows nothing has an accuracy of 1/V, so a perfect code
    reaches the mean of 1 - 1/V. Kumar et al. (2018), section 3; others take linear support vector machines, which
    cannot tell more than two values along a line apart.

    Args: codes (posterior means) [N, L]; factors, whole numbers [N, F]; num_images, drawn where there are more.
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
