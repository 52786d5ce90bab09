"""The mutual information gap (MIG), by both common estimators.

They differ by factors of two to five, so always name which one was used.
"""

import numpy as np
from scipy.special import logsumexp

from experiment.evaluation.disentanglement.histogram import NUM_BINS, factor_entropies, mutual_information

ROWS_AT_ONCE = 2_000_000  # of a matrix samples x posteriors, which does not fit into memory as a whole


def mig_histogram(codes, factors, num_bins=NUM_BINS):
    """MIG from histograms: the gap between the two most informative units of each factor, from 0 to 1.

        1/F sum_k (I(z_j1; v_k) - I(z_j2; v_k)) / H(v_k)

    The codes are posterior means in 20 bins.

    Args:
        codes: posterior means [N, L].
        factors: whole numbers [N, F].
        num_bins: bins of each unit.

    Returns:
        The mean gap over factors.

    Reference: Chen et al. (2018) for the score; Locatello et al. (2019) for the histograms.
    """
    return _gap(mutual_information(codes, factors, num_bins), factor_entropies(factors))


def mig_sampled(mean, log_var, factors, num_samples=2000, seed=0):
    """MIG from samples z ~ q(z|x): the same gap, with I(z_j; v_k) = H(z_j) - H(z_j|v_k).

    q(z_j) = 1/N sum_n q(z_j|x_n) is the mixture of all posteriors, and q(z_j|v_k) the mixture over images with that
    value of the factor. An entropy is the mean of -log q over samples. The score can be slightly below 0 where no unit
    is informative.

    Args:
        mean: of the posteriors, [N, L].
        log_var: of the posteriors, [N, L].
        factors: whole numbers [N, F]; all combinations of values should be equally frequent.
        num_samples: samples for each entropy.
        seed: of the samples.

    Returns:
        The mean gap over factors.

    Reference: Chen et al. (2018), eq. 6 and appendix B.
    """
    rng = np.random.default_rng(seed)
    num_units = mean.shape[1]
    information = np.empty((num_units, factors.shape[1]))
    for unit in range(num_units):
        posteriors = np.stack([mean[:, unit], log_var[:, unit]])
        entropy = _mixture_entropy(posteriors, num_samples, rng)
        for index, factor in enumerate(factors.T):
            given = 0.0
            for value, count in zip(*np.unique(factor, return_counts=True), strict=True):
                share = count / len(factor)
                given += share * _mixture_entropy(posteriors[:, factor == value], max(1, int(num_samples * share)), rng)
            information[unit, index] = entropy - given
    return _gap(information, factor_entropies(factors))


def _gap(information, entropies):
    """Information [L, F] and entropies [F] -> the mean over factors of the gap between the two largest values."""
    if len(information) < 2:
        information = np.concatenate([information, np.zeros_like(information)])
    second, first = np.sort(information, axis=0)[-2:]
    return float(np.mean((first - second) / entropies))


def _mixture_entropy(posteriors, num_samples, rng):
    """The entropy of a mixture of Gaussians (mean, log_var) [2, N], estimated from its samples: nats."""
    mean, log_var = posteriors
    chosen = rng.integers(len(mean), size=num_samples)
    z = mean[chosen] + np.exp(0.5 * log_var[chosen]) * rng.standard_normal(num_samples)
    total = 0.0
    for samples in np.array_split(z, -(-len(mean) * num_samples // ROWS_AT_ONCE)):
        log_q = -0.5 * (np.log(2 * np.pi) + log_var + (samples[:, np.newaxis] - mean) ** 2 * np.exp(-log_var))
        total -= np.sum(logsumexp(log_q, axis=1) - np.log(len(mean)))
    return total / num_samples
