"""Advice through the command line: after a run, in its files, and from the doctor."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files
from PIL import Image

from atomic_files import sealed, unsealed

PROJECT = Path(__file__).resolve().parents[2]
SAID = "The model was trained for few steps"
HOW = "seen in: 6 steps of 64 images in 2 epochs"


@pytest.fixture
def run(trained, undrawn):
    """A short run's output."""
    code, out, _ = trained(*QUICK)
    assert code == 0
    return out


def test_a_run_ends_with_advice_on_the_screen_in_its_results_and_in_its_report(run):
    assert run.index("ELBO") < run.index("\nAdvice\n") < run.index(SAID) < run.index(HOW) < run.index("report:")
    results = json.loads(Path("outputs/digits_vae/results.json").read_text())
    (few,) = (each for each in results["advice"] if each["text"] == SAID)
    assert few["flag"] == "--num_epochs 667" and f"seen in: {few['evidence']}" == HOW
    report = Path("outputs/digits_vae/report.html").read_text()
    assert report.index("<h2>Numbers") < report.index("<h2>Advice") < report.index(SAID) < report.index("<h2>Protocol")


@pytest.mark.parametrize("name", ["digits_vae", "model_ckpts/digits_vae", "outputs/digits_vae", None])
def test_the_doctor_says_the_same_and_writes_nothing(run, cli, tmp_path, name):
    before = files(tmp_path)
    chosen = ["--doctor", name] if name else ["--doctor", "--dataset", "digits"]
    code, out, _ = cli(*chosen)
    assert code == 0 and files(tmp_path) == before
    advice = run[run.index("Advice") : run.index("\n\nreport:")]
    assert advice in out
    assert "2 times, less than 5, so not for: overfitting; a validation loss that still falls; a gap" in out
    assert "no marginal_kl_at_least, which --evaluate measures, so not for: samples far from the data" in out


def test_the_doctor_does_without_what_is_lost(run, cli):
    shutil.rmtree("outputs")
    code, out, _ = cli("--doctor", "digits_vae")
    assert code == 0
    assert "it has no metrics.jsonl" in out and "There are few training images" in out and SAID not in out


def test_the_doctor_leaves_the_numbers_of_fewer_epochs_alone(run, cli):
    settings = Path("model_ckpts/digits_vae/config.json")
    settings.write_text(sealed({**unsealed(settings.read_text()), "num_epochs": 5}))  # as --resume, then Ctrl-C, does
    code, out, _ = cli("--doctor", "digits_vae")
    assert code == 0 and "it has no results yet, or they are of fewer epochs, so not for: too large a beta" in out


def test_shipped_weights_need_no_images_and_no_advice(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in ("vae_1l", "vae_2l", "cvae_1l"):
        code, out, _ = cli("--doctor", PROJECT / "model_ckpts" / name, "--data_dir", tmp_path / "nowhere")
        assert code == 0
        assert "its images are not at hand, so not for: values in another range" in out and "nowhere" in out
        assert "nothing was found that needs mending" in out


def test_the_doctor_looks_at_the_images_that_were_trained_on_alone(cli, undrawn, tmp_path):
    generator = np.random.default_rng(0)
    (tmp_path / "masks").mkdir()
    for index in range(20):
        Image.fromarray(generator.integers(0, 2, (16, 16), np.uint8)).save(tmp_path / f"masks/{index}.png")
    network = ["--network", "mlp", "--hidden_sizes", "8", "--image_size", "16", "--num_epochs", "1"]
    code, out, _ = cli("--dataset", "folder", "--data_dir", "masks", "--cache_dir", "cache", *network)
    assert code == 0 and "The images are almost black" in out
    assert "The images are almost black" in cli("--doctor", "folder_vae")[1]
    Image.fromarray(np.full((16, 16), 200, np.uint8)).save(tmp_path / "masks/0.png")
    code, out, _ = cli("--doctor", "folder_vae")
    assert code == 0 and "they are not those that it was trained on" in out and "almost black" not in out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--doctor"], "no saved run of dataset mnist and model vae"),
        (["--doctor", "nothing"], "nothing: expected a run with its config.json"),
        (["--doctor", "nothing", "--beta", "4"], "--doctor with --beta: expected at most --cache_dir"),
        (["--doctor", "nothing", "--resume"], "--doctor with --resume: expected one of them"),
        (["--doctr"], "did you mean --doctor?"),
    ],
)
def test_what_the_doctor_refuses(cli, arguments, message):
    assert_refused(cli(*arguments), message)
