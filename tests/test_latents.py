"""Active units, from codes whose variances are known."""

import numpy as np

from experiment.evaluation.latents import ShiftVariances


def test_units_that_move_with_the_image_are_active_however_they_are_batched():
    generator = np.random.default_rng(0)
    shifts = generator.normal(size=(4000, 2, 3)) * np.array([[1.0, 0.2, 0.13], [0.07, 0.0, 3.0]]) + 50.0
    for batch_size in (4000, 130):
        variances = ShiftVariances()
        for start in range(0, 4000, batch_size):
            variances.add(shifts[start : start + batch_size])
        assert variances.active == 4, "standard deviations above 0.1; a common offset does not count"
