"""RESULTS.md is written from records, the shipped weights are those of the records, and runs are continued."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import results
from experiment.evaluation.protocol import training_of
from experiment.files.checkpoints import load_weights, save_model_weights, weights_checksum
from experiment.settings.combine import resolve, resolve_loaded, with_preset
from experiment.settings.presets import PRESETS, run_of
from experiment.settings.words import describe_network
from models.build import build_model

TEST = {
    "elbo": -90.0,
    "iw_bound": -86.2,
    "iw_nll": 86.2,
    "iw_standard_error": 0.25,
    "num_importance_samples": 5000,
    "elbo_standard_error": 0.25,
    "active_units": [25],
    "num_images": 10_000,
    "distortion": 65.0,
    "rate": 25.0,
    "rate_per_level": [25.0],
}
PROTOCOL = {
    "unit": "nats per image",
    "split": "test",
    "epochs": 400,
    "training_images": 55_000,
    "validation_images": 5_000,
    "chosen_on": "validation loss",
    "training_seconds": 1230.0,
    "evaluation_seconds": 290.0,
}


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RECORDS", tmp_path / "records")
    return tmp_path / "records"


def write_record(records, name, **test):
    records.mkdir(exist_ok=True)
    (records / f"{name}.json").write_text(json.dumps({"test": TEST | test, "protocol": PROTOCOL}))


def test_the_tables_are_what_the_records_say():
    text = results.RESULTS.read_text(encoding="utf-8")
    assert results.fill(text) == text, "python -m benchmarks.results writes them"


def test_a_record_holds_no_path_of_the_machine(tmp_path):
    found = {
        "test": TEST,
        "protocol": PROTOCOL | {"command": "python assignment.py --data_dir /home/ada"},
        "published": {},
    }
    (tmp_path / "results.json").write_text(json.dumps(found))
    assert json.loads(results.as_record(tmp_path / "results.json")) == {"test": TEST, "protocol": PROTOCOL}


def config_of(preset):
    settings = with_preset({"preset": preset})
    first = settings.get("load_weights")
    return resolve_loaded(settings, config_of(first)) if first else resolve(settings)


@pytest.mark.parametrize("preset", PRESETS)
def test_records_are_of_the_presets_as_they_are(preset):
    settings = PRESETS[preset].settings
    for seed, record in enumerate(results.records_of(preset)):
        protocol, test = record["protocol"], record["test"]
        config = config_of(preset)
        training = training_of(config, config.batch_size)
        assert {name: protocol[name] for name in ("training", "batch_size")}.items() <= training.items()
        if "network" in protocol:  # older records do not say
            assert protocol["network"] == describe_network(config)
            assert protocol["latent_size"] == list(config.latent_size)
        assert (protocol["epochs"], protocol["seed"]) == (settings["num_epochs"], seed)
        assert protocol["dataset"] == results.dataset_of(preset)
        first = protocol["first_weights"]
        assert not str(first).startswith("/"), "a path of a machine"
        asked = with_preset({"preset": preset, "seed": seed})
        assert (first and Path(first).parent.name) == asked.get("load_weights")
        if checksum := protocol.get("first_weights_sha256"):  # nor of this
            assert checksum == results.records_of(settings["load_weights"])[seed]["protocol"]["weights_sha256"]
        assert (protocol["split"], test["num_importance_samples"]) == ("test", settings["iw_samples"])


def test_a_line_says_whether_the_number_to_expect_was_reached(records):
    write_record(records, "vae_2l")
    write_record(records, "dreg_2l_k50", iw_bound=-85.0, iw_nll=85.0)
    lines = {line.split("`")[1]: line for line in list(results.likelihood_table("mnist"))[2:]}
    missed = "85.33, Burda et al. (2016), table 1: not reached"
    assert lines["vae_2l"] == (
        f"| `vae_2l` | 90.00 | **86.20** +- 0.25 | 5,000 | {missed} | 25 | 55,000 | 5,000 | 100 | 20 min | 5 min |"
    )
    assert lines["dreg_2l_k50"].startswith("| `dreg_2l_k50` | 90.00 | **85.00** +- 0.25 |")
    assert "table 1: not reached" in lines["dreg_2l_k50"] and "28, after `vae_2l`" in lines["dreg_2l_k50"]
    assert lines["vae_1l"].startswith("| `vae_1l` |  | not run yet |  | 86.76, Burda et al. (2016), table 1 |")
    write_record(records, "vae_1l")
    assert "86.76, Burda et al. (2016), table 1: reached" in list(results.likelihood_table("mnist"))[2]


def test_rows_of_few_labels_are_shares_of_wrong_labels(records):
    write_record(records, "m2_100", label_accuracy=0.9)
    (records / "m2_600.json").write_text(
        json.dumps({"test": {"label_accuracy": 0.96}, "protocol": PROTOCOL | {"chosen_on": "nothing"}})
    )
    lines = {line.split("`")[1]: line for line in list(results.label_table("few_labels"))[2:]}
    source = "Kingma et al. (2014), table 1, M2"
    assert lines["m2_100"] == (f"| `m2_100` | **10.00%** | 11.97%, {source}: reached | 55,000 | 5,000 | 16 | 20 min |")
    assert lines["m2_600"].startswith(f"| `m2_600` | **4.00%** | 4.94%, {source}: reached | 55,000 | nothing |")
    assert lines["m2_1000"].startswith(f"| `m2_1000` | not run yet | 3.60%, {source} |")


def test_scores_are_means_over_seeds(records):
    for seed, score in enumerate((0.1, 0.2, 0.6)):
        write_record(records, run_of("sprites_vae", seed), **dict.fromkeys(results.FACTOR_METRICS, score))
    lines = list(results.factor_table("sprites"))[2:]
    (line,) = (each for each in lines if "| 3 of 5 |" in each)
    assert line.startswith("| `sprites_vae` | 3 of 5 | **0.300** (0.100 to 0.600) |")
    assert "| 65.00 | 25.00 | 20 min |" in line
    assert sum("| not run yet |" in each for each in lines) == len(lines) - 1
    assert len({each.count("|") for each in lines}) == 1, "a cell for each column"


def test_a_run_is_continued_and_its_record_and_weights_are_kept(records, tmp_path, monkeypatch, capsys):
    project, folder = tmp_path / "project", tmp_path / "runs"
    config = replace(resolve({"hidden_sizes": (4,), "data_dir": "/somewhere"}), image_shape=(8, 8, 1))
    record = {"test": TEST, "protocol": PROTOCOL}
    commands = []

    def train(flags, folder):
        commands.append([str(word) for word in flags])
        save_model_weights(build_model(config), config, folder / "model_ckpts/vae_1l")
        (folder / "model_ckpts/vae_1l/state.npz").touch()
        (folder / "outputs/vae_1l").mkdir(parents=True, exist_ok=True)
        (folder / "outputs/vae_1l/results.json").write_text(json.dumps(record))

    monkeypatch.setattr(results, "PROJECT", project)
    monkeypatch.setattr(results, "run_program", train)
    (project / "model_ckpts").mkdir(parents=True)
    results.reproduce("vae_1l", 0, folder, None)
    assert commands[0] == ["--preset", "vae_1l", "--seed", "0"]
    assert json.loads((records / "vae_1l.json").read_text()) == record
    results.reproduce("vae_1l", 0, folder, None)
    assert len(commands) == 1, "it is complete"
    (folder / "outputs/vae_1l/results.json").write_text(json.dumps({"protocol": {}}))
    results.reproduce("vae_1l", 0, folder, "data")
    assert commands[1][:2] == ["--resume", "vae_1l"] and commands[1][2:3] == ["--data_dir"]
    (folder / "model_ckpts/vae_1l/state.npz").unlink()
    (folder / "outputs/vae_1l/results.json").unlink()
    with pytest.raises(SystemExit):
        results.reproduce("vae_1l", 0, folder, None)
    assert "model_ckpts/vae_1l: expected a run with its state.npz" in capsys.readouterr().err
    shipped = project / "model_ckpts/vae_1l"
    assert load_weights(shipped)[1] == replace(config, data_dir=None)
    assert sorted(path.name for path in shipped.iterdir()) == [
        "README.md",
        "config.json",
        "results.json",
        "vae.weights.h5",
        "vae.weights.h5.sha256",
    ]


def test_a_second_stage_begins_with_the_shipped_weights(records, tmp_path, monkeypatch):
    def train(flags, folder):
        assert load_weights(folder / "model_ckpts/vae_1l")[1].preset == "vae_1l"
        (folder / "outputs/dreg_1l_k50").mkdir(parents=True)
        (folder / "outputs/dreg_1l_k50/results.json").write_text(json.dumps({"protocol": PROTOCOL}))

    monkeypatch.setattr(results, "run_program", train)
    results.reproduce("dreg_1l_k50", 0, tmp_path, None)
    assert (records / "dreg_1l_k50.json").is_file()


def test_the_program_ends_as_the_run_did(tmp_path, capfd):
    with pytest.raises(SystemExit, match="2"):
        results.run_program(["--preset", "vae_3l"], tmp_path)
    assert capfd.readouterr().err.startswith("assignment.py: error: --preset vae_3l")


@pytest.mark.parametrize("name", results.SHIPPED)
def test_shipped_weights_are_those_of_the_record(name):
    folder = results.PROJECT / "model_ckpts" / name
    model, config = load_weights(folder)
    record = json.loads((results.RECORDS / f"{name}.json").read_text())
    assert record == json.loads((folder / "results.json").read_text())
    assert record["protocol"]["weights_sha256"] == weights_checksum(folder / f"{config.model}.weights.h5")
    assert config.preset == name and config.data_dir is None
    settings = PRESETS[name].settings
    assert {each: getattr(config, each) for each in settings} == settings, "the preset has changed since"
