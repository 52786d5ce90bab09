"""Runs whose numbers go wrong: they stop or skip in one line, and what is on the disk stays finite."""

import h5py
import numpy as np
import pytest
import tensorflow as tf
from conftest import QUICK, assert_refused

from experiment.api import train
from experiment.training import step as training_step
from image_data.splits import DataError
from models.objectives import loss_of

LEVELS = ["--hierarchical", "--latent_size", "4", "3"]


def assert_finite(folder):
    """Every number of every weight and state below a folder is finite, and there are some."""
    arrays = []
    for path in folder.rglob("*.h5"):
        with h5py.File(path) as file:
            file.visititems(lambda _, each: arrays.append(each[()]) if isinstance(each, h5py.Dataset) else None)
    for path in folder.rglob("state*.npz"):
        arrays += [value for name, value in np.load(path).items() if name != "lowest_loss"]  # which begins at infinity
    assert len(arrays) > 10 and all(np.isfinite(each).all() for each in arrays)


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        [*LEVELS, "--learning_rate", "1e6"],
        [*LEVELS, "--learning_rate", "1e25"],
        ["--learning_rate", "1e6"],
        ["--learning_rate", "1e25", "--is_cvae"],
    ],
    ids=" ".join,
)
def test_a_learning_rate_that_is_far_too_high(cli, undrawn, tmp_path, flags):
    """The run comes to its end with numbers, or stops with the reason."""
    result = cli(*QUICK, *flags)
    if result[0]:
        assert_refused(result, "with a lower --learning_rate")
    assert_finite(tmp_path / "model_ckpts")


@pytest.mark.parametrize("num_allowed, code", [pytest.param(20, 0, marks=pytest.mark.slow), (3, 2)])
def test_gradients_that_become_infinite_are_skipped_or_stop_the_run(
    cli, undrawn, tmp_path, monkeypatch, num_allowed, code
):
    """From the second epoch on every gradient is infinite, though the loss is not."""
    steps = tf.Variable(0)

    def steep(objective, forward, weights):
        slope = tf.where(steps.assign_add(1) > 10, 0.0, 1.0)
        return loss_of(objective, forward, weights) + tf.sqrt(slope + 0.0 * tf.reduce_sum(forward.terms.rate))

    monkeypatch.setattr(training_step, "loss_of", steep)
    flags = ["--batch_size", "20", "--steps_per_call", "1", "--max_skipped_steps", num_allowed]
    result = cli(*QUICK, *flags)
    assert result[0] == code
    if code:
        assert_refused(result, "the loss or its gradient was not finite in 4 steps up to step 14: expected at most 3")
    else:
        assert "skipped 10 of 20 steps, whose loss or gradient was not finite" in result[1]
    assert_finite(tmp_path / "model_ckpts")
    assert int(np.load(tmp_path / "model_ckpts/digits_vae/state.npz")["step"]) == (10 if code else 20)


def test_floats_that_are_no_numbers_are_refused_before_a_run_begins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="expected uint8"):
        train(np.full((40, 8, 8), np.nan, np.float32))
    assert list(tmp_path.iterdir()) == []
