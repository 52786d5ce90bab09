import numpy as np
import pytest
from disentangled import CONSTANT, DUPLICATED, FACTORS, IDENTITY, NOISE, PERMUTED, ROTATED
from scipy.stats import norm

from experiment.evaluation.disentanglement.mig import mig_histogram, mig_sampled


def sampled(codes, log_var=-6.0):
    return mig_sampled(codes, np.full(codes.shape, log_var), FACTORS, num_samples=600)


@pytest.mark.parametrize("score", [mig_histogram, lambda codes, _: sampled(codes)], ids=["histogram", "sampled"])
def test_known_answers(score):
    assert score(IDENTITY, FACTORS) == pytest.approx(1.0, abs=0.05)
    assert score(NOISE, FACTORS) == pytest.approx(0.0, abs=0.05)
    assert score(CONSTANT, FACTORS) == pytest.approx(0.0, abs=0.04)
    assert score(PERMUTED, FACTORS) == pytest.approx(score(IDENTITY, FACTORS), abs=0.05)
    assert score(DUPLICATED, FACTORS) == pytest.approx(0.0, abs=0.05)
    assert score(ROTATED, FACTORS) < 0.6
    assert score(IDENTITY[:, :1], FACTORS) == pytest.approx(1 / 3, abs=0.05)


def test_the_sampled_estimate_is_the_information_of_a_noisy_unit():
    """Two values at -1 and 1, posteriors of unit variance: I = H(mixture) - H(N(0, 1)), by quadrature."""
    factors = np.repeat([[0], [1]], 500, axis=0)
    z = np.linspace(-8, 8, 4001)
    density = 0.5 * norm.pdf(z, -1) + 0.5 * norm.pdf(z, 1)
    information = -np.trapezoid(density * np.log(density), z) - 0.5 * np.log(2 * np.pi * np.e)
    mean = 2.0 * factors - 1.0
    estimate = mig_sampled(mean, np.zeros(mean.shape), factors, num_samples=20_000)
    assert estimate == pytest.approx(information / np.log(2), abs=0.02)
