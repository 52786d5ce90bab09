"""Information in codes, from posteriors whose answer is known."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from experiment.evaluation.latents import information, linear_probe_accuracy, moment_kl


def test_information_and_marginal_kl_of_separate_posteriors():
    """Posteriors far apart tell every image: I = log N, and the rest of the rate is the marginal KL."""
    mean, log_var = np.arange(50.0)[:, np.newaxis] * [10.0, 0.0], np.zeros((50, 2))
    rate = 0.5 * np.mean(np.sum(mean**2, axis=1))
    found = information(mean, log_var, rate, seed=0)
    assert found.mutual_information == pytest.approx(np.log(50), abs=1e-6)
    assert found.mutual_information + found.marginal_kl == pytest.approx(rate)


def test_information_of_a_gaussian_channel():
    """m ~ N(0, 1 - v), z = m + N(0, v): z ~ N(0, 1) without marginal KL, I = -1/2 log v for each unit."""
    variance = np.array([0.2, 0.5])
    mean = np.random.default_rng(0).standard_normal((4000, 2)) * np.sqrt(1 - variance)
    rate = 0.5 * np.mean(np.sum(variance + mean**2 - 1.0 - np.log(variance), axis=1))
    found = information(mean, np.tile(np.log(variance), (4000, 1)), rate, seed=1)
    assert found.mutual_information == pytest.approx(-0.5 * np.sum(np.log(variance)), abs=0.05)
    assert found.marginal_kl == pytest.approx(0.0, abs=0.02)


def test_information_is_that_of_a_loop():
    rng = np.random.default_rng(2)
    mean, log_var = rng.normal(size=(300, 3)), rng.normal(size=(300, 3))
    z = mean + np.exp(0.5 * log_var) * np.random.default_rng(5).standard_normal(mean.shape)
    log_q = [stats.norm.logpdf(each, mean, np.exp(0.5 * log_var)).sum(axis=1) for each in z]
    expected = np.mean([each[row] - logsumexp(each) + np.log(300) for row, each in enumerate(log_q)])
    assert information(mean, log_var, 0.0, seed=5).mutual_information == pytest.approx(expected, abs=1e-9)


def test_the_moments_of_gaussian_codes_hold_their_whole_divergence():
    """m ~ N(1, 3), z = m + N(0, 0.5): z ~ N(1, 3.5), and KL(N(m, v) || N(0, 1)) has a closed form."""
    mean = 1 + np.sqrt(3) * np.random.default_rng(0).standard_normal((200_000, 1))
    expected = 0.5 * (3.5 + 1 - 1 - np.log(3.5))
    assert moment_kl(mean, np.full(mean.shape, np.log(0.5))) == pytest.approx(expected, rel=0.01)


def test_the_moments_of_two_clouds_hold_a_part_of_their_divergence():
    """q(z) = 1/2 N(-2, 0.1) + 1/2 N(2, 0.1), whose divergence is integrated."""
    mean, variance, z = np.array([[-2.0], [2.0]]), 0.1, np.linspace(-6, 6, 20_001)
    q = stats.norm.pdf(z, mean, np.sqrt(variance)).mean(axis=0)
    whole = np.trapezoid(q * (np.log(np.maximum(q, 1e-300)) - stats.norm.logpdf(z)), z)
    assert 0.4 * whole < moment_kl(mean, np.full(mean.shape, np.log(variance))) < whole


def test_codes_like_the_prior_have_no_divergence_of_moments():
    mean = np.sqrt(0.8) * np.random.default_rng(0).standard_normal((50_000, 3))
    assert moment_kl(mean, np.full(mean.shape, np.log(0.2))) == pytest.approx(0.0, abs=1e-3)


def test_a_linear_probe_reads_what_is_there_and_nothing_else():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 800)
    telling = np.eye(4)[classes] + 0.1 * rng.normal(size=(800, 4))
    assert linear_probe_accuracy(telling[:400], classes[:400], telling[400:], classes[400:]) > 0.99
    noise = rng.normal(size=(800, 4))
    assert linear_probe_accuracy(noise[:400], classes[:400], noise[400:], classes[400:]) == pytest.approx(0.25, abs=0.1)
