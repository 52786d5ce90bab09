"""A study on the command line, from its runs to its report."""

import json
import shutil

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files
from PIL import Image

from atomic_files import sealed, unsealed
from experiment.files.checkpoints import load_weights
from experiment.training.terminal import Interruption

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


@pytest.mark.slow
def test_a_run_in_a_process_of_its_own_has_the_same_bits(cli, undrawn, uncompared, tmp_path):
    flags = [*QUICK[:-1], "4", "--network", "conv", "--seeds", "1"]
    assert cli(*flags)[0] == 0
    kept = tmp_path / "kept"
    (tmp_path / "model_ckpts/digits_vae_seed1").rename(kept)
    shutil.rmtree(tmp_path / "outputs")
    code, out, err = cli(*flags, "--jobs", "2")
    assert code == 0, err
    assert "run 1 of 1 done: digits_vae_seed1, test ELBO -" in out
    assert "epoch 2/2" not in out and "epoch 2/2" in (tmp_path / "outputs/digits_vae_seed1/train.log").read_text()
    states = [np.load(folder / "state.npz") for folder in (kept, tmp_path / "model_ckpts/digits_vae_seed1")]
    assert states[0].files == states[1].files
    for name in states[0].files:
        np.testing.assert_array_equal(states[0][name], states[1][name], err_msg=name)


@pytest.mark.slow
def test_a_single_run_of_a_study_is_trained_beside_others(cli, undrawn, uncompared, trained, tmp_path):
    """As tasks of an array job do, which begin at the same time."""
    flags = [*QUICK, "--seeds", "0", "1"]
    trained(*flags)
    folders = [tmp_path / room / "digits_vae_seed1" for room in ("model_ckpts", "outputs")]
    before = files(folders[0])
    for folder in folders:
        shutil.rmtree(folder)
    shutil.rmtree(tmp_path / "outputs/digits_vae_seeds_0_1")
    state = tmp_path / "model_ckpts/digits_vae_seed0/state.npz"
    half_made = state.rename(state.with_name(".tmp-state.npz"))
    state.with_name("state.previous.npz").unlink()
    code, out, _ = cli(*flags, "--member", "2")
    assert code == 0 and "digits_vae_seeds_0_1: run 2 of 2\n" in out and "without --member compares them" in out
    assert files(folders[0]) == before and not (tmp_path / "outputs/digits_vae_seeds_0_1").exists()
    assert_refused(cli(*flags, "--member", "1"), "digits_vae_seed0: expected a run of this study with its state.npz")
    half_made.rename(state)
    code, out, _ = cli(*flags, "--member", "1")
    assert code == 0 and "epoch" not in out
    code, out, _ = cli(*flags)
    assert code == 0 and out.count(", done before") == 2 and (tmp_path / "outputs/digits_vae_seeds_0_1").exists()


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


GRID = [*QUICK, "--latent_size", "3", "2", "--beta", "1", "4"]


@pytest.mark.slow
def test_a_grid_has_every_combination_and_says_so_before_it_begins(cli, undrawn, trained, tmp_path):
    code, out, _ = trained(*GRID)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert out.startswith("digits_vae_latent_size_3_2_beta_1_4: 4 runs, 4 of them to train\n")
    assert lines[1:6] == [
        ["member", "run", "latent_size", "beta", "state"],
        ["1", "digits_vae_latent_size3_beta1", "3", "1", "new"],
        ["2", "digits_vae_latent_size3_beta4", "3", "4", "new"],
        ["3", "digits_vae_latent_size2_beta1", "2", "1", "new"],
        ["4", "digits_vae_latent_size2_beta4", "2", "4", "new"],
    ]
    assert out.splitlines()[6] == "time: no run to go by; an estimate comes after the first one"
    assert out.count(" at this pace") == 3 and "left: 3 of 4 runs, about" in out
    folder = tmp_path / "outputs/digits_vae_latent_size_3_2_beta_1_4"
    study = json.loads((folder / "study.json").read_text())
    assert [(run["latent_size"], run["beta"]) for run in study["runs"].values()] == [
        ([size], beta) for size in (3, 2) for beta in (1.0, 4.0)
    ]
    assert (folder / "heat_map.png").is_file() and "latent_size 2, beta 4" in study["means"]
    best = max(study["means"], key=lambda group: study["means"][group]["elbo"]["mean"])
    report = (folder / "report.html").read_text()
    assert f"Best ELBO: {best}, " in out and f"Best ELBO: {best}, " in report and "--seeds 0 1 2 shows" in report
    for room in ("model_ckpts", "outputs"):
        shutil.rmtree(tmp_path / room / "digits_vae_latent_size2_beta4")
    code, out, _ = cli(*GRID)
    assert code == 0 and out.count(", done before") == 3 and "4 runs, 1 of them to train" in out
    assert "time: about" in out and "by the records of the runs that are done" in out


def test_a_run_that_cannot_be_is_refused_before_any_is_trained(cli, tmp_path):
    flags = [*QUICK[:-2], "--network", "conv", "--hidden_sizes", "4,4", "4,4,4,4,4"]
    code, _, err = cli(*flags)
    assert code == 2 and "digits_vae_hidden_sizes4-4-4-4-4: images of 28x28 pixels" in err
    assert_refused(cli(*QUICK, "--beta", "1", "-1"), "the run with --beta -1.0: --beta -1.0: expected a number")
    assert files(tmp_path) == []


def test_runs_that_exist_are_compared_as_a_study_is(cli, undrawn, trained, tmp_path):
    trained(*STUDY)
    runs = ["digits_vae_beta1_seed0", "digits_vae_beta4_seed0"]
    before = {path: (tmp_path / path).read_bytes() for path in files(tmp_path)}
    code, out, _ = cli("--compare", runs[0], f"outputs/{runs[1]}", "--run_name", "mine")
    assert code == 0 and "0 of them to train" in out
    new = {path for path in files(tmp_path) if "outputs/mine/" in path}
    assert before == {path: (tmp_path / path).read_bytes() for path in {*files(tmp_path)} - new}
    names = ["loss_curves.png", "numbers.png", "rate_distortion.png", "reconstructions.png"]
    assert files(tmp_path / "outputs/mine") == [*names, "report.html", "samples.png", "study.json", "study.md"]
    ours, theirs = (json.loads((tmp_path / f"outputs/{name}/study.json").read_text()) for name in ("mine", NAME))
    assert ours["runs"] == {run: theirs["runs"][run] for run in runs}


def test_runs_without_common_images_or_numbers_are_not_compared(cli, undrawn, trained, tmp_path):
    trained(*STUDY)
    run, other = "digits_vae_beta1_seed0", "digits_vae_beta4_seed0"
    assert_refused(cli("--compare", run), f"--compare {run}: expected two or more runs, all different")
    assert_refused(cli("--compare", run, f"model_ckpts/{run}"), "expected two or more runs, all different")
    assert_refused(cli("--compare", run, other, "--beta", "3"), "--compare with --beta: it compares runs as they are")
    assert_refused(cli("--compare", run, other, "--jobs", "2"), "--compare with --jobs: it compares runs as they are")
    assert_refused(cli("--compare", run, other, "--run_name", run), f"--run_name {run}: is the name of a run")
    assert_refused(cli("--compare", run, "none"), "none: expected a run with its config.json, found none")
    path = tmp_path / "model_ckpts" / other / "config.json"
    settings = unsealed(path.read_text())
    path.write_text(sealed({**settings, "data_fingerprint": "00000000"}))
    assert_refused(
        cli("--compare", run, other),
        f"--compare {other}: expected the test images of {run}, but the checksum of the images is 00000000, there",
    )
    path.write_text(sealed(settings))
    message = f"--compare {other}: expected a run that was evaluated at its end, in results.json; end it with python"
    path.write_text(sealed({**settings, "num_epochs": 3}))  # stopped, after it was to be trained longer
    assert_refused(cli("--compare", run, other), message)
    path.write_text(sealed(settings))
    (tmp_path / "outputs" / other / "results.json").unlink()
    assert_refused(cli("--compare", run, other), message)


@pytest.mark.slow
def test_a_run_that_diverges_is_named_and_the_others_are_compared(cli, undrawn, uncompared, tmp_path):
    code, out, err = cli(*QUICK, "--beta", "1", "1e29", "4")
    assert code == 0, err
    (card,) = (tmp_path / "outputs").glob("*/study.json")
    card = json.loads(card.read_text())
    assert set(card["runs"]) == {"digits_vae_beta1", "digits_vae_beta4"}
    assert "not finite" in card["left_out"]["digits_vae_beta1e+29"] and "left out: digits_vae_beta1e+29" in out
