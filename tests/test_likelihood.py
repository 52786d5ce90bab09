"""The ELBO of a split is the mean over its images, each counted once."""

import numpy as np
import pytest

from experiment.evaluation import likelihood
from experiment.evaluation.likelihood import ElboEvaluator, bits_per_dim
from experiment.preprocessing import make_batch
from models import build_model
from models.distributions import Stream, noise_seed
from models.objective import elbo_terms


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
