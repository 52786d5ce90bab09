"""The ELBO of a split is the mean over its images, each counted once."""

import numpy as np
import pytest
import tensorflow as tf

from experiment.evaluation import likelihood
from experiment.evaluation.likelihood import ElboEvaluator, bits_per_dim, estimate_iw_bound
from experiment.preprocessing import make_batch
from models import build_model
from models.distributions import ALGORITHM, Stream, noise_seed
from models.objective import elbo_terms, log_weight


@pytest.mark.parametrize("batch_size", [44, 15, 1])
def test_mean_over_unequal_batches_is_the_mean_over_images(make_config, split, monkeypatch, batch_size):
    monkeypatch.setattr(likelihood, "PIXELS_PER_BATCH", batch_size * 64)
    monkeypatch.setattr(likelihood, "MIN_BATCH", 1)
    model = build_model(make_config(is_cvae=True))
    estimate = ElboEvaluator(model, seed=3)(split.images, split.labels)

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
    first, again, other = (ElboEvaluator(model, seed)(split.images, None) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("given", [{"is_cvae": True}, {"hierarchical": True, "latent_size": (4, 2)}])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_bound_is_logsumexp_over_k_samples_whatever_the_chunks(make_config, split, monkeypatch, given, jit_compile):
    """K = 13 in chunks of 5, images by 20: the same noise, added up in numpy in double precision."""
    monkeypatch.setattr(likelihood, "PIXELS_PER_CHUNK", 5 * 20 * 64)
    config = make_config(**given)
    model = build_model(config)
    labels = split.labels if config.is_cvae else None
    images = np.uint8(255) * (split.images > 127)
    estimate = estimate_iw_bound(model, images, labels, 13, seed=4, jit_compile=jit_compile)

    bounds = []
    for index, rows in enumerate((np.arange(20), np.arange(20, 40), np.array([40, 41, 42, *[43] * 17]))):
        batch = make_batch(
            np.repeat(images[rows], 5, axis=0), None if labels is None else np.repeat(labels[rows], 5, 0)
        )
        seed = noise_seed(4, Stream.IMPORTANCE_SAMPLES, index)
        seeds = [tf.random.fold_in(seed, chunk, alg=ALGORITHM) for chunk in range(3)]
        log_w = [np.reshape(log_weight(model(batch, each), batch.images), (20, 5)) for each in seeds]
        log_w = np.concatenate(log_w, axis=1).astype(np.float64)[:, :13]
        bounds.extend(np.log(np.mean(np.exp(log_w - log_w.max(axis=1, keepdims=True)), axis=1)) + log_w.max(axis=1))
    bounds = np.array(bounds[:44])
    assert estimate.iw_bound == pytest.approx(bounds.mean(), abs=1e-3)
    assert estimate.iw_nll == -estimate.iw_bound
    assert estimate.iw_standard_error == pytest.approx(bounds.std(ddof=1) / np.sqrt(44), rel=1e-3)
    assert (estimate.num_importance_samples, estimate.num_images) == (13, 44)


def test_with_one_sample_the_bound_is_the_mean_log_weight_and_near_the_elbo(make_config, split):
    model = build_model(make_config())
    images = np.repeat(np.uint8(255) * (split.images > 127), 40, axis=0)
    bound = estimate_iw_bound(model, images, None, 1, seed=0)
    elbo = ElboEvaluator(model, seed=0)(images, None).elbo
    assert bound.iw_bound == pytest.approx(elbo, abs=0.2)
    assert estimate_iw_bound(model, images[::40], None, 500, seed=0).iw_bound > elbo


def test_a_unit_is_active_where_the_image_moves_it_off_its_prior(make_config, split):
    """A level whose posterior is its prior has no active unit, though its means follow the level above."""
    model = build_model(make_config(hierarchical=True, latent_size=(4, 2)))
    low, head = model.levels[1], model.levels[0].posterior_head
    head.set_weights([5.0 * weight for weight in head.get_weights()])
    kernel, bias = low.posterior_head.layers[-1].get_weights()
    low.posterior_head.layers[-1].set_weights([0.0 * kernel, 0.0 * bias])
    assert ElboEvaluator(model, 0)(split.images, None).active_units == (2, 0)
    low.posterior_head.layers[-1].set_weights([5.0 * kernel, bias])
    assert ElboEvaluator(model, 0)(split.images, None).active_units == (2, 4)


def test_bits_per_dim_of_pixels_that_are_all_alike_likely():
    assert bits_per_dim(-12 * np.log(256), (2, 2, 3)) == pytest.approx(8.0)
    assert bits_per_dim(0.0, (2, 2, 3)) == 0.0


def test_large_images_are_evaluated_several_at_a_time(make_config, split, monkeypatch):
    seen = []

    class Recorder(ElboEvaluator):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            evaluate = self._evaluate
            self._evaluate = lambda images, *rest: (seen.append(len(images)), evaluate(images, *rest))[1]

    monkeypatch.setattr(likelihood, "PIXELS_PER_BATCH", 64)
    Recorder(build_model(make_config()), 0)(split.images, None)
    assert seen == [8, 8, 8, 8, 8, 4]
