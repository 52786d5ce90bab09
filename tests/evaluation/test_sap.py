import numpy as np
import pytest
from disentangled import CONSTANT, DUPLICATED, FACTORS, IDENTITY, NOISE, NUM_VALUES, PERMUTED

from experiment.evaluation.disentanglement.sap import sap


def test_known_answers():
    whole = sap(IDENTITY, FACTORS)
    assert whole == pytest.approx(np.mean([1 - 1 / num_values for num_values in NUM_VALUES]), abs=0.03)
    assert sap(PERMUTED, FACTORS) == pytest.approx(whole, abs=0.02)
    for codes in (NOISE, DUPLICATED):
        assert sap(codes, FACTORS) == pytest.approx(0.0, abs=0.05)
    assert sap(CONSTANT, FACTORS) == 0.0
