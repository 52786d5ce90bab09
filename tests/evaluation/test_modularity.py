import pytest
from disentangled import CONSTANT, DUPLICATED, FACTORS, IDENTITY, NOISE, PERMUTED

from experiment.evaluation.disentanglement.modularity import modularity


def test_known_answers():
    for codes in (IDENTITY, PERMUTED, DUPLICATED):
        assert modularity(codes, FACTORS) == pytest.approx(1.0, abs=0.01)
    assert modularity(NOISE, FACTORS) == pytest.approx(0.0, abs=0.05)
    assert modularity(CONSTANT, FACTORS) == 0.0


def test_a_unit_of_two_factors_alike_loses_a_share():
    """1 - I^2 / (I^2 (F - 1)) = 1/2 with three factors, two of which a unit informs about equally."""
    both = IDENTITY[:, :1] * 0.0 + FACTORS[:, [0]] + 4.0 * FACTORS[:, [1]]
    equal = both[(FACTORS[:, 1] < 4)]
    assert modularity(equal, FACTORS[FACTORS[:, 1] < 4]) == pytest.approx(0.5, abs=0.05)
