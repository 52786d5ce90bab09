"""A race ends at the first validation that reaches its bound, and only then looks at the test images."""

import json

import pytest

from benchmarks import leaderboard
from data_utils import load_dataset


@pytest.fixture
def digits():
    return load_dataset("digits", limit=40)


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr(leaderboard, "LOOKS", 2)
    monkeypatch.setattr(leaderboard, "VALIDATION_SAMPLES", 20)


def race(digits, make_config, target):
    config = make_config(image_shape=digits.image_shape, num_epochs=5, batch_size=20, ema=0.9)
    return leaderboard.race(config, digits, target, test_samples=7)


def test_a_race_ends_where_the_bound_is_reached(digits, make_config):
    line = race(digits, make_config, target=-1e6)
    assert line["epochs"] == 3 and line["training_minutes"] > 0
    assert -1000 < line["validation_bound"] < -10 and -1000 < line["test_bound"] < -10
    assert line["standard_error"] > 0


def test_a_race_that_is_lost_runs_to_its_end_and_never_sees_the_test_images(digits, make_config):
    line = race(digits._replace(test=None), make_config, target=0.0)
    assert line["epochs"] == 5 and -1000 < line["validation_bound"] < -10
    assert "test_bound" not in line


def test_the_table_begins_with_the_fastest_and_ends_with_those_that_were_lost(tmp_path, monkeypatch):
    line = {
        "recipe": "160 of `vae_1l`",
        "training_minutes": 4.0,
        "validation_bound": -86.7,
        "test_bound": -86.2,
        "standard_error": 0.22,
        "date": "2026-11-28",
        "commit": "0123456789",
        "cpus": 2,
        "cpu": "Some CPU",
    }
    lost = {name: value for name, value in line.items() if name not in ("test_bound", "standard_error")}
    path = tmp_path / "leaderboard.json"
    path.write_text(json.dumps([lost | {"training_minutes": 1.0}, line, line | {"training_minutes": 3.0}]))
    monkeypatch.setattr(leaderboard, "LINES", path)
    first, second, third = list(leaderboard.table())[2:]
    assert first == (
        "| 3.0 min | -86.70 | **-86.20** +- 0.22 | 160 of `vae_1l` | 2026-11-28 | 0123456 | 2 cores of Some CPU |"
    )
    assert second.startswith("| 4.0 min |") and third.startswith("| 1.0 min | -86.70 | not looked at")
