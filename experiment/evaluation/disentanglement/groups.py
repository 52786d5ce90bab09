"""Groups of images that share the value of one factor: the basis of the FactorVAE and beta-VAE scores."""

import numpy as np


class Groups:
    """The rows of a data set, grouped by the value of each factor."""

    def __init__(self, factors):
        """factors: whole numbers [N, F]."""
        self.num_factors = factors.shape[1]
        self._rows = [[np.flatnonzero(factor == value) for value in np.unique(factor)] for factor in factors.T]

    def draw(self, index, size, rng):
        """Rows [size] that share one value of factor `index`: the value of a row drawn at random."""
        rows = self._rows[index]
        shares = np.array([len(each) for each in rows], float)
        return rng.choice(rows[rng.choice(len(rows), p=shares / shares.sum())], size)
