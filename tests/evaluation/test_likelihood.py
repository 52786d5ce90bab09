"""The importance-weighted bound, against numpy in double precision."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import elbo_of

from experiment.evaluation import likelihood
from experiment.evaluation.likelihood import bits_per_dim, estimate_iw_bound
from experiment.training.preprocessing import make_batch
from image_data.splits import Split
from models.bounds import log_weight
from models.build import build_model
from models.noise import ALGORITHM, Stream, noise_seed


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
    elbo = elbo_of(model, make_config(), Split(images)).elbo
    assert bound.iw_bound == pytest.approx(elbo, abs=0.2)
    assert estimate_iw_bound(model, images[::40], None, 500, seed=0).iw_bound > elbo


def test_bits_per_dim_of_pixels_that_are_all_alike_likely():
    assert bits_per_dim(-12 * np.log(256), (2, 2, 3)) == pytest.approx(8.0)
    assert bits_per_dim(0.0, (2, 2, 3)) == 0.0
