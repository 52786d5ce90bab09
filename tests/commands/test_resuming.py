"""A run that was stopped, killed or loaded goes on, to the same bits."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import QUICK, assert_refused, files

import assignment
from data_utils import load_dataset
from experiment.files.checkpoints import load_weights
from experiment.files.records import read_metrics
from experiment.session import AfterEpoch
from experiment.settings.presets import PRESETS
from models.distributions import Batch


@pytest.mark.slow
def test_a_run_from_loaded_weights_can_be_resumed_and_a_resumed_run_loaded(cli, undrawn, trained, tmp_path):
    trained(*QUICK)
    assert cli("--dataset", "digits", "--load_weights", "--num_epochs", "1")[0] == 0
    (tmp_path / "model_ckpts/digits_vae/vae.weights.h5").unlink()
    assert json.loads(Path("model_ckpts/digits_vae_2/config.json").read_text())["precision"] == "float32", "auto"
    code, out, _ = cli("--resume", "digits_vae_2", "--num_epochs", "2")
    assert code == 0 and re.search(r"digits_vae_2: continues at step \d+ of \d+, after epoch 1 of 2\n", out)
    assert cli("--load_weights", "digits_vae_2", "--num_epochs", "0")[0] == 0
    assert_refused(cli("--resume", "digits_vae_2", "--num_epochs", "1"), "digits_vae_2 has made 2 epochs already")
    assert_refused(cli("--resume", "digits_vae_2", "--num_epochs", "0"), "--num_epochs 0")
    assert_refused(cli("--resume", "digits_vae_2", "--beta", "4"), "a resumed run keeps --beta 1.0")


@pytest.mark.slow
def test_a_preset_trains_its_first_stage_or_continues_it(cli, undrawn, tmp_path, monkeypatch):
    first, second = "static_vae_1l", "static_dreg_1l_k50"
    tiny = {"dataset": "digits", "limit": 100, "hidden_sizes": (4,), "num_epochs": 2}
    monkeypatch.setitem(PRESETS, first, PRESETS[first]._replace(settings=tiny))
    monkeypatch.setitem(
        PRESETS,
        second,
        PRESETS[second]._replace(settings={"load_weights": first, "objective": "iwae", "num_epochs": 1}),
    )
    asked = "--preset", second, "--seed", "3"
    first_run, second_run = f"{first}_seed3", f"{second}_seed3"
    code, out, _ = cli(*asked)
    assert code == 0 and f"{second} begins with the weights of {first_run}: 2 epochs, now" in out
    configs = [json.loads((tmp_path / f"model_ckpts/{run}/config.json").read_text()) for run in (first_run, second_run)]
    assert [config["seed"] for config in configs] == [3, 3] and configs[1]["objective"] == "iwae"
    ended = (tmp_path / f"model_ckpts/{first_run}/state.npz").read_bytes()
    assert "begins with the weights" not in cli(*asked)[1]
    refusal = f"{first_run}, which was trained with --limit 100; expected with --limit 50; give --limit 100, or move"
    assert_refused(cli(*asked, "--limit", "50"), refusal)
    refusal = "trained without --train_on_validation; expected with --train_on_validation; leave --train_on_validation"
    assert_refused(cli(*asked, "--train_on_validation"), refusal)

    (tmp_path / f"outputs/{first_run}/results.json").unlink()  # as if it had been stopped
    code, out, _ = cli(*asked)
    assert (
        code == 0
        and f"{first_run}: already finished; it is evaluated again" in out
        and (tmp_path / f"outputs/{second_run}_3").is_dir()
    )
    assert (tmp_path / f"model_ckpts/{first_run}/state.npz").read_bytes() == ended

    (tmp_path / f"outputs/{first_run}/results.json").unlink()
    for state in (tmp_path / f"model_ckpts/{first_run}").glob("state*"):
        state.unlink()
    weights = (tmp_path / f"model_ckpts/{first_run}/vae.weights.h5").read_bytes()
    assert_refused(cli(*asked), f"it begins with model_ckpts/{first_run}, which has weights, but neither")
    assert (tmp_path / f"model_ckpts/{first_run}/vae.weights.h5").read_bytes() == weights


def test_a_first_stage_is_the_model_that_the_preset_names(cli, undrawn, trained, monkeypatch):
    trained(*QUICK, "--run_name", "static_vae_1l")
    refusal = "static_vae_1l, which was trained with --dataset digits; expected with --dataset binarized_mnist; move"
    assert_refused(cli("--preset", "static_dreg_1l_k50"), refusal)


@pytest.mark.slow
def test_a_run_keeps_its_precision_and_exports_float32(cli, undrawn):
    flags = [*QUICK[:4], "--hidden_sizes", "4", "--network", "conv", "--num_epochs", "1"]
    assert cli(*flags, "--precision", "mixed_bfloat16")[0] == 0
    code, out, _ = cli("--resume", "digits_vae", "--num_epochs", "2", "--export", "savedmodel")
    assert code == 0 and "trained in mixed_bfloat16, evaluated in float32" in out
    assert json.loads(Path("model_ckpts/digits_vae/config.json").read_text())["precision"] == "mixed_bfloat16"
    results = json.loads(Path("outputs/digits_vae/results.json").read_text())
    assert results["protocol"]["precision"] == "trained in mixed_bfloat16, evaluated in float32"
    assert "precision: trained in mixed_bfloat16" in Path("model_ckpts/digits_vae/README.md").read_text()
    encoder = tf.saved_model.load("outputs/digits_vae/export/savedmodel").signatures["encoder"]
    images = tf.random.stateless_uniform((5, 28, 28, 1), seed=(0, 0))
    exact = load_weights("model_ckpts/digits_vae")[0].encode(Batch(images))[0]
    np.testing.assert_allclose(encoder(images=images)["mean_z"], exact, rtol=1e-4, atol=1e-5)
    message = "a resumed run keeps --precision mixed_bfloat16"
    assert_refused(cli("--resume", "digits_vae", "--precision", "float32"), message)


def test_a_resumed_run_must_see_the_same_images(cli, undrawn, trained, tmp_path, monkeypatch):
    trained(*QUICK)
    digits = load_dataset("digits", limit=200)
    other = digits._replace(fingerprint="another")
    monkeypatch.setattr("experiment.files.data.load_dataset", lambda *_: other)
    result = cli("--resume", "digits_vae", "--num_epochs", "3")
    assert_refused(result, "the images are not those that it began with")


def start(tmp_path, *arguments):
    command = [sys.executable, assignment.__file__, *map(str, arguments)]
    return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_rows(path, count, process):
    deadline = time.monotonic() + 120
    while len(read_metrics(path)) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


STEADY = ["--dataset", "digits", "--limit", "100", "--hidden_sizes", "16", "--batch_size", "8", "--save_seconds", "0"]


def test_ctrl_c_saves_and_says_how_to_continue(tmp_path, cli, undrawn):
    process = start(tmp_path, *STEADY, "--num_epochs", "2000")
    metrics = tmp_path / "outputs/digits_vae/metrics.jsonl"
    wait_for_rows(metrics, 2, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(
        r"stopped at step [\d,]+ of [\d,]+, (in|after) epoch \d+ of 2000; continue with: python assignment.py --resume",
        out,
    )
    assert "Traceback" not in err
    last = read_metrics(metrics)[-1]["epoch"]
    assert cli("--resume", "digits_vae", "--num_epochs", last + 1)[0] == 0
    assert read_metrics(metrics)[-1]["epoch"] == last + 1


def test_ctrl_c_before_the_first_step_says_how_to_continue(cli, undrawn, trained, monkeypatch):
    trained(*QUICK)
    monkeypatch.setattr(AfterEpoch, "enter_first_weights", lambda _: signal.raise_signal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    code, out, _ = cli("--load_weights", "digits_vae", "--num_epochs", "2")
    signal.signal(signal.SIGINT, before)
    assert code == 130 and "continue with: python assignment.py --resume digits_vae_2" in out


@pytest.mark.slow
@pytest.mark.xla
def test_a_run_killed_at_three_random_times_ends_with_the_same_bits(tmp_path, cli, undrawn, monkeypatch):
    flags = [*STEADY, "--num_epochs", "16"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    monkeypatch.chdir(whole)
    assert cli(*flags)[0] == 0
    metrics = killed / "outputs/digits_vae/metrics.jsonl"
    total = len(read_metrics(whole / "outputs/digits_vae/metrics.jsonl"))
    seed = time.time_ns()
    print(f"times of the kills: seed {seed}")  # shown where the test fails
    generator = np.random.default_rng(seed)
    seen = 0
    for attempt in range(3):
        process = start(killed, *(flags if attempt == 0 else ["--resume", "digits_vae"]))
        seen = min(seen + int(generator.integers(1, total // 5)), total - 4)
        wait_for_rows(metrics, seen, process)
        time.sleep(generator.uniform(0, 0.1))
        process.kill()
        process.communicate()
        seen = len(read_metrics(metrics))
    monkeypatch.chdir(killed)
    assert cli("--resume", "digits_vae")[0] == 0
    configs = [(folder / "model_ckpts/digits_vae/config.json").read_bytes() for folder in (whole, killed)]
    assert configs[0] == configs[1]
    for name in ("vae.weights.h5", "vae.last.weights.h5"):
        models = [load_weights(folder / "model_ckpts/digits_vae" / name)[0] for folder in (whole, killed)]
        for ours, theirs in zip(*(model.weights for model in models), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    states = [np.load(folder / "model_ckpts/digits_vae/state.npz") for folder in (whole, killed)]
    assert states[0].files == states[1].files
    for name in states[0].files:
        np.testing.assert_array_equal(states[0][name], states[1][name], err_msg=name)
    rows = [read_metrics(folder / "outputs/digits_vae/metrics.jsonl") for folder in (whole, killed)]
    for row in rows[0] + rows[1]:
        row.pop("images_per_second", None)
    assert rows[0] == rows[1]
    assert not [path for path in files(killed) if ".tmp" in path]
