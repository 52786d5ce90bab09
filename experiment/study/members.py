"""The runs of a study are trained: one after the other in this process, or some at a time, each in its own."""

import time
from contextlib import closing
from multiprocessing.connection import wait

import keras
from tqdm.auto import tqdm

from experiment.files.durations import in_words, seconds_per_epoch
from experiment.files.names import LOG_FILE, METRICS_FILE, OUTPUTS, results_of
from experiment.files.records import last_epoch
from experiment.plan.study import as_it_is_now
from experiment.run import run_member
from experiment.study.process import DIVERGED, DONE, FAILED, Process, train_member
from experiment.training.loop import TrainingError
from experiment.training.terminal import SHOWN, Interruption

SECONDS_BETWEEN_LOOKS = 1.0
HOW_TO_GO_ON = "the same command continues the study"


class MemberError(RuntimeError):
    """A run of a study that ended in its process. One line: which, why, and what to do."""


def train_one_by_one(study, command):
    """Train the runs that are not done. Returns the runs that diverged, name -> reason; None where the user stopped."""
    failed, measured, left = {}, [], [member for member in study.members if not member.is_done]
    for number, planned in enumerate(study.members, 1):
        member = as_it_is_now(planned)
        state = ", done before" if member.is_done else ""
        print(f"\nrun {number} of {len(study.members)}: {member.run.name}{state}")
        if planned in left:
            left.remove(planned)
        if member.is_done:
            continue
        keras.backend.clear_session()
        started = time.monotonic()
        try:
            if not run_member(member, command):
                print(HOW_TO_GO_ON)
                return None
        except TrainingError as error:  # the others are trained and compared all the same
            failed[member.run.name] = str(error)
            print(f"{member.run.name}: {error}")
            continue
        if not member.is_begun:
            measured.append((time.monotonic() - started, member.config.num_epochs))
        if left and measured:
            expected = seconds_per_epoch(measured) * sum(each.config.num_epochs for each in left)
            print(f"\nleft: {len(left)} of {len(study.members)} runs, about {in_words(expected)} at this pace")
    return failed


def train_side_by_side(study, command):
    """The same with as many runs at a time as the Study says, each in a process of its own.

    The first run that fails for another reason than divergence ends the study: the others save their state and stop.

    Raises:
        MemberError: such a run.
    """
    num_left = sum(not member.is_done for member in study.members)
    print(f"\n{min(study.jobs, num_left)} runs at a time; what a run says is in {OUTPUTS}/<run>/{LOG_FILE}")
    waiting, running, failed, broken = list(enumerate(study.members, 1)), {}, {}, None
    is_stopping = False
    with Interruption() as interruption, closing(Overview(study)) as overview:
        try:
            while running or (waiting and not is_stopping):
                while waiting and len(running) < study.jobs and not is_stopping:
                    number, member = waiting.pop(0)
                    if process := _begin(as_it_is_now(member), command):
                        running[process.ending] = number, process
                    overview.say(number, "begins" if process else "done before")
                for ending in wait(list(running), timeout=SECONDS_BETWEEN_LOOKS):
                    number, process = running.pop(ending)
                    name, (how, reason) = study.members[number - 1].run.name, process.ended()
                    if how == DONE:
                        overview.say(number, "done", with_results=True)
                    elif how == DIVERGED:
                        failed[name] = reason
                        overview.say(number, f"diverged: {reason}")
                    elif how == FAILED and not is_stopping:
                        broken = f"{name}: {reason}; see {OUTPUTS / name / LOG_FILE}, and {HOW_TO_GO_ON}"
                    else:
                        interruption.requested = True
                        overview.say(number, "stopped")
                overview.look()
                if (interruption.requested or broken) and not is_stopping:
                    is_stopping = overview.is_stopping = True
                    tqdm.write("stopping: runs that have begun save their state")
                    for _, process in running.values():
                        process.interrupt()
        finally:  # also where the user presses Ctrl-C again
            for _, process in running.values():
                process.interrupt()
            for _, process in running.values():
                process.ended()
    if broken:
        raise MemberError(broken)
    if is_stopping:
        print(HOW_TO_GO_ON)
    return None if is_stopping else failed


def _begin(member, command):
    """The Process of a Member; None where it is done."""
    if member.is_done:
        return None
    member.run.outputs.mkdir(parents=True, exist_ok=True)
    return Process(member.run.outputs / LOG_FILE, train_member, member, command)


class Overview:
    """What a user sees of runs that are trained at the same time: a bar over all epochs, and lines for each run."""

    def __init__(self, study):
        self.is_stopping = False
        self._members, self._done = study.members, {each.run.name for each in study.members if each.is_done}
        self._started, self._first = time.monotonic(), self._epochs_made()
        self._bar = tqdm(
            initial=self._first,
            total=sum(each.config.num_epochs for each in self._members),
            desc=study.name,
            unit=" epochs",
            dynamic_ncols=True,
            **SHOWN,
        )

    def look(self):
        """Move the bar."""
        self._bar.update(self._epochs_made() - self._bar.n)

    def say(self, number, what, with_results=False):
        """A line on a run; with its results, also how long the others will take."""
        run = self._members[number - 1].run
        words = f"run {number} of {len(self._members)} {what}: {run.name}"
        if with_results:
            self._done.add(run.name)
            words += f", test ELBO {results_of(run)['test']['elbo']:.2f}{self._left()}"
        tqdm.write(words)

    def close(self):
        self._bar.close()

    def _epochs_made(self):
        return sum(
            config.num_epochs
            if run.name in self._done
            else min(config.num_epochs, last_epoch(run.outputs / METRICS_FILE))
            for config, run, *_ in self._members
        )

    def _left(self):
        """'; left: 2 of 4 runs, about 12 s at this pace', by the time on the clock for an epoch of any run.

        It is '' where the others are stopped.
        """
        num_left, made = len(self._members) - len(self._done), self._epochs_made()
        if self.is_stopping or not num_left or made == self._first:
            return ""
        pace = (time.monotonic() - self._started) / (made - self._first)
        epochs = sum(each.config.num_epochs for each in self._members) - made
        words = f"about {in_words(pace * epochs)} at this pace" if epochs else "which are measured and drawn"
        return f"; left: {num_left} of {len(self._members)} runs, {words}"
