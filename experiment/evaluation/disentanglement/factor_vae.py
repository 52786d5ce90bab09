"""The FactorVAE score of Kim & Mnih (2018)."""

import numpy as np

from experiment.evaluation.disentanglement.groups import Groups

INACTIVE_VARIANCE = 0.01  # units of a lower variance over the data set are inactive, and would win every vote


def factor_vae_score(codes, factors, num_votes=5000, group_size=64, seed=0):
    """The accuracy of a classifier that tells the fixed factor from the unit that varies least: from 0 to 1.

    A vote: fix one factor at random, take images that share its value, and note the active unit with the lowest
    variance relative to its variance over all images. The classifier assigns each unit the factor that it gets most
    votes for. It is fitted on one half of the votes and scored on the other half. Chance is about 1/F. The score is 0
    where no unit is active.

    Args:
        codes: posterior means [N, L].
        factors: whole numbers [N, F].
        num_votes: votes in each half.
        group_size: images of a vote.
        seed: of the votes.

    Returns:
        The accuracy, from 0 to 1.

    Reference: Kim & Mnih (2018), section 4.
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
