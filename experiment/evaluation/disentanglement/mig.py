"""The mutual information gap, by both estimators in use, which differ by factors of two to five: always name which."""

import numpy as np
from scipy.special import logsumexp

from experiment.evaluation.disentanglement.histogram import NUM_BINS, factor_entropies, mutual_information

ROWS_AT_ONCE = 2_000_000  # of a matrix samples x posteriors, which would not fit as a whole


def mig_histogram(codes, factors, num_bins=NUM_BINS):
    """Mean over factors of the gap between the two most informative units, I / H(v_k): from 0 to 1.

    1/F sum_k (I(z_j1; v_k) - I(z_j2; v_k)) / H(v_k), with the codes (posterior means) in 20 bins, as Locatello et al.
    (2019) compute the score of Chen et al. (2018).

    Args: codes [N, L]; factors, whole numbers [N, F].
    """
    return _gap(mutual_information(codes, factors, num_bins), factor_entropies(factors))


def mig_sampled(mean, log_var, factors, num_samples=2000, seed=0):
    """The same gap, with I(z_j; v_k) = H(z_j) - H(z_j|v_k) of samples z ~ q(z|x): Chen et al. (2018), eq. 6 and app. B.

    The densities are mixtures of all posteriors, q(z_j) = 1/N sum_n q(z_j|x_n), and of those with a value of the
    factor; entropies are means of -log q over samples. Can be a little below 0 where nothing is informative.

    Args: mean and log_var of the posteriors, [N, L]; factors, whole numbers [N, F], in which every combination of
    values should be alike frequent; num_samples, of each entropy.
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
    """Information [L, F] and entropies [F] -> the mean gap of the two largest of each column."""
    if len(information) < 2:
        information = np.concatenate([information, np.zeros_like(information)])
    second, first = np.sort(information, axis=0)[-2:]
    return float(np.mean((first - second) / entropies))


def _mixture_entropy(posteriors, num_samples, rng):
    """The entropy of a mixture of Gaussians (mean, log_var) [2, N], estimated with samples of it: nats."""
    mean, log_var = posteriors
    chosen = rng.integers(len(mean), size=num_samples)
    z = mean[chosen] + np.exp(0.5 * log_var[chosen]) * rng.standard_normal(num_samples)
    total = 0.0
    for samples in np.array_split(z, -(-len(mean) * num_samples // ROWS_AT_ONCE)):
        log_q = -0.5 * (np.log(2 * np.pi) + log_var + (samples[:, np.newaxis] - mean) ** 2 * np.exp(-log_var))
        total -= np.sum(logsumexp(log_q, axis=1) - np.log(len(mean)))
    return total / num_samples
