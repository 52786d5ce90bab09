"""Rows of metrics.jsonl, and what remains of them after a kill."""

import json

import pytest

from atomic_files import unsealed
from experiment.evaluation.likelihood import ElboEstimate
from experiment.files.records import (
    MetricsLog,
    RecordError,
    last_epoch,
    read_metrics,
    training_seconds,
    write_results,
)
from experiment.training.loop import Progress

ESTIMATE = ElboEstimate(-12.0, 10.0, 2.0, (1.5, 0.5), 0.1, (7, 3), 44)


def progress(step):
    return Progress(step, step // 10, step % 10 == 0, 3.0, 14.0, 10.0, (1.5, 0.5), 5, 80, 123.456)


def test_rows_hold_unweighted_terms_per_level(tmp_path):
    log = MetricsLog(tmp_path)
    log.append_training(progress(10))
    log.append_validation(progress(10), ESTIMATE, 7.0)
    log.close()
    train, validation = read_metrics(tmp_path / "metrics.jsonl")
    assert train == {
        "step": 10,
        "epoch": 1,
        "split": "train",
        "loss": 14.0,
        "gradient_norm": 3.0,
        "elbo": -12.0,
        "distortion": 10.0,
        "rate": 2.0,
        "rate_per_level": [1.5, 0.5],
        "images_per_second": 123.456,
    }
    assert validation["split"] == "validation"
    assert (validation["elbo"], validation["rate_per_level"], validation["num_images"]) == (-12.0, [1.5, 0.5], 44)


def test_a_continued_log_drops_rows_beyond_the_saved_step(tmp_path):
    log = MetricsLog(tmp_path)
    for step in (5, 10, 15):
        log.append_training(progress(step))
    log.close()
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text() + '{"step": 20, "epo')
    log = MetricsLog(tmp_path, step=10)
    log.append_training(progress(15))
    log.close()
    assert [row["step"] for row in read_metrics(path)] == [5, 10, 15]


def test_a_log_that_lacks_rows_before_the_saved_step_has_a_gap(tmp_path, capsys):
    log = MetricsLog(tmp_path)
    log.append_training(progress(10))
    log.append_validation(progress(10), ESTIMATE, 7.0)
    log.append_training(progress(15))
    log.close()
    path = tmp_path / "metrics.jsonl"
    rows = path.read_text().splitlines(keepends=True)
    for kept, step, has_gap in [(3, 15, False), (3, 1_020, True), (1, 10, True), (0, 10, True), (3, 10, False)]:
        path.write_text("".join(rows[:kept]))
        MetricsLog(tmp_path, step).close()
        expected = f"WARNING: {path} lacks rows up to the saved step, {step:,}: the curves have a gap\n"
        assert capsys.readouterr().out == (expected if has_gap else "")


@pytest.mark.parametrize("written, changed", [("14.0", "15.0"), ('"checksum"', '"checksun"'), ('"loss"', '"lost"')])
def test_a_row_that_was_changed_is_refused(tmp_path, written, changed):
    log = MetricsLog(tmp_path)
    for step in (10, 20):
        log.append_training(progress(step))
    log.close()
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text().replace(written, changed, 1))
    with pytest.raises(RecordError, match="as it was written"):
        read_metrics(path)


def test_rows_of_older_versions_have_no_checksum(tmp_path):
    row = {"step": 10, "epoch": 1, "split": "train"}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    assert read_metrics(tmp_path / "metrics.jsonl") == [row]


def test_training_time_is_that_of_all_steps():
    rows = [
        {"step": 10, "split": "train", "images_per_second": 16.0},
        {"step": 10, "split": "validation"},
        {"step": 30, "split": "train", "images_per_second": 80.0},
    ]
    assert training_seconds(rows, batch_size=8) == 10 * 8 / 16 + 20 * 8 / 80
    assert training_seconds([], batch_size=8) == 0.0


@pytest.mark.parametrize("line", ["garbage", "[1]", '{"epoch": 1}', "\udcff"])
def test_a_damaged_log_is_refused(tmp_path, line):
    (tmp_path / "metrics.jsonl").write_bytes(line.encode(errors="surrogateescape") + b"\n")
    with pytest.raises(RecordError, match="metrics.jsonl: expected a row of JSON"):
        read_metrics(tmp_path / "metrics.jsonl")


def test_results_are_json_and_a_table(tmp_path):
    write_results(tmp_path, {"test": {"elbo": -1.5}}, ["Test", "  ELBO -1.50"])
    assert unsealed((tmp_path / "results.json").read_text()) == {"test": {"elbo": -1.5}}
    assert json.loads((tmp_path / "results.json").read_text())["test"] == {"elbo": -1.5}
    assert (tmp_path / "results.txt").read_text() == "Test\n  ELBO -1.50\n"


def test_the_last_epoch_is_that_of_the_last_whole_row(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert last_epoch(path) == 0
    path.write_text("")
    assert last_epoch(path) == 0
    rows = [json.dumps({"step": step, "epoch": step // 10, "why": "so long " * 20}) + "\n" for step in range(1000)]
    path.write_text("".join(rows) + '{"step": 1000, "epo')
    assert path.stat().st_size > 100_000 and last_epoch(path) == 99
