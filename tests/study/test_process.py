"""A process of its own: what it hands back, how it stops, and that it never outlives its parent."""

import subprocess
import sys
import time

import pretended
import pytest
from conftest import PROJECT

from experiment.study.process import DONE, FAILED, STOPPED, Ended, Process


def wait_until(log, words):
    deadline = time.monotonic() + 300
    while not (log.is_file() and words in log.read_text()):
        assert time.monotonic() < deadline, words
        time.sleep(0.01)


@pytest.mark.parametrize(
    "function, arguments, ended",
    [
        (pretended.say, ["done so"], Ended(DONE, "done so")),
        (pretended.fail, [], Ended(FAILED, "a reason of two lines")),
        (pretended.be_killed, [], Ended(FAILED, "was killed (SIGKILL), as the system does where memory runs out")),
    ],
    ids=["done", "failed", "killed"],
)
def test_the_parent_learns_how_it_ended(tmp_path, function, arguments, ended):
    log = tmp_path / "train.log"
    log.write_text("before\n")
    assert Process(log, function, *arguments).ended() == ended
    said = {DONE: "before\ndone so\ndone: done so\n"}.get(ended.how, log.read_text())
    assert log.read_text() == said and said.startswith("before\n")
    assert ("Traceback" in said) == (function is pretended.fail)


def test_it_stops_when_it_is_asked_to(tmp_path):
    log = tmp_path / "train.log"
    process = Process(log, pretended.wait_for_the_end)
    wait_until(log, "waits")
    process.interrupt()
    assert process.ended() == Ended(STOPPED) and "is asked to stop" in log.read_text()


def test_it_may_be_asked_before_it_has_begun(tmp_path):
    log = tmp_path / "train.log"
    process = Process(log, pretended.wait_for_the_end)
    process.interrupt()
    assert process.ended() == Ended(STOPPED)


def test_it_ends_when_its_parent_is_killed(tmp_path):
    log = tmp_path / "train.log"
    command = [sys.executable, pretended.__file__, str(log)]
    parent = subprocess.Popen(command, cwd=PROJECT, env={"PYTHONPATH": str(PROJECT)}, start_new_session=True)
    wait_until(log, "waits")
    parent.kill()
    parent.wait()
    wait_until(log, "is asked to stop")
