"""The modularity of Ridgeway & Mozer (2018)."""

import numpy as np

from experiment.evaluation.disentanglement.histogram import NUM_BINS, mutual_information

SILENT = 0.01  # nats; a unit with less information about every factor counts as uninformative


def modularity(codes, factors, num_bins=NUM_BINS):
    """How far each unit informs about one factor alone: a mean over units, from 0 to 1.

        1 - sum_{k != k*} I(z_j; v_k)^2 / (I(z_j; v_k*)^2 (F - 1))

    k* is the factor that the unit informs about most. An uninformative unit counts as 0. Modularity asks for one factor
    per unit, not for one unit per factor. The information of independent variables by chance, (bins - 1) (values - 1) /
    2N, is subtracted; otherwise a unit of noise scores high.

    Args:
        codes: posterior means [N, L].
        factors: whole numbers [N, F].
        num_bins: bins of each unit.

    Returns:
        The mean over units.

    Reference: Ridgeway & Mozer (2018), eq. 2 and 3; Miller (1955) for the chance level.
    """
    num_values = np.array([len(np.unique(factor)) for factor in factors.T])
    by_chance = (num_bins - 1) * (num_values - 1) / (2 * len(codes))
    information = np.maximum(mutual_information(codes, factors, num_bins) - by_chance, 0.0)
    most = information.max(axis=1)
    others = np.sum(information**2, axis=1) - most**2
    speaks = most > SILENT
    return float(np.sum(1.0 - others[speaks] / (most[speaks] ** 2 * (factors.shape[1] - 1))) / len(most))
