"""Disentanglement, completeness and informativeness of Eastwood & Williams (2018)."""

from typing import NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split


class Dci(NamedTuple):
    """Three scores, from 0 to 1."""

    dci_disentanglement: float  # each unit is important for one factor
    dci_completeness: float  # each factor is predicted from one unit
    dci_informativeness: float  # accuracy of the prediction on held-out images, a mean over factors


def dci(codes, factors, num_images=10_000, seed=0):
    """Disentanglement, completeness and informativeness, from the importance of units in random forests.

        disentanglement = sum_j rho_j (1 - H_F(P_j)),  P_jk = R_jk / sum_k R_jk,  rho_j = sum_k R_jk / sum R

    R [L, F] is the importance of each unit for the prediction of each factor. Completeness is the same over units, with
    the weights of the factors. Entropies are to the base F and L. Every split of a tree may use any unit. One fifth of
    the images is held out.

    Args:
        codes: posterior means [N, L].
        factors: whole numbers [N, F].
        num_images: the largest number of images to use; from more, they are drawn at random.
        seed: of the draw and the forests.

    Returns:
        Dci.

    Reference: Eastwood & Williams (2018), section 2, with their random forests.
    """
    rows = np.random.default_rng(seed).permutation(len(codes))[:num_images]
    fitted, held_out = train_test_split(rows, test_size=0.2, random_state=seed)
    importance, accuracy = [], []
    for factor in factors.T:
        forest = RandomForestClassifier(50, max_features=None, min_samples_leaf=5, random_state=seed, n_jobs=-1)
        forest.fit(codes[fitted], factor[fitted])
        importance.append(forest.feature_importances_)
        accuracy.append(forest.score(codes[held_out], factor[held_out]))
    importance = np.array(importance).T
    return Dci(_concentration(importance), _concentration(importance.T), float(np.mean(accuracy)))


def _concentration(importance):
    """sum_j rho_j (1 - H(P_j)) over the rows of an importance matrix: 1 where each row has one entry."""
    if not importance.any():
        return 0.0
    share = importance / np.maximum(importance.sum(axis=1, keepdims=True), 1e-12)
    entropy = -np.sum(share * np.log(np.maximum(share, 1e-12)), axis=1) / np.log(max(2, importance.shape[1]))
    weight = importance.sum(axis=1) / importance.sum()
    return float(np.sum(weight * (1.0 - entropy)))
