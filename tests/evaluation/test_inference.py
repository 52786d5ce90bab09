"""The one pass over a split: means over its images, each counted once; codes; active units."""

import numpy as np
import pytest
from conftest import elbo_of, infer

from data_utils import load_dataset
from experiment.evaluation.inference import Inference, ShiftVariances
from experiment.files.checkpoints import load_weights
from experiment.files.names import SHIPPED
from experiment.training import validation
from experiment.training.preprocessing import binarize_once, make_batch
from models.bounds import elbo_terms
from models.build import build_model
from models.noise import Stream, noise_seed
from models.precision import trunks_in


@pytest.mark.parametrize("batch_size", [44, 15, 1])
def test_mean_over_unequal_batches_is_the_mean_over_images(make_config, split, monkeypatch, batch_size):
    monkeypatch.setattr(validation, "PIXELS_PER_BATCH", batch_size * 64)
    monkeypatch.setattr(validation, "MIN_BATCH", 1)
    config = make_config(is_cvae=True, seed=3)
    model = build_model(config)
    estimate = elbo_of(model, config, split)

    elbos, rates = [], []
    for index, start in enumerate(range(0, 44, batch_size)):
        batch = make_batch(split.images[start : start + batch_size], split.labels[start : start + batch_size])
        terms = elbo_terms(model(batch, noise_seed(3, Stream.EVALUATION_POSTERIOR, index)), batch.images)
        elbos.extend(terms.elbo.numpy().tolist())
        rates.extend(terms.rate.numpy()[:, 0].tolist())
    assert estimate.num_images == len(elbos) == 44
    assert estimate.elbo == pytest.approx(np.mean(elbos), rel=1e-5)
    assert estimate.rate == estimate.rate_per_level[0] == pytest.approx(np.mean(rates), rel=1e-5)
    assert estimate.elbo == pytest.approx(-estimate.distortion - estimate.rate, rel=1e-9)
    assert estimate.elbo_standard_error == pytest.approx(np.std(elbos, ddof=1) / np.sqrt(44), rel=1e-3)


def test_evaluation_repeats_to_the_bit(make_config, split):
    model = build_model(make_config())
    first, again, other = (elbo_of(model, make_config(seed=seed), split) for seed in (0, 0, 1))
    assert first == again != other


def test_a_unit_is_active_where_the_image_moves_it_off_its_prior(make_config, split):
    """A level whose posterior is its prior has no active unit, though its means follow the level above."""
    config = make_config(hierarchical=True, latent_size=(4, 2))
    model = build_model(config)
    low, head = model.levels[1], model.levels[0].posterior_head
    head.set_weights([5.0 * weight for weight in head.get_weights()])
    kernel, bias = low.posterior_head.layers[-1].get_weights()
    low.posterior_head.layers[-1].set_weights([0.0 * kernel, 0.0 * bias])
    assert elbo_of(model, config, split).active_units == (2, 0)
    low.posterior_head.layers[-1].set_weights([5.0 * kernel, bias])
    assert elbo_of(model, config, split).active_units == (2, 4)


def test_large_images_are_evaluated_several_at_a_time(make_config, split, monkeypatch):
    seen = []

    monkeypatch.setattr(validation, "PIXELS_PER_BATCH", 64)
    infer_images = Inference(build_model(make_config()), 0)
    program = infer_images._infer
    infer_images._infer = lambda images, *rest: (seen.append(len(images)), program(images, *rest))[1]
    infer_images(split)
    assert seen == [8, 8, 8, 8, 8, 4]


def test_units_that_move_with_the_image_are_active_however_they_are_batched():
    generator = np.random.default_rng(0)
    shifts = generator.normal(size=(4000, 6)) * np.array([1.0, 0.2, 0.13, 0.07, 0.0, 3.0]) + 50.0
    for batch_size in (4000, 130):
        variances = ShiftVariances()
        for start in range(0, 4000, batch_size):
            variances.add(shifts[start : start + batch_size])
        assert variances.is_active.sum() == 4, "standard deviations above 0.1; a common offset does not count"


@pytest.mark.parametrize("given", [{}, {"hierarchical": True, "latent_size": (4, 2)}])
def test_codes_of_a_split_are_those_of_each_image(make_config, split, given, monkeypatch):
    monkeypatch.setattr(validation, "PIXELS_PER_BATCH", 15 * 64)
    model = build_model(make_config(**given))
    alone = [np.concatenate([np.ravel(code) for code in model.encode(make_batch(split.images[[row]], None))])
             for row in range(44)]  # fmt: skip
    inferred = infer(model, make_config(**given), split._replace(labels=None))
    np.testing.assert_allclose(inferred.codes, alone, atol=1e-5)
    mean, log_var = inferred.top_posterior
    np.testing.assert_allclose(mean, np.array(alone)[:, : mean.shape[1]], atol=1e-5)
    assert mean.shape == log_var.shape
    few = Inference(model, 0)(split._replace(labels=None), num_codes=20)
    np.testing.assert_array_equal(few.codes, inferred.codes[:20])
    assert len(few.top_posterior[0]) == 20 and few.num_images == 44
    none = Inference(model, 0)(split._replace(labels=None))
    assert none.codes.shape == (0, inferred.codes.shape[1])
    np.testing.assert_array_equal(none.rate, inferred.rate)


def test_the_elbo_of_digits_hardly_depends_on_the_precision(real_data):
    """The same weights in bfloat16 differ by less than 0.1 nats; evaluation is float32 whatever the training was."""
    model, config = load_weights(SHIPPED / "vae_1l")
    images = load_dataset("mnist", real_data("mnist"), limit=1000).test
    test = binarize_once(images, config.binarization, Stream.TEST_BINARIZATION)
    elbo = elbo_of(model, config, test).elbo
    with trunks_in("mixed_bfloat16"):
        low = elbo_of(model, config, test).elbo
    assert 0 < abs(low - elbo) < 0.1 and -95 < elbo < -80
