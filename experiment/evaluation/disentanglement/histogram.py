"""Mutual information of units and factors, from histograms: the basis of MIG and modularity."""

import numpy as np

NUM_BINS = 20  # bins of equal width over the range of a unit (Locatello et al. 2019)


def mutual_information(codes, factors, num_bins=NUM_BINS):
    """I(z_j; v_k) of the empirical distribution, with each unit in bins of equal width: nats [L, F].

    Args:
        codes: [N, L].
        factors: whole numbers [N, F].
        num_bins: bins of each unit.
    """
    return np.array([[_mutual_information(unit, factor) for factor in factors.T] for unit in _binned(codes, num_bins)])


def factor_entropies(factors):
    """H(v_k) of the empirical distribution: nats [F]."""
    return np.array([_entropy(np.unique(factor, return_counts=True)[1]) for factor in factors.T])


def _binned(codes, num_bins):
    for unit in codes.T:
        edges = np.histogram_bin_edges(unit, num_bins)
        yield np.digitize(unit, edges[1:-1])


def _mutual_information(a, b):
    joint, of_a, of_b = (np.unique(each, axis=0, return_counts=True)[1] for each in (np.stack([a, b], -1), a, b))
    return max(0.0, _entropy(of_a) + _entropy(of_b) - _entropy(joint))


def _entropy(counts):
    share = counts / counts.sum()
    return float(-np.sum(share * np.log(share)))
