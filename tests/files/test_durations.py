"""How long runs took, and which of them tell how long another will take."""

import json
import os
from dataclasses import replace

import pytest

from experiment.files.durations import in_words, newest_alike, recorded_seconds, seconds_per_epoch
from experiment.files.names import Run
from experiment.settings.combine import resolve

DIGITS = replace(resolve({"dataset": "digits"}), image_shape=(28, 28, 1))


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """A function: name, time of its files, Config, protocol -> a finished Run."""
    monkeypatch.chdir(tmp_path)

    def make(name, time, config, **protocol):
        run = Run(name)
        run.claim()
        (run.checkpoints / "config.json").write_text(config.to_json())
        os.utime(run.checkpoints / "config.json", (time, time))
        (run.outputs / "results.json").write_text(json.dumps({"test": {}, "protocol": protocol}))
        return run

    return make


def test_seconds_are_those_of_training_and_evaluation(make_run):
    assert recorded_seconds(make_run("a", 1, DIGITS, training_seconds=10.0, evaluation_seconds=2.5)) == 12.5
    assert recorded_seconds(make_run("b", 1, DIGITS)) is None and recorded_seconds(Run("none")) is None


def test_the_pace_is_that_of_all_epochs_together():
    assert seconds_per_epoch([(10.0, 1), (10.0, 4), (None, 7)]) == 4.0
    assert seconds_per_epoch([]) is None and seconds_per_epoch([(None, 3)]) is None


def test_the_newest_run_that_is_alike_is_gone_by(make_run):
    asked = resolve({"dataset": "digits", "beta": 4.0, "latent_size": 3, "num_epochs": 2})
    assert newest_alike(asked) is None
    make_run("old", 1, DIGITS, training_seconds=1.0)
    make_run("new", 2, DIGITS, training_seconds=2.0)
    make_run("unfinished", 3, DIGITS)
    make_run("other", 4, replace(DIGITS, limit=9), training_seconds=3.0)
    make_run("damaged", 5, DIGITS, training_seconds=4.0)
    Run("damaged").checkpoints.joinpath("config.json").write_text("{")
    run, config = newest_alike(asked)
    assert run == Run("new") and config == DIGITS


def test_durations_in_words():
    assert [in_words(seconds) for seconds in (3.4, 89, 210, 9000)] == ["3 s", "89 s", "3.5 min", "2.5 h"]
