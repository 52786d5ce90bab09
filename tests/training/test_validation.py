"""The loss that chooses which weights of a run are kept."""

import numpy as np
import pytest
from conftest import elbo_of
from scipy.special import logsumexp

from experiment.training.loop import Plan
from experiment.training.preprocessing import make_batch
from experiment.training.validation import LossEvaluator
from models.bounds import log_weight
from models.build import build_discriminator, build_model
from models.noise import Stream, noise_seed

PLAN = Plan(batch_size=8, steps_per_epoch=5, num_steps=10, num_images=44)


def test_with_beta_1_it_is_the_negative_elbo_without_schedule_and_free_nats(make_config, split):
    config = make_config(beta_schedule="cyclical", beta_epochs=2.0, free_nats=100.0)
    model = build_model(config)
    estimate = elbo_of(model, config, split)
    assert LossEvaluator(model, config, PLAN)(split) == pytest.approx(-estimate.elbo, rel=1e-5)


def test_it_weighs_the_terms_as_training_does(make_config, split):
    config = make_config(
        hierarchical=True, latent_size=(3, 2), num_blocks=1, beta=4.0, level_betas=(0.5, 2.0), likelihood="mse"
    )
    model = build_model(config)
    estimate = elbo_of(model, config, split)
    top, bottom = estimate.rate_per_level
    expected = estimate.distortion + 4.0 * (2.0 * top + 0.5 * bottom)
    assert LossEvaluator(model, config, PLAN)(split) == pytest.approx(expected, rel=1e-5)


def test_for_iwae_it_is_the_bound_of_as_many_samples(make_config, split, monkeypatch):
    config = make_config(objective="iwae", num_importance_samples=7)
    model = build_model(config)
    monkeypatch.setattr(
        "experiment.training.validation.PIXELS_PER_BATCH", 20 * 64 * 7
    )  # 20 images: batches of 15, 15 and 14
    bounds = []
    for index, rows in enumerate(np.split(np.arange(44), (15, 30))):
        batch = make_batch(split.images[rows], None)
        output = model(batch, noise_seed(config.seed, Stream.EVALUATION_POSTERIOR, index), num_samples=7)
        log_w = log_weight(output, np.repeat(batch.images, 7, axis=0)).numpy().reshape(-1, 7)
        bounds.extend(logsumexp(log_w, axis=1) - np.log(7))
    assert LossEvaluator(model, config, PLAN)(split) == pytest.approx(-np.mean(bounds), rel=1e-5)


def test_the_capacity_is_that_at_the_end_of_its_schedule(make_config, split):
    config = make_config(objective="capacity", beta=3.0, capacity=5.0, capacity_epochs=100.0)
    model = build_model(config)
    estimate = elbo_of(model, config, split)
    expected = estimate.distortion + 3.0 * abs(estimate.rate - 5.0)
    assert LossEvaluator(model, config, PLAN)(split) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("objective", ["beta_tc", "mmd", "factor_vae"])
def test_every_objective_has_one(make_config, split, objective):
    config = make_config(objective=objective)
    model = build_model(config)
    assert np.isfinite(LossEvaluator(model, config, PLAN, build_discriminator(config))(split))
