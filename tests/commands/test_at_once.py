"""Two programs at once on the same run or study, and a clock that goes backwards."""

import os
import time
from itertools import count

import numpy as np
import pytest
from conftest import QUICK, assert_refused, files

from experiment.files.names import Run


def test_a_run_that_another_process_trains_is_refused(cli, undrawn, trained, tmp_path):
    trained(*QUICK)
    before = {path: (tmp_path / path).read_bytes() for path in files(tmp_path)}
    with Run("digits_vae").held():
        assert_refused(cli("--resume", "digits_vae", "--num_epochs", "3"), "digits_vae: another process is training")
    assert {path: (tmp_path / path).read_bytes() for path in files(tmp_path)} == before


def test_a_study_that_another_process_trains_is_refused(cli, undrawn, uncompared, tmp_path):
    """The other process has begun the first run, which is not done."""
    first = Run("digits_vae_seed0")
    study = [*QUICK, "--num_epochs", "1", "--seeds", "0", "1"]
    first.create()
    with first.held():
        assert_refused(cli(*study), "digits_vae_seed0: ")
    assert files(tmp_path) == []


@pytest.mark.slow
def test_a_clock_that_goes_backwards_changes_nothing(cli, undrawn, trained, tmp_path, monkeypatch):
    """Neither the hours of the clock nor those of files decide what is saved, or what is resumed."""
    trained(*QUICK)
    expected = dict(np.load(tmp_path / "model_ckpts/digits_vae/state.npz"))
    hours = count(2e9, -3600.0)
    monkeypatch.setattr(time, "time", lambda: next(hours))
    assert cli(*QUICK, "--num_epochs", "1", "--run_name", "backwards", "--tensorboard")[0] == 0
    folder = tmp_path / "model_ckpts/backwards"
    os.utime(folder / "state.npz", (0, 0))
    assert cli("--resume", "backwards", "--num_epochs", "2")[0] == 0
    found = dict(np.load(folder / "state.npz"))
    assert found.keys() == expected.keys() and next(hours) < 2e9 - 3600
    for name, value in expected.items():
        if name != "digest":
            np.testing.assert_array_equal(found[name], value, err_msg=name)
