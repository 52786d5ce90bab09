"""Commands by running them, errors by their message."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files

import assignment
from atomic_files import sealed, unsealed
from data_utils import load_dataset
from experiment.files.checkpoints import load_weights
from experiment.files.records import read_metrics
from experiment.training.preprocessing import binarize_once, make_batch
from image_data.splits import take
from models.bounds import elbo_terms
from models.build import build_model
from models.noise import Stream, noise_seed

PROJECT = Path(assignment.__file__).resolve().parent


def test_help_reads_well_and_fast(run_cli):
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        shown = run_cli("--help")
        seconds.append(time.perf_counter() - started)
    assert shown.returncode == 0
    assert min(seconds) < 0.5
    assert max(map(len, shown.stdout.splitlines())) <= 120
    for words in (
        "--load_weights [RUN]",
        "[10; digits: 100;",
        "model:",
        "data:",
        "training:",
        "[dynamic; binarized_mnist",
    ):
        assert words in shown.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--dataset", "mnits"], "--dataset mnits: expected one of mnist"),
        (["--latent_sise", "5"], "--latent_sise: no such flag; did you mean --latent_size?"),
        (["--precision", "half"], "--precision half: expected one of auto, float32, mixed_bfloat16, mixed_float16"),
        (["--latent_size", "0"], "--latent_size 0: expected whole numbers of at least 1"),
        (["--latent_size", "ten"], "--latent_size ten: expected whole numbers of at least 1, or maps such as 7x7x4"),
        (["--beta", "-1"], "--beta -1.0: expected a number of at least 0"),
        (["--num_epochs", "0"], "--num_epochs 0 trains nothing"),
        (["--load_weights"], "no saved run of dataset mnist and model vae"),
        (["--load_weights", "nothing"], "nothing: expected a run with its config.json"),
        (["--resume"], "no saved run of dataset mnist and model vae"),
        (["--data_dir", "nowhere"], "--data_dir nowhere: no such folder"),
        (["--data_dir", "."], "found no train-images-idx3-ubyte.gz"),
        (["--dataset", "digits", "--network", "conv", "--hidden_sizes", "8", "8", "8"], "sides that 8 divides"),
    ],
)
def test_refusals_write_nothing(cli, tmp_path, arguments, message):
    assert_refused(cli(*arguments), message)
    assert files(tmp_path) == []


def test_labels_are_needed_for_a_cvae(cli, tmp_path):
    arrays = {name: np.zeros((9, 784), np.uint8) for name in ("x_train", "x_valid", "x_test")}
    np.savez(tmp_path / "binarized_mnist.npz", **arrays)
    result = cli("--dataset", "binarized_mnist", "--data_dir", ".", "--is_cvae")
    assert_refused(result, "--is_cvae: expected labels, but binarized_mnist has none")


def test_mmd_needs_codes_to_compare(cli):
    flags = ["--dataset", "digits", "--limit", "1", "--objective", "mmd"]
    assert_refused(cli(*flags), r"expected at least 2 images in a batch (--batch_size 64), to train (1) and")


LARGE_BATCH = [*QUICK, "--batch_size", "500", "--grid", "12", "--tensorboard"]


def test_a_vae_from_flags_to_files_and_numbers(trained, tmp_path):
    code, out, err = trained(*LARGE_BATCH)
    assert code == 0
    assert "--batch_size 500: there are only 200 training images; batches hold 200" in out
    written = [path for path in files(tmp_path) if "tensorboard" not in path]
    assert written == [
        "model_ckpts/digits_vae/README.md",
        "model_ckpts/digits_vae/config.json",
        "model_ckpts/digits_vae/state.npz",
        "model_ckpts/digits_vae/state.previous.npz",
        "model_ckpts/digits_vae/vae.last.weights.h5",
        "model_ckpts/digits_vae/vae.last.weights.h5.sha256",
        "model_ckpts/digits_vae/vae.weights.h5",
        "model_ckpts/digits_vae/vae.weights.h5.sha256",
        "outputs/digits_vae/interpolation.png",
        "outputs/digits_vae/loss_curve.png",
        "outputs/digits_vae/metrics.jsonl",
        "outputs/digits_vae/reconstructions.png",
        "outputs/digits_vae/report.html",
        "outputs/digits_vae/results.json",
        "outputs/digits_vae/results.txt",
        "outputs/digits_vae/samples.png",
        "outputs/digits_vae/unit_rates.png",
    ]
    assert "report: outputs/digits_vae/report.html\nweights: model_ckpts/digits_vae/\n" in out
    results = json.loads((tmp_path / "outputs/digits_vae/results.json").read_text())
    assert results["test"]["elbo"] == pytest.approx(-results["test"]["distortion"] - results["test"]["rate"])
    assert f"{results['test']['elbo']:.2f}" in out
    assert_results_are_those_of_the_saved_weights(results, tmp_path / "model_ckpts/digits_vae", limit=200)
    assert results["protocol"]["binarization"] == "dynamic"
    assert len(results["protocol"]["weights_sha256"]) == 64
    rows = read_metrics(tmp_path / "outputs/digits_vae/metrics.jsonl")
    assert [row["epoch"] for row in rows if row["split"] == "validation"] == [1, 2]
    assert all(len(row["rate_per_level"]) == 1 for row in rows)
    (loss, distortion, rate), _ = (
        tuple(map(float, found))
        for found in re.findall(
            r"^epoch [12]/2: loss (\S+) = (\S+) \+ (\S+); validation \S+, KL \S+$", out, re.MULTILINE
        )
    )
    assert loss == pytest.approx(distortion + rate, abs=0.11), "the terms on the screen add up"
    assert err == "", "where nobody looks no bar is drawn"


def assert_results_are_those_of_the_saved_weights(results, folder, limit=None):
    """Compute the test ELBO again from the weights, the config and the test images alone."""
    model, config = load_weights(folder)
    test = binarize_once(load_dataset("digits", limit=limit).test, "dynamic", Stream.TEST_BINARIZATION)
    elbo = []
    for index, start in enumerate(range(0, len(test.images), 500)):
        of_batch = take(test, slice(start, start + 500))
        batch = make_batch(of_batch.images, of_batch.labels)
        output = model(batch, noise_seed(config.seed, Stream.EVALUATION_POSTERIOR, index))
        elbo.extend(elbo_terms(output, batch.images).elbo.numpy().tolist())
    assert results["test"]["num_images"] == len(elbo)
    assert results["test"]["elbo"] == pytest.approx(np.mean(elbo), rel=1e-5)


def test_the_best_epoch_is_what_is_evaluated(cli, undrawn, tmp_path, monkeypatch):
    """With a validation loss that rises, the first epoch stays the best."""
    rising = itertools.count(0.0)
    monkeypatch.setattr("experiment.session.LossEvaluator", lambda *_: lambda split: next(rising))
    quick = ["--dataset", "digits", "--num_epochs", "3", "--hidden_sizes", "16", "--learning_rate", "0.01"]
    assert cli(*quick)[0] == 0
    folder = tmp_path / "model_ckpts/digits_vae"
    assert (folder / "vae.weights.h5").read_bytes() != (folder / "vae.last.weights.h5").read_bytes()
    results = json.loads((tmp_path / "outputs/digits_vae/results.json").read_text())
    assert_results_are_those_of_the_saved_weights(results, folder)
    assert results["test"]["num_images"] == 360, "the test images, of which there are twice as many as for validation"


def test_with_validation_images_trained_on_the_last_weights_are_kept(cli, undrawn, tmp_path, monkeypatch):
    """The validation loss rises here, too."""
    rising = itertools.count(0.0)
    monkeypatch.setattr("experiment.session.LossEvaluator", lambda *_: lambda split: next(rising))
    code, shown, _ = cli(*QUICK, "--train_on_validation")
    assert code == 0 and "the last weights are kept" in shown
    folder = tmp_path / "model_ckpts/digits_vae"
    assert (folder / "vae.weights.h5").read_bytes() == (folder / "vae.last.weights.h5").read_bytes()
    protocol = json.loads((tmp_path / "outputs/digits_vae/results.json").read_text())["protocol"]
    assert protocol["training_images"] == 200 + 180, "--limit leaves 180 images to validate"


def test_settings_reach_the_training(cli, undrawn, tmp_path):
    """A learning rate of almost nothing leaves the weights where they began."""
    assert cli(*QUICK, "--learning_rate", "1e-12", "--seed", "3")[0] == 0
    model, config = load_weights(tmp_path / "model_ckpts/digits_vae")
    for weight, initial in zip(model.weights, build_model(config).weights, strict=True):
        np.testing.assert_allclose(weight, initial, atol=1e-8)


def test_a_cvae_learns_what_the_labels_mean(cli, undrawn, tmp_path):
    quick = ["--hidden_sizes", "64", "--num_epochs", "8", "--learning_rate", "0.02"]
    assert cli("--dataset", "digits", "--is_cvae", *quick)[0] == 0
    model, _ = load_weights(tmp_path / "model_ckpts/digits_cvae")
    train = load_dataset("digits").train
    means = np.stack([train.images[train.labels[:, digit] == 1].mean(axis=0) for digit in range(10)]) / 255
    labels = np.repeat(np.eye(10, dtype=np.float32), 20, axis=0)
    images = model.sample(200, noise_seed(0), labels).numpy()
    distances = ((images[:, None] - means[None]) ** 2).sum(axis=(2, 3, 4))
    assert np.mean(distances.argmin(axis=1) == labels.argmax(axis=1)) > 0.8


def test_saved_weights_draw_the_same_pictures_and_give_the_same_elbo(cli, trained, tmp_path):
    trained(*QUICK, "--is_cvae")
    code, out, _ = cli("--dataset", "digits", "--is_cvae", "--load_weights", "--num_epochs", "0")
    assert code == 0
    trained, generated = tmp_path / "outputs/digits_cvae", tmp_path / "outputs/digits_cvae_generated"
    for picture in ("samples", "reconstructions", "interpolation", "classes"):
        assert (trained / f"{picture}.png").read_bytes() == (generated / f"{picture}.png").read_bytes()
    first, again = (json.loads((folder / "results.json").read_text()) for folder in (trained, generated))
    assert first["test"] == again["test"]
    assert first["protocol"]["weights_sha256"] == again["protocol"]["weights_sha256"]
    assert "report: outputs/digits_cvae_generated/report.html" in out and "weights:" not in out
    assert not (tmp_path / "model_ckpts/digits_cvae_generated").exists()


def test_loaded_weights_train_on_in_a_run_of_their_own(cli, trained, tmp_path):
    trained(*QUICK, "--is_cvae")
    before = {path: (tmp_path / path).read_bytes() for path in files(tmp_path)}
    code, out, _ = cli("--dataset", "digits", "--is_cvae", "--load_weights", "--num_epochs", "3")
    assert code == 0 and "model_ckpts/digits_cvae_2/" in out
    assert {path: (tmp_path / path).read_bytes() for path in before} == before, "the older run is untouched"
    first, second = (
        read_metrics(tmp_path / f"outputs/{run}/metrics.jsonl") for run in ("digits_cvae", "digits_cvae_2")
    )
    assert second[0]["loss"] < first[0]["loss"] - 10, "it starts from what was learned"


def test_loaded_weights_do_not_compete_where_a_new_discriminator_would_judge_them(
    trained, cli, undrawn, tmp_path, monkeypatch
):
    monkeypatch.setattr("models.discriminator.NUM_UNITS", 16)
    trained(*QUICK, "--is_cvae")
    flags = ["--objective", "factor_vae", "--num_epochs", "1"]
    code, out, _ = cli("--dataset", "digits", "--is_cvae", "--load_weights", *flags)
    assert code == 0 and "beta total correlation by a discriminator; beta 35" in out
    assert "validation loss of the loaded weights" not in out
    first, second = (load_weights(tmp_path / f"model_ckpts/digits_cvae{end}")[0] for end in ("", "_2"))
    assert [each.shape for each in first.weights] == [each.shape for each in second.weights], "the model alone"
    assert not any(np.array_equal(*pair) for pair in zip(first.weights, second.weights, strict=True))


@pytest.mark.slow
def test_training_that_only_makes_weights_worse_keeps_those_it_began_with(cli, undrawn, tmp_path):
    assert cli("--dataset", "digits", "--num_epochs", "5", "--hidden_sizes", "32")[0] == 0
    code, out, _ = cli("--load_weights", "digits_vae", "--num_epochs", "1", "--learning_rate", "0.3", "--seed", "1")
    assert code == 0 and "validation loss of the loaded weights: " in out
    first, second = (load_weights(tmp_path / f"model_ckpts/digits_vae{end}")[0] for end in ("", "_2"))
    last, _ = load_weights(tmp_path / "model_ckpts/digits_vae_2/vae.last.weights.h5")
    for one, other, trained in zip(first.weights, second.weights, last.weights, strict=True):
        np.testing.assert_array_equal(one, other)
        assert not np.array_equal(one, trained)


def test_ctrl_c_in_the_evaluation_says_what_is_saved(cli, undrawn, trained, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    trained(*QUICK)
    monkeypatch.setattr("experiment.run.measure_further", interrupt)
    code, out, _ = cli("--resume", "digits_vae", "--evaluate")
    assert code == 130 and "evaluate again with: python assignment.py --resume digits_vae" in out
    assert "digits_vae: already finished; it is evaluated again\n" in out
    assert (tmp_path / "outputs/digits_vae/results.json").is_file()


def test_a_run_of_the_same_name_does_not_touch_the_older_one(cli, undrawn, trained, tmp_path):
    trained(*QUICK)
    before = {path: (tmp_path / path).read_bytes() for path in files(tmp_path)}
    assert cli(*QUICK, "--seed", "1")[0] == 0
    assert {path: (tmp_path / path).read_bytes() for path in before} == before
    assert (tmp_path / "model_ckpts/digits_vae_2/vae.weights.h5").is_file()


def test_a_run_that_diverges_says_so_and_does_not_hide_the_older_one(cli, undrawn, trained, tmp_path):
    trained(*QUICK)
    code, _, err = cli(*QUICK, "--learning_rate", "1e25")
    assert code == 2 and err.count("\n") == 1
    assert err.startswith("assignment.py: error: ") and err.endswith("with a lower --learning_rate\n")
    assert cli("--dataset", "digits", "--load_weights", "--num_epochs", "0")[0] == 0


@pytest.mark.slow
def test_a_batch_larger_than_the_data_stays_as_it_was_given(cli, trained):
    trained(*LARGE_BATCH)
    assert cli(*QUICK[:-4], "--hidden_sizes", "16", "--batch_size", "500", "--resume", "--num_epochs", "3")[0] == 0


@pytest.mark.slow
def test_what_does_not_fit_into_memory_is_said_in_one_line(run_cli):
    finished = run_cli("--dataset", "digits", "--hidden_sizes", "2000000000")
    assert finished.returncode == 2
    last_line = finished.stderr.splitlines()[-1]  # after a warning of Keras
    assert last_line.startswith("assignment.py: error: out of memory: expected a model and a batch that fit")
    assert "Traceback" not in finished.stderr


def test_the_python_example_of_the_readme_runs(tmp_path, monkeypatch):
    shutil.copytree(PROJECT / "model_ckpts/cvae_1l", tmp_path / "model_ckpts/cvae_1l")
    (example,) = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert len(example.strip().splitlines()) <= 10
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    assert (tmp_path / "digits.png").is_file()


def test_damaged_or_other_weights_are_refused(cli, undrawn, trained, tmp_path):
    trained(*QUICK)
    before = files(tmp_path)
    generate = ["--dataset", "digits", "--load_weights", "--num_epochs", "0"]
    assert_refused(cli(*generate, "--latent_size", "3"), "the saved weights were made with --latent_size 15")
    weights = tmp_path / "model_ckpts/digits_vae/vae.weights.h5"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    assert_refused(cli(*generate), "vae.weights.h5: its checksum is not the one in vae.weights.h5.sha256")
    weights.unlink()
    assert_refused(cli(*generate), "vae.weights.h5: no such file; expected the weights of a trained vae")
    weights.write_bytes(content)
    (weights.parent / "config.json").write_text("{")
    assert_refused(cli(*generate), "config.json: expected the JSON settings of a run, found a damaged file")
    assert files(tmp_path) == before


def test_labels_of_the_data_must_be_those_of_the_weights(cli, trained, tmp_path):
    trained(*QUICK, "--is_cvae")
    config = tmp_path / "model_ckpts/digits_cvae/config.json"
    saved = unsealed(config.read_text())
    config.write_text(sealed({**saved, "label_names": [*saved["label_names"][:-1], "nine"]}))
    result = cli("--load_weights", "digits_cvae", "--num_epochs", "0")
    assert_refused(result, "the saved weights expect images (28, 28, 1) and labels")


@pytest.mark.parametrize("blocked", ["outputs", "model_ckpts"])
def test_folders_that_cannot_be_written_are_named(cli, tmp_path, blocked):
    (tmp_path / blocked).write_text("a file where the folder should be")
    result = cli(*QUICK)
    assert_refused(result, blocked)
    assert files(tmp_path) == [blocked]


def test_a_full_disk_ends_in_one_line_and_leaves_no_half_written_file(run_cli, tmp_path):
    resource = pytest.importorskip("resource")  # limits of a process, which Windows does not have

    def no_file_beyond_100_kilobytes():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    finished = run_cli(*QUICK, preexec_fn=no_file_beyond_100_kilobytes)
    assert finished.returncode == 2
    last_line = finished.stderr.splitlines()[-1]
    assert last_line.startswith("assignment.py: error: ") and "File too large" in last_line
    assert "Traceback" not in finished.stderr
    assert not [path for path in files(tmp_path) if ".tmp" in path or path.endswith((".h5", ".npz"))]


@pytest.mark.slow
@pytest.mark.parametrize("network, at_least", [("mlp", -102.5), ("conv", -98.5)])
def test_mnist_reaches_its_number(tmp_path, real_data, network, at_least):
    flags = ["--num_epochs", "10", "--batch_size", "128", "--latent_size", "15", "--network", network]
    command = [sys.executable, assignment.__file__, "--data_dir", str(real_data("mnist")), *flags]
    subprocess.run(command, cwd=tmp_path, check=True, env=os.environ)
    results = json.loads((tmp_path / "outputs/mnist_vae/results.json").read_text())
    assert results["test"]["elbo"] >= at_least
    assert results["test"]["num_images"] == 10_000


@pytest.mark.slow
def test_a_classifier_recognises_what_the_cvae_draws(tmp_path, real_data):
    flags = ["--is_cvae", "--network", "conv", "--evaluate", "--iw_samples", "10"]
    command = [sys.executable, assignment.__file__, "--data_dir", str(real_data("mnist")), *flags]
    subprocess.run(command, cwd=tmp_path, check=True, env=os.environ)
    test = json.loads((tmp_path / "outputs/mnist_cvae/results.json").read_text())["test"]
    assert test["classifier_accuracy"] >= 0.98 and test["recognised"] >= 0.97 and test["bayes_accuracy"] >= 0.95
