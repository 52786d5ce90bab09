"""Commands of hierarchies, by running them."""

import json

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files
from scipy.special import logsumexp

from data_utils import load_dataset
from experiment.files.checkpoints import load_weights
from experiment.files.records import read_metrics
from experiment.pictures import always
from experiment.report import explorer
from experiment.training.preprocessing import binarize_once, make_batch
from image_data.splits import take
from models.bounds import log_weight
from models.noise import Stream, noise_seed

MAPS = [
    "--network",
    "conv",
    "--hidden_sizes",
    "4",
    "6",
    "--num_features",
    "8",
    "--latent_size",
    "14x14x1",
    "7x7x2",
    "4",
]
CONV_QUICK = [*QUICK[:-2], "--hierarchical", *MAPS]


@pytest.mark.slow
def test_a_hierarchy_from_flags_to_files_and_numbers_and_back(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(always, "MAX_LABELS", 2)
    monkeypatch.setattr(explorer, "LABELS_IN_GRID", 2)
    flags = [*CONV_QUICK, "--is_cvae", "--learning_rate_schedule", "cosine", "--iw_samples", "7"]
    code, out, _ = cli(*flags)
    assert code == 0
    assert "CHVAE, conv (4 6, silu, 1 residual block at each resolution, " in out
    assert "z3 4, z2 7x7x2, z1 14x14x1, each given those before it" in out
    assert "distortion + beta rate; beta 1, linear over 2 epochs, 0.5 free nats a level (" in out
    outputs = tmp_path / "outputs/digits_chvae"
    pictures = {"interpolation", "loss_curve", "reconstructions", "resampled_z1", "resampled_z2"}
    pictures |= {"samples", "temperatures", "top_levels", "classes", "unit_rates", "rate_maps"}
    assert files(outputs) == sorted(
        [*(f"{name}.png" for name in pictures), "metrics.jsonl", "report.html", "results.json", "results.txt"]
    )

    for row in read_metrics(outputs / "metrics.jsonl"):
        assert row["rate"] == pytest.approx(sum(row["rate_per_level"])) and len(row["rate_per_level"]) == 3
        assert row["elbo"] == pytest.approx(-row["distortion"] - row["rate"])
        assert row["split"] == "train" or all(
            0 <= a <= b for a, b in zip(row["active_units"], (4, 98, 196), strict=True)
        )
    results = json.loads((outputs / "results.json").read_text())
    test = results["test"]
    assert results["protocol"]["binarization"] == "dynamic" and test["num_importance_samples"] == 7
    assert test["iw_bound"] > test["elbo"] and test["iw_nll"] == -test["iw_bound"]
    assert (
        f"{test['iw_bound']:.2f} nats (higher is better; K = 7, standard error {test['iw_standard_error']:.2f})" in out
    )
    for level, rate in zip(("z3", "z2", "z1"), test["rate_per_level"], strict=True):
        assert f"of {level}{rate:>18.2f} nats" in out

    # The bound again, one sample after the other, from the saved weights; other noise, so within its own spread.
    model, config = load_weights(tmp_path / "model_ckpts/digits_chvae")
    split = binarize_once(take(load_dataset("digits").test, slice(200)), config.binarization, Stream.TEST_BINARIZATION)
    batch = make_batch(split.images, split.labels)
    log_w = np.stack([log_weight(model(batch, noise_seed(9, step=k)), batch.images) for k in range(7)])
    bound = np.mean(logsumexp(log_w.astype(np.float64), axis=0) - np.log(7))
    assert test["iw_bound"] == pytest.approx(bound, abs=0.5)

    identity = ["--dataset", "digits", "--hierarchical", "--is_cvae"]
    assert cli(*identity, "--load_weights", "--num_epochs", "0", "--limit", "200")[0] == 0
    generated = tmp_path / "outputs/digits_chvae_generated"
    assert files(generated) == [name for name in files(outputs) if name not in ("loss_curve.png", "metrics.jsonl")]
    for name in files(generated):
        if name.endswith(".png"):
            assert (generated / name).read_bytes() == (outputs / name).read_bytes(), name
    elbos = [json.loads((each / "results.json").read_text())["test"]["elbo"] for each in (outputs, generated)]
    assert elbos[0] == elbos[1]
    assert_refused(
        cli(*identity, "--resume", "--num_epochs", "3"), "--num_epochs 3: the learning rate was planned to fall to 0"
    )


def test_the_chain_of_the_land_use_project(cli, undrawn, tmp_path):
    code, out, _ = cli(*QUICK, "--hierarchical", "--hierarchy", "chain", "--latent_size", "6", "3")
    assert code == 0 and "x -> z1 6 -> z2 3 -> x, prior N(0, I) at every level" in out
    assert (tmp_path / "model_ckpts/digits_chain/chain.weights.h5").is_file()
    results = json.loads((tmp_path / "outputs/digits_chain/results.json").read_text())
    assert len(results["test"]["rate_per_level"]) == 2


def test_images_without_labels_draw_every_picture(cli, few_frames, tmp_path):
    flags = ["--dataset", "sprites", "--limit", "60", "--num_epochs", "1", "--network", "mlp", "--hidden_sizes", "8"]
    code, out, _ = cli(*flags, "--hierarchical", "--latent_size", "5", "4")
    assert code == 0
    pictures = {"interpolation", "loss_curve", "reconstructions", "resampled_z1", "samples"}
    pictures |= {"temperatures", "top_levels", "traversal_0", "unit_rates"}
    assert {path.stem for path in (tmp_path / "outputs/sprites_hvae").glob("*.png")} == pictures


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--latent_size", "64,32"], "--latent_size 64 32: expected one whole number, or --hierarchical"),
        (["--latent_size", "7x7x4"], "--latent_size 7x7x4: expected one whole number, or --hierarchical"),
        (
            ["--hierarchical", "--latent_size", "7x7"],
            "--latent_size 7x7: expected whole numbers of at least 1, or maps",
        ),
        (
            ["--hierarchical", "--latent_size", "7x7xfour"],
            "--latent_size 7x7xfour: expected whole numbers of at least 1",
        ),
        (
            ["--hierarchy", "chain"],
            "--hierarchy chain: these choose no model; expected --hierarchical --hierarchy chain, or none of them",
        ),
        (
            ["--hierarchical", "--hierarchy", "chain", "--is_cvae"],
            "--hierarchical --hierarchy chain --is_cvae: these choose no model",
        ),
        (["--hierarchical", "--hierarchy", "chain", "--latent_size", "7x7x4", "8"], "its levels are vectors"),
        (
            ["--hierarchical", "--num_blocks", "0"],
            "--num_blocks 0 with --hierarchical: residual blocks lead from level to level; expected at least 1",
        ),
        (["--hierarchical", "--network", "conv", "--num_features", "0"], "--num_features 0 with --hierarchical"),
        (
            ["--hierarchical", "--level_betas", "1"],
            "--level_betas 1.0: expected a number for each level of --latent_size 64 32",
        ),
        (["--hierarchical", "--ema", "1"], "--ema 1.0: expected a number of at least 0 and below 1"),
        (["--beta_schedule", "step"], "--beta_schedule step: expected one of constant, linear, cosine, cyclical"),
        (["--free_nats", "-1"], "--free_nats -1.0: expected a number of at least 0"),
    ],
)
def test_refusals(cli, tmp_path, flags, message):
    assert_refused(cli("--dataset", "digits", *flags), message)
    assert files(tmp_path) == []


def test_levels_that_the_network_lacks_are_refused_in_one_line(cli, tmp_path):
    result = cli(*QUICK[:-2], "--hierarchical", "--network", "conv", "--latent_size", "6x6x2", "8")
    assert_refused(result, "--latent_size 6x6x2: this --network conv has maps of 14x14, 7x7; expected one of them")
    assert files(tmp_path) == []
