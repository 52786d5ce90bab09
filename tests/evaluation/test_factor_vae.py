import pytest
from disentangled import CONSTANT, DUPLICATED, FACTORS, IDENTITY, NOISE, PERMUTED, WITH_UNUSED

from experiment.evaluation.disentanglement.factor_vae import factor_vae_score


def test_known_answers():
    def score(codes):
        return factor_vae_score(codes, FACTORS, num_votes=600)

    assert score(IDENTITY) == score(PERMUTED) == score(DUPLICATED) == score(WITH_UNUSED) == 1.0
    assert score(NOISE) == pytest.approx(1 / 3, abs=0.07)
    assert score(CONSTANT) == 0.0
    # The first factor has a unit, the other two leave it to chance which votes for them.
    assert 0.5 < score(IDENTITY * [1, 0, 0] + NOISE * [0, 1, 1]) < 0.9
