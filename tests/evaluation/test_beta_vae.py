import pytest
from disentangled import CONSTANT, DUPLICATED, FACTORS, IDENTITY, NOISE, PERMUTED

from experiment.evaluation.disentanglement.beta_vae import beta_vae_score


def test_known_answers():
    def score(codes):
        return beta_vae_score(codes, FACTORS, num_points=300, group_size=32)

    for codes in (IDENTITY, PERMUTED, DUPLICATED):
        assert score(codes) > 0.98
    assert score(NOISE) == pytest.approx(1 / 3, abs=0.1)
    assert score(CONSTANT) == pytest.approx(1 / 3, abs=0.1)
