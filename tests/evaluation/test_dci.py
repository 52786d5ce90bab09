import numpy as np
import pytest
from disentangled import CONSTANT, DUPLICATED, FACTORS, IDENTITY, NOISE, PERMUTED, WITH_UNUSED

from experiment.evaluation.disentanglement.dci import _concentration, dci


def test_known_answers():
    assert dci(IDENTITY, FACTORS) == pytest.approx((1.0, 1.0, 1.0), abs=0.02)
    assert dci(PERMUTED, FACTORS) == pytest.approx(dci(IDENTITY, FACTORS), abs=0.02)
    assert dci(WITH_UNUSED, FACTORS) == pytest.approx((1.0, 1.0, 1.0), abs=0.02)
    disentanglement, completeness, informativeness = dci(NOISE, FACTORS)
    assert disentanglement < 0.05 and completeness < 0.05
    assert informativeness == pytest.approx(np.mean([1 / 4, 1 / 5, 1 / 6]), abs=0.05)
    assert dci(CONSTANT, FACTORS)[:2] == (0.0, 0.0)


def test_a_unit_counts_by_its_importance():
    mixed, unused = np.full((3, 3), 1 / 3), np.zeros((3, 3))
    assert _concentration(np.concatenate([mixed, unused])) == pytest.approx(0.0, abs=1e-6)
    assert _concentration(np.diag([0.5, 0.5, 0.0])) == pytest.approx(1.0, abs=1e-6)


def test_two_units_for_each_factor_are_disentangled_but_not_complete():
    disentanglement, completeness, _ = dci(DUPLICATED, FACTORS)
    assert disentanglement == pytest.approx(1.0, abs=0.02)
    assert completeness == pytest.approx(1 - np.log(2) / np.log(6), abs=0.05)  # two of six units share each factor
