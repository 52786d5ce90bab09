"""The FactorVAE score of Kim & Mnih (2018)."""

import numpy as np

from experiment.evaluation.disentanglement.groups import Groups

INACTIVE_VARIANCE = 0.01  # units of a lower variance over the data set would win every vote by their silence


def factor_vae_score(codes, factors, num_votes=5000, group_size=64, seed=0):
    """The accuracy of telling which factor was held fixed from the unit that varied least: from 0 to 1.

    A vote: fix one factor at random, take images that share its value, and note the active unit of the lowest variance
    relative to its variance over all images. The classifier gives each unit the factor it voted for most. It is fitted
    on half of the votes and scored on the other half; chance is about 1/F, and 0 is given where no unit is active.
    Kim & Mnih (2018), section 4.

    Args: codes (posterior means) [N, L]; factors, whole numbers [N, F].
    """
    variance = codes.var(axis=0)
    active = codes[:, variance > INACTIVE_VARIANCE] / np.sqrt(variance[variance > INACTIVE_VARIANCE])
    if not active.shape[1]:
        return 0.0
    rng, groups = np.random.default_rng(seed), Groups(factors)
    votes = np.zeros((2, active.shape[1], groups.num_factors), int)
    for index in range(2 * num_votes):
        fixed = rng.integers(groups.num_factors)
        unit = active[groups.draw(fixed, group_size, rng)].var(axis=0).argmin()
        votes[index % 2, unit, fixed] += 1
    fitted, scored = votes
    return float(scored[np.arange(len(fitted)), fitted.argmax(axis=1)].sum() / num_votes)
