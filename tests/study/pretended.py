"""What processes do in tests of processes: quick, without TensorFlow."""

import os
import signal
import sys
import time

from experiment.study.process import DIVERGED, DONE, STOPPED, Ended, Process


def say(text):
    print(text)
    return Ended(DONE, text)


def fail():
    raise ValueError("a reason\nof two lines")


def wait_for_the_end():
    print("waits")
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        print("is asked to stop")
    return Ended(STOPPED)


def be_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def train_member(member, command):
    """A run whose name says what becomes of it, when the first run has begun to wait."""
    first = member.run.outputs.parent / "pretended_seed0" / "train.log"
    while member.config.seed and not (first.is_file() and "waits" in first.read_text()):
        time.sleep(0.01)
    if member.config.seed == 1:
        return Ended(DIVERGED, "the loss is not finite")
    if member.config.seed == 2:
        be_killed()
    if member.config.seed == 3:
        os.kill(os.getppid(), signal.SIGINT)  # as if the user pressed Ctrl-C
    return wait_for_the_end()


if __name__ == "__main__":  # a parent, which will be killed
    process = Process(sys.argv[1], wait_for_the_end)
    print(process.ended())
