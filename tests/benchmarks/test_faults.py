"""The counts of docs/reliability.md, made small."""

import shutil

import numpy as np
import pytest
from conftest import QUICK

from benchmarks.faults.bits import bits, compared, sum_of
from benchmarks.faults.damage import damage, fuzz, problem_of
from benchmarks.faults.disk import CannotMount, full_disk
from benchmarks.faults.flags import line_of, run_line
from benchmarks.faults.folders import CHANGES, random_folders, why_divided_wrongly, why_labelled_wrongly
from benchmarks.faults.kills import kill, torn
from benchmarks.faults.signals import signals, workers
from benchmarks.faults.soak import of_growth, soak
from benchmarks.faults.trials import differences


def problems(trials):
    return [trial for trial in trials if trial.problem]


def test_damaged_files_are_refused_or_harmless(tmp_path):
    trials = list(damage(24, np.random.default_rng(0), tmp_path))
    assert len(trials) == len({trial.what for trial in trials}) == 24
    assert problems(trials) == []


@pytest.mark.slow
def test_changed_files_are_refused_or_harmless(tmp_path):
    trials = list(fuzz(60, np.random.default_rng(0), tmp_path))
    assert len(trials) == 60 and problems(trials) == []


def test_what_is_read_as_something_else_is_a_problem():
    def say(rows):
        print("WARNING")
        return rows

    rows = [{"step": 1}, {"step": 2}]
    assert problem_of(lambda: rows, rows, {}) == problem_of(lambda: say(rows[:1]), rows, {}) == ""
    assert problem_of(lambda: rows[:1], rows, {}) == "read as something else, unnoticed"
    assert problem_of(lambda: say(rows[1:]), rows, {}) == "read as something else, unnoticed"
    assert problem_of(lambda: rows[0]["epoch"], rows, {}) == "KeyError: 'epoch'"


def test_runs_that_differ_are_told_apart(cli, undrawn, trained, tmp_path):
    trained(*QUICK)
    whole, other = tmp_path / "whole", tmp_path / "other"
    for folder in (whole, other):
        for name in ("model_ckpts", "outputs"):
            shutil.copytree(tmp_path / name, folder / name)
    assert differences(whole, other, "digits_vae") == ""
    state, metrics = other / "model_ckpts/digits_vae/state.npz", other / "outputs/digits_vae/metrics.jsonl"
    arrays = dict(np.load(state))
    np.savez(state, **arrays | {"step": arrays["step"] + 1})
    assert differences(whole, other, "digits_vae") == "state.npz: step"
    metrics.write_text(metrics.read_text().split("\n", 1)[1])
    (other / "outputs/.tmp-a").touch()
    assert differences(whole, other, "digits_vae") == "state.npz: step; metrics.jsonl; .tmp-a is left"


def test_random_command_lines_run_or_are_refused(cli, undrawn):
    generator = np.random.default_rng(5)
    trials = [run_line(line_of(generator)) for _ in range(8)]
    assert problems(trials) == []
    assert {int(trial.what.split("exit ")[1].split()[0]) for trial in trials} == {0, 2}


def test_random_folders_are_read_right_or_refused(tmp_path):
    trials = list(random_folders(30, np.random.default_rng(0), tmp_path))
    assert problems(trials) == []
    assert {change for change in CHANGES for trial in trials if f", {change}" in trial.what} == {*CHANGES}


def test_a_folder_that_is_read_wrongly_is_a_problem():
    wanted = {"a": "train", "b": "train", "c": "test"}
    assert why_divided_wrongly({"train": ["a"], "validation": ["b"], "test": ["c"]}, wanted) == []
    assert why_divided_wrongly({"train": ["a"], "validation": ["c"], "test": ["b"]}, wanted) == [
        "test is not its folder"
    ]
    assert why_divided_wrongly({"train": ["a"], "validation": ["a"], "test": ["c"]}, wanted) == [
        "3 images, of which 2 of 3"
    ]
    assert why_divided_wrongly({"train": ["a", "b"], "validation": [], "test": ["c"]}, wanted) == [
        "0 of 2 held out to validation"
    ]
    assert why_labelled_wrongly({"a": ["ash"], "b": []}, {"a": "ash", "b": [0, 0, 0]}, None) == []
    assert why_labelled_wrongly({"a": ["elm"]}, {"a": "ash"}, None) == ["'a' has ['elm'], not ['ash']"]
    assert why_labelled_wrongly({"a": ["elm"]}, {"a": "ash"}, "a") == []


@pytest.mark.slow
@pytest.mark.parametrize("fault, count", [(kill, 6), (torn, 2), (signals, 6), (workers, 1)])
def test_runs_survive(fault, count, tmp_path):
    trials = list(fault(count, np.random.default_rng(1), tmp_path))
    assert len(trials) == count and problems(trials) == []


@pytest.mark.slow
def test_the_world_around_a_process_does_not_change_its_bits(tmp_path):
    trials = list(bits(3, np.random.default_rng(0), tmp_path))
    assert [trial.what for trial in trials] == ["other hashes", "another folder", "LC_ALL=C"]
    assert problems(trials) == []


def test_the_checksum_of_a_run_is_that_of_its_bits():
    small = {"dataset": "digits", "limit": 20, "num_epochs": 1, "batch_size": 10, "hidden_sizes": (4,), "seed": 7}
    assert sum_of(small) != sum_of({**small, "seed": 8})
    usual = {"VAE": "a", "CVAE": "b", "HVAE": "c", "folder": "d"}
    assert compared("LC_ALL=C", usual, {**usual}).problem == ""
    assert compared("LC_ALL=C", usual, {**usual, "CVAE": "e"}).problem == "other bits: CVAE"
    assert compared("LC_ALL=C", usual, {}).problem == "other bits: VAE, CVAE, HVAE, folder"
    assert compared("1 thread", usual, {**usual, "folder": "e"}) == ("1 thread, other bits with convolutions", "")
    assert compared("1 thread", usual, {**usual, "CVAE": "e"}).problem == "other bits: CVAE"


@pytest.mark.slow
def test_runs_in_one_process_leave_nothing_behind(tmp_path):
    trials = list(soak(28, np.random.default_rng(0), tmp_path))
    assert len(trials) == 29 and problems(trials) == []


def test_memory_that_grows_is_a_problem():
    assert of_growth("last", [700, 701, 700, 701]) == ("last; +0.20 MB a run over the last 4", [])
    assert of_growth("last", [700, 703, 706]) == ("last; +3.00 MB a run over the last 3", ["more than 2.0 MB a run"])


@pytest.mark.slow
def test_a_disk_may_fill(tmp_path):
    try:
        trials = list(full_disk(3, np.random.default_rng(1), tmp_path))
    except CannotMount as error:
        pytest.skip(str(error))
    assert len(trials) == 3 and problems(trials) == []
