"""A process of its own for a run of a study. The file imports no TensorFlow before the process can be interrupted."""

import os
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from typing import NamedTuple

from tqdm.auto import tqdm

DONE, STOPPED, DIVERGED, FAILED = "done", "stopped", "diverged", "failed"
PATIENCE = 60.0  # seconds that a process without its parent has to save its state
SPAWN = get_context("spawn")  # TensorFlow does not survive a fork
tqdm.set_lock(threading.RLock())  # its own is a semaphore, and Python warns of one where a process is killed


class Ended(NamedTuple):
    """How a process ended, and why, in one line."""

    how: str  # DONE, STOPPED, DIVERGED or FAILED
    reason: str = ""


class Process:
    """A function in a process of its own.

    A signal to the program's group, such as Ctrl-C, does not reach it: its parent asks it to stop, once. It ends with
    its parent, however that ends.
    """

    def __init__(self, log, function, *arguments):
        """Begin it.

        Args:
            log: the file that what it prints is appended to.
            function: a function (*arguments) -> Ended, at the top of a module, whose import is quick.
            arguments: what it is called with.
        """
        self.ending, sender = SPAWN.Pipe(duplex=False)  # can be waited for
        self._process = SPAWN.Process(target=_work, args=(sender, log, function, arguments), daemon=True)
        with _signals_wait():
            self._process.start()
        sender.close()

    def interrupt(self):
        """Ask it to save its state and stop; asked again, it stops where it is."""
        if self._process.is_alive():
            os.kill(self._process.pid, signal.SIGINT)

    def ended(self):
        """Wait for its end; how it ended."""
        try:
            ended = self.ending.recv()
        except EOFError:
            ended = None
        self._process.join()
        return ended or Ended(FAILED, _exit_in_words(self._process.exitcode))


def train_member(member, command):
    """Train, measure and draw a Member of a Study in a process that has loaded nothing yet. Returns how it Ended."""
    from experiment.training.runtime import tf  # isort: skip
    from experiment.files.checkpoints import CheckpointError
    from experiment.run import run_member
    from experiment.settings.refusals import ConfigError
    from experiment.training.loop import TrainingError
    from image_data.splits import DataError
    from models.networks import NetworkError

    try:
        return Ended(DONE if run_member(member, command) else STOPPED)
    except TrainingError as error:
        return Ended(DIVERGED, str(error))
    except (ConfigError, DataError, NetworkError, CheckpointError) as error:  # what a user can mend, in one line
        return Ended(FAILED, str(error).removeprefix(f"{member.run.name}: "))
    except (MemoryError, tf.errors.ResourceExhaustedError):
        return Ended(FAILED, "out of memory: expected models and batches that fit; lower --jobs or --batch_size")


@contextmanager
def _signals_wait():
    """A context in which Ctrl-C waits; a process that is begun there gets it when it can deal with it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which would let signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(sender, log, function, arguments):
    """What the process does: it leaves the group of its parent, calls the function, and sends how it Ended."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    with open(log, "a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        threading.Thread(target=_end_with_parent, daemon=True).start()
        ended = function(*arguments)
    except KeyboardInterrupt:
        ended = Ended(STOPPED)
    except Exception as error:
        traceback.print_exc()
        ended = Ended(FAILED, " ".join(str(error).split()) or type(error).__name__)
    print(f"{ended.how}{': ' * bool(ended.reason)}{ended.reason}")
    sender.send(ended)


def _end_with_parent():
    parent_process().join()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(PATIENCE)
    os._exit(1)


def _exit_in_words(code):
    """'was killed (SIGKILL), as the system does where memory runs out', of the exit code of a process."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"was killed ({name})" + (", as the system does where memory runs out" if name == "SIGKILL" else "")
