"""Runs side by side: which go on, and what is said, when one of them diverges, is killed, or the user stops."""

import pretended
import pytest

from experiment.plan.study import plan_study
from experiment.study.members import MemberError, train_side_by_side


@pytest.fixture
def train(tmp_path, monkeypatch):
    """A function: seeds -> what `train_side_by_side` returns, two at a time, for pretended runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("experiment.study.members.train_member", pretended.train_member)

    def run(*seeds):
        given = {"dataset": "digits", "run_name": "pretended", "seeds": seeds, "jobs": 2}
        return train_side_by_side(plan_study(given), "")

    return run


def test_a_run_that_is_killed_is_named_and_the_others_save_their_state(train, tmp_path, capfd):
    with pytest.raises(MemberError) as error:
        train(0, 1, 2, 4)
    assert str(error.value) == (
        "pretended_seed2: was killed (SIGKILL), as the system does where memory runs out; see "
        "outputs/pretended_seed2/train.log, and the same command continues the study"
    )
    assert (tmp_path / "outputs/pretended_seed0/train.log").read_text() == "waits\nis asked to stop\nstopped\n"
    assert not (tmp_path / "outputs/pretended_seed4").exists()
    lines = capfd.readouterr().out.splitlines()
    assert lines[-6:] == [
        "run 1 of 4 begins: pretended_seed0",
        "run 2 of 4 begins: pretended_seed1",
        "run 2 of 4 diverged: the loss is not finite: pretended_seed1",
        "run 3 of 4 begins: pretended_seed2",
        "stopping: runs that have begun save their state",
        "run 1 of 4 stopped: pretended_seed0",
    ]


def test_ctrl_c_reaches_every_run_once(train, tmp_path, capfd):
    assert train(0, 3, 4) is None
    logs = [(tmp_path / f"outputs/pretended_seed{seed}/train.log").read_text() for seed in (0, 3)]
    assert logs[0] == "waits\nis asked to stop\nstopped\n" and logs[1].endswith("stopped\n")
    assert not (tmp_path / "outputs/pretended_seed4").exists()
    assert capfd.readouterr().out.endswith("the same command continues the study\n")
