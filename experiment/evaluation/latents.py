"""What the units of a latent do over a data set."""

import numpy as np

ACTIVE_VARIANCE = 0.01


class ShiftVariances:
    """Var_x((E_q[z] - E_p[z]) / stddev_p) of every unit of a level: how far an image moves the posterior off the prior.

    With the prior N(0, I) it is the Var_x(E_q[z]) of Burda et al. (2016), section 5.2, who call a unit active where it
    exceeds 0.01. At a level with a learned prior, E_q[z] varies with the levels above even if the level itself says
    nothing, so it is measured from the prior. Added up batch by batch, in a memory that does not grow.
    """

    def __init__(self):
        self._num_images, self._sums, self._squares = 0, 0.0, 0.0

    def add(self, shifts):
        """Standardised shifts [B, ...] of the posterior means of a batch."""
        shifts = np.reshape(shifts, (len(shifts), -1)).astype(np.float64)
        self._num_images += len(shifts)
        self._sums += shifts.sum(axis=0)
        self._squares += np.square(shifts).sum(axis=0)

    @property
    def active(self):
        """How many units are active."""
        means = self._sums / self._num_images
        return int(np.sum(self._squares / self._num_images - means**2 > ACTIVE_VARIANCE))
