"""--track and --tensorboard from the command line: what they show is what the files of the run say."""

import json

import fake_wandb
import pytest
from conftest import QUICK, assert_refused, files

from experiment.files.records import read_metrics


def sent_of(calls):
    return [call[1] for call in calls if call[0] == "log"]


@pytest.mark.slow
def test_what_is_tracked_are_the_numbers_of_the_files(cli, undrawn, wandb, tmp_path):
    code, out, _ = cli(*QUICK, "--track", "wandb", "--tensorboard", "--iw_samples", "2")
    assert code == 0 and "tensorboard --logdir" in out
    folder = tmp_path / "outputs/digits_vae"
    results, rows = json.loads((folder / "results.json").read_text()), read_metrics(folder / "metrics.jsonl")
    *training, test = sent_of(wandb)
    assert [(row["step"], row["elbo"]) for row in rows] == [
        (sent["step"], sent.get("train/elbo", sent.get("validation/elbo"))) for sent in training
    ]
    assert test["step"] == rows[-1]["step"]
    for name in ("elbo", "rate", "iw_bound", "iw_standard_error"):
        assert test[f"test/{name}"] == results["test"][name]
    (sent,) = (call[1] for call in wandb if call[0] == "files")
    assert [path.rsplit("/")[-1] for path in sent] == ["metrics.jsonl", "report.html", "results.json", "results.txt"]
    assert wandb[-1] == ("finish", 0)
    wandb.clear()
    assert cli("--resume", "digits_vae", "--num_epochs", "3")[0] == 0
    assert wandb[0][1:3] == ("new", "allow")
    new = read_metrics(folder / "metrics.jsonl")[len(rows) :]
    assert [sent["step"] for sent in sent_of(wandb)] == [*(row["step"] for row in new), new[-1]["step"]]
    wandb.clear()
    assert cli("--load_weights", "digits_vae", "--num_epochs", "0", "--track", "wandb")[0] == 0
    (test,) = sent_of(wandb)
    evaluated = json.loads((tmp_path / "outputs/digits_vae_generated/results.json").read_text())["test"]
    assert (test["step"], test["test/elbo"]) == (0, evaluated["elbo"])


def test_a_tracker_that_cannot_begin_leaves_nothing_behind(cli, wandb, tmp_path, monkeypatch):
    def refuse(**_):
        raise RuntimeError("no key")

    monkeypatch.setattr(fake_wandb, "init", refuse)
    result = cli(*QUICK, "--track", "wandb", "--tensorboard")
    assert_refused(result, "--track wandb: cannot begin a run there (RuntimeError: no key)")
    assert files(tmp_path) == [] and [*(tmp_path / "outputs").iterdir(), *(tmp_path / "model_ckpts").iterdir()] == []


def test_a_missing_package_is_named_before_anything_begins(cli, tmp_path, monkeypatch):
    monkeypatch.setattr("experiment.files.trackers.find_spec", lambda name: None)
    assert_refused(cli(*QUICK, "--track", "mlflow"), "pip install mlflow, or leave it out")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_a_run_from_the_weights_of_a_tracked_one_is_not_tracked_unasked(cli, undrawn, wandb):
    assert cli(*QUICK, "--track", "wandb")[0] == 0
    wandb.clear()
    assert cli("--load_weights", "digits_vae", "--num_epochs", "1")[0] == 0
    assert wandb == []
