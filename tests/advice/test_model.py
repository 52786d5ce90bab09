"""Signs in test numbers: of models that have the illness, and of models that are near it."""

import numpy as np
import pytest
from evidences import config_with, evidence, look
from scipy import stats

from experiment.advice.model import squared_error
from experiment.evaluation.latents import moment_kl

EMPTY, BETA, IDLE = "a level that says nothing", "too large a beta", "few active units"
VARIANCE, FAR, TEST = "a wrong variance", "samples far from the data", "few test images"
HIERARCHY = {"hierarchical": True, "latent_size": [8, 4], "num_blocks": 1}
NOTHING = {"rate": 0.01, "rate_per_level": [0.01], "active_units": [0]}


def two_levels(top_rate, top_active, **settings):
    numbers = {"rate_per_level": [top_rate, 9.0], "active_units": [top_active, 5]}
    return evidence(config_with(**HIERARCHY, **settings), test=numbers)


def test_a_level_that_carries_nothing_is_named():
    remark = look(EMPTY, two_levels(0.3, 0))
    assert remark.text.startswith("z2 says hardly anything") and "z2: rate 0.30 nats, 0 active units" in remark.evidence
    assert look(EMPTY, two_levels(2.0, 1)) is None
    both = evidence(config_with(**HIERARCHY), test={"rate_per_level": [0.2, 0.1], "active_units": [0, 2]})
    assert look(EMPTY, both).text.startswith("z2 and z1 say hardly anything")


@pytest.mark.parametrize(
    "settings, flag",
    [
        ({}, "--beta_schedule linear"),
        ({"beta": 8.0}, "--beta 1"),
        ({"beta_schedule": "linear", "free_nats": 0.5}, "--free_nats 1"),
        ({"hierarchy": "chain"}, "--hierarchy top_down"),
        ({"likelihood": "mse", "beta": 8.0}, "--likelihood gaussian, which learns the variance"),
        ({"objective": "iwae", "num_importance_samples": 5}, "--num_epochs 20"),
    ],
)
def test_the_flag_is_that_of_what_holds_the_rate_down(settings, flag):
    assert look(EMPTY, two_levels(0.3, 0, **settings)).flag == flag


def test_a_collapse_has_the_flag_of_its_objective():
    weak = evidence(config_with(objective="capacity", beta=100.0, capacity=0.0), test=NOTHING)
    assert look(EMPTY, weak).flag == "--capacity 25"
    mmd = evidence(config_with(objective="mmd", beta=1000.0), test=NOTHING)
    assert look(EMPTY, mmd).flag == "--beta 100"


def test_few_units_of_many():
    many = config_with(latent_size=[128])
    remark = look(IDLE, evidence(many, test={"active_units": [6]}))
    assert remark.evidence == "6 of 128 units are active, rate 20.00 nats" and "--latent_size" in remark.flag
    assert look(IDLE, evidence(many, test={"active_units": [20]})) is None
    assert look(IDLE, evidence(many, test=NOTHING)) is None  # that is a level that carries nothing


def test_a_beta_of_hundreds_that_switches_units_off():
    remark = look(BETA, evidence(config_with(beta=500.0), test={"active_units": [1]}))
    assert "beta 500, beta_norm 2.55; 1 of 4 units" in remark.evidence and remark.flag == "--beta 1"
    assert look(BETA, evidence(config_with(beta=500.0))) is None  # all units are active
    assert look(BETA, evidence(config_with(beta=10.0), test={"active_units": [1]})) is None
    mmd = config_with(objective="mmd", beta=1000.0)  # its beta weighs another term
    assert look(BETA, evidence(mmd, test={"active_units": [1]})) is None


def test_many_units_make_a_small_beta_large():
    wide = config_with(beta=4.0, latent_size=[400])
    assert "beta_norm 2.04" in look(BETA, evidence(wide, test={"active_units": [30]})).evidence


def test_the_squared_error_is_that_of_the_images():
    generator = np.random.default_rng(0)
    images, mean, variance = generator.random(500), generator.random(500), 0.3
    distortion = -stats.norm.logpdf(images, mean, np.sqrt(variance)).sum()
    assert squared_error(variance, distortion, 500) == pytest.approx(np.mean((images - mean) ** 2))


def of_variance(variance, error, **settings):
    """A run whose Gaussian has this variance, and whose pixels have this squared error."""
    residuals = np.full(784, np.sqrt(error))
    numbers = {"likelihood_variance": variance, "distortion": -stats.norm.logpdf(residuals, 0, variance**0.5).sum()}
    return evidence(config_with(**{"likelihood": "gaussian", **settings}), test=numbers)


def test_a_variance_of_1_is_far_from_the_error():
    remark = look(VARIANCE, of_variance(1.0, 0.01, likelihood="mse", beta=2.0))
    assert "variance 1, squared error 0.01, which weighs the KL as a beta of 200 would" in remark.evidence
    assert remark.flag.startswith("--likelihood gaussian")


def test_a_learned_variance_is_near_the_error_or_not():
    assert look(VARIANCE, of_variance(0.01, 0.01)) is None
    assert look(VARIANCE, of_variance(0.013, 0.01)) is None
    assert look(VARIANCE, of_variance(0.05, 0.01)).flag == "--num_epochs 20: the variance is still on its way"
    remark = look(VARIANCE, of_variance(0.01, 0.05))
    assert remark.flag.startswith("more training images") and "weighs" not in remark.evidence


def test_images_without_any_error_have_a_number():
    assert look(VARIANCE, of_variance(1.0, 0.0, likelihood="mse")) is not None


def test_other_likelihoods_have_no_variance():
    assert look(VARIANCE, evidence()) is None


def test_codes_that_lie_where_the_prior_does_not():
    remark = look(FAR, evidence(config_with(beta=0.01), test={"marginal_kl_at_least": 11.0}))
    assert "at least 11.0 of the 20.0 nats" in remark.evidence and remark.flag == "--beta 1"
    assert look(FAR, evidence(config_with(beta=4.0), test={"marginal_kl_at_least": 11.0})).flag.startswith("--beta 16,")
    chain = evidence(config_with(**HIERARCHY, hierarchy="chain"), test={"marginal_kl_at_least": 11.0})
    assert look(FAR, chain) is None


def test_the_marginal_kl_of_few_images_is_no_sign():
    """Where the mutual information has reached log N, the rest of the rate is called marginal KL, however healthy."""
    assert look(FAR, evidence(test={"marginal_kl": 16.6, "mutual_information": 9.18})) is None


def test_moments_of_few_images_differ_from_the_prior_by_chance():
    """20 codes that are drawn from the prior itself."""
    codes = np.random.default_rng(0).standard_normal((20, 60))
    distance = moment_kl(codes, np.full(codes.shape, -20.0))
    assert distance > 2.0
    numbers = {"marginal_kl_at_least": distance, "num_images": 20}
    assert look(FAR, evidence(config_with(latent_size=[60]), test=numbers)) is None


def test_few_test_images():
    remark = look(TEST, evidence(test={"num_images": 42, "elbo_standard_error": 14.27}))
    assert remark.evidence == "42 test images, and the ELBO is known to 28.0 nats either way (95 %)"
    assert remark.flag == "--seeds 0 1 2"
    limited = evidence(config_with(limit=42), test={"num_images": 42})
    assert look(TEST, limited).flag == "leave --limit out"
    assert look(TEST, evidence()) is None
