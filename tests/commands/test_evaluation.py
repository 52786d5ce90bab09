"""Evaluation from the command line, and the bound once more in plain numpy."""

import json
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from conftest import QUICK, files
from scipy.special import expit, logsumexp

from data_utils import load_dataset
from experiment.evaluation import labels, measures
from experiment.evaluation.likelihood import estimate_iw_bound
from experiment.files.checkpoints import load_weights
from experiment.pictures.always import draw_charts
from experiment.training.preprocessing import binarize_once
from image_data.splits import take
from image_data.sprites import DSPRITES_FILE, render_sprites, sprite_factors
from models.noise import ALGORITHM, Stream, noise_seed, standard_normal


def numpy_log_weights(model, images, noise):
    """log p(x|z) + log p(z) - log q(z|x) of an mlp VAE, from its arrays of weights: [B, K]. noise is [B, K, L]."""
    layers = [np.float64(weight) for weight in model.get_weights()]
    (w1, b1), (w_q, b_q), (w2, b2), (w_x, b_x) = zip(layers[::2], layers[1::2], strict=True)
    x = images.reshape(len(images), -1)
    hidden = np.maximum(x @ w1 + b1, 0)
    mean, raw = np.split((hidden @ w_q + b_q)[:, np.newaxis], 2, axis=-1)
    log_var = 10 * np.tanh(raw / 10)
    z = mean + np.exp(0.5 * log_var) * noise
    p = expit(np.maximum(z @ w2 + b2, 0) @ w_x + b_x)
    log_likelihood = np.sum(np.where(x[:, np.newaxis] > 0, np.log(p), np.log1p(-p)), axis=-1)
    return log_likelihood + 0.5 * np.sum(noise**2 + log_var - z**2, axis=-1)


def test_the_bound_of_a_saved_model_is_that_of_plain_numpy_given_the_same_noise(undrawn, trained, tmp_path):
    trained(*QUICK)
    model, config = load_weights(tmp_path / "model_ckpts/digits_vae")
    split = binarize_once(take(load_dataset("digits").test, slice(20)), config.binarization, Stream.TEST_BINARIZATION)
    estimate = estimate_iw_bound(model, split.images, None, 50, seed=3)
    seed = noise_seed(3, Stream.IMPORTANCE_SAMPLES, 0)
    noise = standard_normal((20 * 50, 15), tf.random.fold_in(seed, 0, alg=ALGORITHM)).numpy().reshape(20, 50, 15)
    log_w = numpy_log_weights(model, split.images / 255.0, np.float64(noise))
    bounds = logsumexp(log_w, axis=1) - np.log(50)
    assert estimate.iw_bound == pytest.approx(bounds.mean(), abs=1e-3)
    assert estimate.iw_standard_error == pytest.approx(bounds.std(ddof=1) / np.sqrt(20), abs=1e-3)


@pytest.mark.slow
def test_evaluation_of_a_conditional_model_says_what_labels_know(cli, undrawn, tmp_path, monkeypatch):
    monkeypatch.setattr(measures, "NUMBERS_OF_SAMPLES", (100, 10))
    monkeypatch.setattr(labels, "GENERATED_PER_CLASS", 20)
    monkeypatch.setattr(labels, "BAYES_SAMPLES", 5)
    code, out, _ = cli(*QUICK, "--is_cvae", "--evaluate", "--limit", "1000")
    assert code == 0 and ", K = 100: about " in out and "Bayes' rule, 360 images, 10 classes: about " in out
    outputs = tmp_path / "outputs/digits_cvae"
    test = json.loads((outputs / "results.json").read_text())["test"]
    assert test["num_importance_samples"] == 100 and test["iw_bound"] > test["elbo"]
    assert test["mutual_information"] + test["marginal_kl"] == pytest.approx(test["rate"], abs=1e-3)
    assert (
        0 <= test["bayes_accuracy"] <= 1 and test["bayes_num_images"] == 360 and 0.5 < test["classifier_accuracy"] <= 1
    )
    assert 0 <= test["recognised"] <= 1 and "linear_probe_accuracy" not in test
    lines = (outputs / "results.txt").read_text()
    assert lines in out and "Bayes' rule" in lines and f"{test['iw_bound']:.2f} nats" in lines


def write_dsprites(folder):
    """A file of dSprites' layout with rendered sprites."""
    rows = np.arange(0, 46_080, 13)
    classes = np.insert(sprite_factors(rows), 0, 0, axis=1)
    np.savez(folder / DSPRITES_FILE, imgs=render_sprites(rows)[..., 0] // 255, latents_classes=classes)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["sprites", "dsprites"])
def test_evaluation_where_factors_are_known(cli, undrawn, few_frames, tmp_path, monkeypatch, dataset):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(measures, "factor_vae_score", partial(measures.factor_vae_score, num_votes=200))
    monkeypatch.setattr(measures, "beta_vae_score", partial(measures.beta_vae_score, num_points=200))
    data = ["--dataset", dataset]
    if dataset == "dsprites":
        write_dsprites(tmp_path)
        data += ["--data_dir", str(tmp_path)]
    flags = ["--limit", "600", "--num_epochs", "1", "--network", "mlp", "--hidden_sizes", "16"]
    assert cli(*data, *flags, "--latent_size", "4")[0] == 0
    assert cli(*data, "--load_weights", "--num_epochs", "0", "--evaluate", "--iw_samples", "3")[0] == 0
    test = json.loads((tmp_path / f"outputs/{dataset}_vae_generated/results.json").read_text())["test"]
    assert test["num_importance_samples"] == 3 and "bayes_accuracy" not in test
    scores = {"mig_sampled", "mig_histogram", "factor_vae_score", "beta_vae_score", "sap", "modularity"}
    scores |= {f"dci_{name}" for name in ("disentanglement", "completeness", "informativeness")}
    assert all(-0.1 <= test[name] <= 1 for name in scores)


@pytest.mark.parametrize(
    "flags, loss",
    [
        pytest.param(
            ["--objective", "iwae", "--num_importance_samples", "3", "--hierarchical", "--latent_size", "4", "2"],
            "K = 3",
            marks=pytest.mark.slow,
        ),
        (["--objective", "beta_tc", "--is_cvae"], "beta total correlation + dimension-wise KL; beta 6"),
    ],
)
def test_objectives_train_and_are_stated(cli, undrawn, tmp_path, monkeypatch, flags, loss):
    monkeypatch.setattr("experiment.run.draw_charts", draw_charts)
    code, out, _ = cli(*QUICK, *flags)
    assert code == 0 and loss in out
    (results,) = tmp_path.glob("outputs/*/results.json")
    assert loss in json.loads(results.read_text())["protocol"]["training"]
    assert "loss_curve.png" in files(results.parent)
