"""A study on the command line, from its runs to its report."""

import json

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files
from PIL import Image

from experiment.files.checkpoints import load_weights
from experiment.training.interruption import Interruption

STUDY = [*QUICK, "--beta", "1", "4", "--seeds", "0", "1"]
NAME = "digits_vae_beta_1_4_seeds_0_1"


def test_a_study_trains_compares_and_is_not_trained_twice(cli, undrawn, trained, tmp_path):
    code, finished, _ = trained(*STUDY)
    assert code == 0
    runs = [f"digits_vae_beta{beta}_seed{seed}" for beta in (1, 4) for seed in (0, 1)]
    assert files(tmp_path / "outputs" / NAME) == [
        "loss_curves.png",
        "numbers.png",
        "rate_distortion.png",
        "reconstructions.png",
        "report.html",
        "samples.png",
        "study.json",
        "study.md",
    ]
    study = json.loads((tmp_path / "outputs" / NAME / "study.json").read_text())
    assert list(study["runs"]) == runs
    elbos = []
    for run in runs:
        results = json.loads((tmp_path / "outputs" / run / "results.json").read_text())
        assert study["runs"][run]["test"] == results["test"]
        elbos.append(results["test"]["elbo"])
    mean = study["means"]["beta 1"]["elbo"]
    # Two values: the interval is t_{0.975, 1} = 12.7062 times half their distance.
    assert mean["mean"] == pytest.approx(np.mean(elbos[:2]))
    assert mean["half_width"] == pytest.approx(12.7062 * abs(elbos[0] - elbos[1]) / 2, rel=1e-4)
    table = (tmp_path / "outputs" / NAME / "study.md").read_text()
    assert table in finished and f"| beta 1 | {mean['mean']:.2f} +- {mean['half_width']:.2f} |" in table
    report = (tmp_path / "outputs" / NAME / "report.html").read_text()
    assert f"{mean['mean']:.2f} +- {mean['half_width']:.2f}" in report and f"../{runs[3]}/report.html" in report

    before = {path: (tmp_path / path).read_bytes() for path in files(tmp_path) if "model_ckpts" in path}
    code, out, _ = cli(*STUDY)
    assert code == 0 and out.count(", done before") == 4
    assert before == {path: (tmp_path / path).read_bytes() for path in files(tmp_path) if "model_ckpts" in path}


def test_a_run_of_a_study_is_that_of_its_own_command(cli, undrawn, trained):
    """Bit for bit, though another run was trained in the same process before it."""
    trained(*STUDY)
    assert cli(*QUICK, "--beta", "4", "--run_name", "alone")[0] == 0
    of_study, alone = (load_weights(f"model_ckpts/{run}")[0] for run in ("digits_vae_beta4_seed0", "alone"))
    for ours, theirs in zip(of_study.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


class StopsSoon(Interruption):
    """As if the user pressed Ctrl-C in the first epoch of the second run."""

    num_asked = 0

    @property
    def requested(self):
        StopsSoon.num_asked += 1
        return StopsSoon.num_asked > 2  # it is asked at the end of every epoch

    @requested.setter
    def requested(self, value):
        pass


def test_a_named_study_goes_on_where_it_was_stopped(cli, undrawn, uncompared, trained, tmp_path, monkeypatch):
    flags = [*QUICK, "--seeds", "0", "1", "--run_name", "mine"]
    with monkeypatch.context() as patched:
        patched.setattr("experiment.session.Interruption", StopsSoon)
        code, out, _ = cli(*flags)
    assert code == 130 and "the same command continues the study" in out
    assert not (tmp_path / "outputs/mine_seeds_0_1").exists()
    code, out, _ = cli(*flags)
    assert code == 0 and out.count(", done before") == 1
    trained(*QUICK, "--seeds", "0", "1")
    continued, whole = (load_weights(f"model_ckpts/{run}")[0] for run in ("mine_seed1", "digits_vae_seed1"))
    for ours, theirs in zip(continued.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_asked_for_later_is_made_up_for(cli, undrawn, uncompared, few_frames, trained, tmp_path):
    flags = [*QUICK, "--seeds", "0", "1"]
    trained(*flags)
    folder = tmp_path / "outputs/digits_vae_seed0"
    code, out, _ = cli(*flags, "--traverse", "0", "--iw_samples", "3")
    assert code == 0 and "done before" not in out and "IW bound with K = 3" in out
    assert (folder / "traversal_0.png").is_file()
    (folder / "results.json").write_text("{")
    (tmp_path / "outputs/digits_vae_seed1/report.html").unlink()
    code, out, _ = cli(*flags)  # both are measured again, and nothing that was asked for before is lost
    assert code == 0 and "done before" not in out and "IW bound with K = 3" in out
    assert cli(*flags)[1].count("done before") == 2


def test_runs_on_other_images_are_not_taken_for_the_studys(cli, undrawn, uncompared, tmp_path):
    generator = np.random.default_rng(0)
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        for index in range(30):
            pixels = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{index}.png")
    flags = [
        "--dataset",
        "folder",
        "--image_size",
        "16",
        "--network",
        "mlp",
        "--hidden_sizes",
        "8",
        "--num_epochs",
        "1",
    ]
    flags += ["--cache_dir", "cache", "--seeds", "0"]
    assert cli(*flags, "--data_dir", "one")[0] == 0
    code, _, err = cli(*flags, "--data_dir", "other")
    assert code == 2 and "folder_vae_seed0: was trained on other images than these" in err.splitlines()[-1]
    (tmp_path / "one").rename(tmp_path / "moved")
    code, out, _ = cli(*flags, "--data_dir", "moved")
    assert code == 0 and "done before" in out


def test_longer_studies_train_on(cli, undrawn, uncompared, trained, tmp_path):
    trained(*QUICK, "--seeds", "0", "1")
    code, out, _ = cli(*QUICK, "--seeds", "0", "--num_epochs", "3")
    assert code == 0 and "done before" not in out
    results = json.loads((tmp_path / "outputs/digits_vae_seed0/results.json").read_text())
    assert results["protocol"]["epochs"] == 3


def test_runs_with_other_settings_are_not_taken_for_the_studys(cli, undrawn, uncompared, trained, tmp_path):
    trained(*QUICK, "--seeds", "0", "1")
    result = cli(*QUICK, "--seeds", "0", "--learning_rate", "0.1")
    assert_refused(result, "digits_vae_seed0: was trained with --learning_rate 0.001, the study asks for")
    (tmp_path / "outputs/digits_vae_seed7").mkdir()
    (tmp_path / "outputs/digits_vae_seed7/mine.txt").write_text("not to be lost")
    assert_refused(cli(*QUICK, "--seeds", "7"), "digits_vae_seed7: expected a run of this study with its state.npz")
