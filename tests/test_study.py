"""A study on the command line, from its runs to its report."""

import json

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files

from experiment.checkpoints import load_weights

STUDY = [*QUICK, "--beta", "1", "4", "--seeds", "0", "1"]
NAME = "digits_vae_beta_1_4_seeds_0_1"


@pytest.fixture
def finished(cli):
    code, out, _ = cli(*STUDY)
    assert code == 0
    return out


def test_a_study_trains_compares_and_is_not_trained_twice(finished, cli, tmp_path):
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


def test_a_run_of_a_study_is_that_of_its_own_command(finished, cli, tmp_path):
    """Bit for bit, though other runs were trained in the same process before it."""
    assert cli(*QUICK, "--beta", "4", "--seed", "1", "--run_name", "alone")[0] == 0
    of_study, alone = (load_weights(f"model_ckpts/{run}")[0] for run in ("digits_vae_beta4_seed1", "alone"))
    for ours, theirs in zip(of_study.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_study_goes_on_where_it_was_stopped(cli, tmp_path, monkeypatch):
    flags = [*QUICK, "--seeds", "0", "1"]
    with monkeypatch.context() as patched:
        patched.setattr("experiment.study.run_experiment", stop_after_one())
        code, out, _ = cli(*flags)
    assert code == 130 and "the same command continues the study" in out
    assert not (tmp_path / "outputs/digits_vae_seeds_0_1").exists()
    code, out, _ = cli(*flags)
    assert code == 0 and out.count(", done before") == 1


def stop_after_one():
    from experiment.run import run_experiment

    calls = []

    def run(config, resumed):
        calls.append(config)
        return run_experiment(config, resumed) if len(calls) == 1 else False

    return run


def test_longer_studies_train_on(cli, tmp_path):
    flags = [*QUICK, "--seeds", "0"]
    assert cli(*flags)[0] == 0
    code, out, _ = cli(*flags, "--num_epochs", "3")
    assert code == 0 and "done before" not in out
    results = json.loads((tmp_path / "outputs/digits_vae_seed0/results.json").read_text())
    assert results["protocol"]["epochs"] == 3


def test_runs_with_other_settings_are_not_taken_for_the_studys(cli, tmp_path):
    assert cli(*QUICK, "--seeds", "0")[0] == 0
    result = cli(*QUICK, "--seeds", "0", "--learning_rate", "0.1")
    assert_refused(result, "digits_vae_seed0: was trained with --learning_rate 0.001, the study asks for")
    (tmp_path / "outputs/digits_vae_seed7").mkdir()
    assert_refused(cli(*QUICK, "--seeds", "7"), "digits_vae_seed7: expected a run of this study with its state.npz")
