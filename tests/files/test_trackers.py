"""MLflow and Weights & Biases get the numbers of metrics.jsonl and results.json, each once."""

import json
from contextlib import closing

import fake_wandb
import pytest
from test_records import ESTIMATE, progress

from experiment.files import trackers
from experiment.files.names import Run
from experiment.files.records import MetricsLog, read_metrics
from experiment.files.trackers import SERVICES, Tracked, hyper_parameters, named_numbers, refuse_missing
from experiment.settings.config import Config
from experiment.settings.refusals import ConfigError

TEST = {"elbo": -12.5, "rate_per_level": [2.0, 1.0], "num_images": 44}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run("digits_vae")
    run.create()
    return run


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """A client of MLflow's own, which reads from a folder what was sent."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    address = (tmp_path / "mlruns").as_uri()
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(address)
    yield mlflow.MlflowClient(address)
    mlflow.set_tracking_uri(before)


def session(run, name, config, steps, first_step=0, is_ended=False):
    """A session of training as a tracker sees it. Returns the rows in metrics.jsonl."""
    with closing(Tracked(name, run, config)) as tracked, closing(MetricsLog(run.outputs, first_step, [tracked])) as log:
        for step in steps:
            log.append_training(progress(step))
            if step % 10 == 0:
                log.append_validation(progress(step), ESTIMATE, 7.0)
        log.sync()
        if is_ended:
            (run.outputs / "results.json").write_text("{}")
            tracked.end(steps[-1], TEST, [run.outputs / "results.json"])
    return read_metrics(run.outputs / "metrics.jsonl")


def by_number(rows):
    """'train/elbo' -> [(step, value), ...] of rows of metrics.jsonl, written anew for these tests."""
    found = {}
    for row in rows:
        for name in row.keys() - {"step", "epoch", "split"}:
            values = {name: row[name]}
            if isinstance(row[name], list):
                top, bottom = row[name]
                values = {f"{name}/z2": top, f"{name}/z1": bottom}
            for key, value in values.items():
                found.setdefault(f"{row['split']}/{key}", []).append((row["step"], value))
    return found


def test_levels_are_named_from_the_image_up():
    assert named_numbers("test", TEST) == {
        "test/elbo": -12.5,
        "test/rate_per_level/z2": 2.0,
        "test/rate_per_level/z1": 1.0,
        "test/num_images": 44,
    }


def test_hyper_parameters_are_numbers_switches_and_text(make_config):
    values = hyper_parameters(make_config(beta=4.0, is_cvae=True))
    assert (values["beta"], values["is_cvae"], values["hidden_sizes"]) == (4.0, True, "16")
    assert "encoder_normalization" not in values, "not a setting of a dense network"


def test_mlflow_shows_one_run_with_the_numbers_of_the_files(mlflow, run, make_config):
    config = make_config(beta=4.0)
    session(run, "mlflow", config, (5, 10, 15))  # state is saved at 10, and a kill comes after 15
    (begun,) = mlflow.search_runs(["0"])
    assert begun.info.status == "KILLED"
    rows = session(run, "mlflow", make_config(beta=4.0, num_epochs=9), (15, 20), first_step=10, is_ended=True)
    (found,) = mlflow.search_runs(["0"])
    assert (found.info.status, found.info.run_name) == ("FINISHED", "digits_vae")
    assert found.info.run_id == json.loads((run.outputs / "trackers.json").read_text())["mlflow"]["id"]
    test = {"elbo": -12.5, "num_images": 44, "rate_per_level/z2": 2, "rate_per_level/z1": 1}
    expected = by_number(rows) | {f"test/{name}": [(20, value)] for name, value in test.items()}
    assert found.data.metrics.keys() == expected.keys()
    for name, values in expected.items():
        history = mlflow.get_metric_history(found.info.run_id, name)
        assert sorted((each.step, each.value) for each in history) == values, name
    assert (found.data.params["beta"], found.data.params["num_epochs"]) == ("4.0", "2")
    assert [each.path for each in mlflow.list_artifacts(found.info.run_id)] == ["results.json"]


def test_a_failure_is_not_in_the_way_of_the_next_run(mlflow, run, make_config, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route to host")

    with monkeypatch.context() as patch:
        patch.setattr("mlflow.log_metrics", fail)
        session(run, "mlflow", make_config(), (5, 10))
    other = Run("digits_vae_2")
    other.create()
    session(other, "mlflow", make_config(), (5, 10), is_ended=True)
    found = {each.info.run_name: each.info.status for each in mlflow.search_runs(["0"])}
    assert found == {"digits_vae": "KILLED", "digits_vae_2": "FINISHED"}


def test_weights_and_biases_gets_the_numbers_of_the_files(wandb, run, make_config):
    config = make_config()
    session(run, "wandb", config, (5, 10, 15))
    rows = session(run, "wandb", config, (15, 20), first_step=10, is_ended=True)
    inits = [call[1:] for call in wandb if call[0] == "init"]
    settings = hyper_parameters(config)
    assert inits == [(None, None, "digits_vae", settings), ("new", "allow", "digits_vae", settings)]
    sent = [dict(call[1]) for call in wandb if call[0] == "log"]
    found = {}
    for numbers in sent:
        step = numbers.pop("step")
        for name, value in numbers.items():
            found.setdefault(name, []).append((step, value))
    test = {name: found.pop(name) for name in [name for name in found if name.startswith("test/")]}
    assert found == by_number(rows)
    assert test["test/elbo"] == [(20, -12.5)]
    assert ("define", "*", "step") in wandb
    assert [call[1] for call in wandb if call[0] == "finish"] == [1, 0]
    assert [call[1] for call in wandb if call[0] == "files"] == [["outputs/digits_vae/results.json"]]


def test_who_is_asked_later_gets_all_rows(wandb, run, make_config):
    MetricsLog(run.outputs).append_training(progress(5))
    session(run, "wandb", make_config(), (10,), first_step=5)
    assert [call[1]["step"] for call in wandb if call[0] == "log"] == [5, 10, 10]


def test_a_service_that_fails_costs_no_row_of_the_run(wandb, run, make_config, monkeypatch, capsys):
    def fail(self, numbers):
        raise ConnectionError("no route\nto host")

    real = fake_wandb.Run.log
    monkeypatch.setattr(fake_wandb.Run, "log", fail)
    rows = session(run, "wandb", make_config(), (5, 10), is_ended=True)
    assert len(rows) == 3
    said = capsys.readouterr().out
    assert said == (
        "--track wandb: left out from here (ConnectionError: no route to host); --resume sends what is missing\n"
    )
    monkeypatch.setattr(fake_wandb.Run, "log", real)
    session(run, "wandb", make_config(), (15,), first_step=10)
    assert [call[1]["step"] for call in wandb if call[0] == "log"] == [5, 10, 10, 15]


def test_a_service_that_cannot_begin_is_one_line(wandb, run, make_config, monkeypatch):
    def refuse(**_):
        raise RuntimeError("no key\nconfigured")

    monkeypatch.setattr(fake_wandb, "init", refuse)
    with pytest.raises(ConfigError, match=r"^--track wandb: cannot begin a run there \(RuntimeError: no key"):
        Tracked("wandb", run, make_config())


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_damaged_file_of_ids_begins_a_new_run(wandb, run, make_config, text):
    (run.outputs / "trackers.json").write_text(text)
    Tracked("wandb", run, make_config()).close()
    assert wandb[0][1:3] == (None, None)
    assert json.loads((run.outputs / "trackers.json").read_text()) == {"wandb": {"id": "new", "sent": [0, ""]}}


def test_what_is_missing_is_named_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="^--track mlflow: expected its package, found none; pip install mlflow"):
        refuse_missing(("mlflow",))
    monkeypatch.undo()
    (tmp_path / "left_behind").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="--track left_behind"):
        refuse_missing(["left_behind"])


def test_the_flag_names_the_services():
    for name in SERVICES:
        assert Config(track=(name,)).track == (name,)
    for wrong in (("neptune",), ("mlflow", "mlflow")):
        with pytest.raises(ConfigError, match="expected one or more of mlflow, wandb"):
            Config(track=wrong)
    assert Config(track=("mlflow",)).digest == Config().digest
