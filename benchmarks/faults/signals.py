"""Runs that are told to stop, by SIGTERM or SIGINT, at any time of their life."""

import os
import re
import resource
import shutil
import signal
import subprocess
import time

from benchmarks.faults import kills
from benchmarks.faults.trials import (
    PATIENCE,
    Trial,
    differences,
    finish,
    has_state,
    last_line,
    printed,
    rows_of,
    start,
    wait_until,
)

RUN = "stopped"
FLAGS = ["--run_name", RUN, "--dataset", "digits", "--limit", "400", "--hidden_sizes", "16", "--batch_size", "10"]
FLAGS += ["--num_epochs", "12", "--evaluate", "--iw_samples", "50", "--latent_size", "4", "--grid", "2"]
STUDY = ["--dataset", "digits", "--limit", "100", "--hidden_sizes", "8", "--num_epochs", "8", "--seeds", "0", "1"]
TWO_WORKERS = "two workers"
TOLD = {"the chief": slice(0, 1), "the other worker": slice(1, 2), "both workers": slice(0, 2)}
LIMIT = 10.0  # seconds from the signal to the end of the process
SAVED = 130  # the exit code of a run that has saved its state and says how to go on, whichever signal asked for it
CODES = {signal.SIGINT: {SAVED, -signal.SIGINT}, signal.SIGTERM: {143, -signal.SIGTERM}}


def signals(count, generator, folder):
    """Signals to a run while it reads, compiles, trains, saves, evaluates and draws, and every fifth to a study.

    When is drawn in seconds of the processor, so that other programs do not change what a signal meets. The run is then
    continued to its end by the command that it printed; without one, from its start. Yields a Trial for each signal.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a script ignores it, as do its runs
    whole = {"run": folder / "whole", "study": folder / "whole_study"}
    seconds = {}
    for kind, flags in (("run", FLAGS), ("study", STUDY)):
        earlier = seconds_of_children()
        if finish(whole[kind], flags):
            raise RuntimeError(printed(whole[kind]))
        seconds[kind] = seconds_of_children() - earlier
    for index in range(count):
        kind, number = "study" if index % 5 == 4 else "run", (signal.SIGINT, signal.SIGTERM)[index % 2]
        at = generator.uniform(0.0, seconds[kind])
        place = folder / f"{index}"
        yield stop_once(kind, number, at, place, whole[kind])
        shutil.rmtree(place, ignore_errors=True)


def stop_once(kind, number, at, folder, whole):
    """The Trial of one signal, when the process has computed for `at` seconds."""
    flags = FLAGS if kind == "run" else STUDY
    earlier = seconds_of_children()
    process = start(folder, flags)
    is_over = not wait_until(lambda: seconds_of(process) >= at, process)
    computed = 0.0 if is_over else seconds_of(process)
    process.send_signal(number)
    sent = time.monotonic()
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    seconds, text = time.monotonic() - sent, printed(folder)
    stage = stage_of(folder, text)
    computed = seconds_of_children() - earlier - computed
    what = f"{kind}, {number.name} after {at:.1f} s, {stage}: {seconds:.1f} s, {computed:.1f} s of them computing"
    problems = [f"took more than {LIMIT:.0f} s"] * (seconds > LIMIT)
    if is_over or code == 0:  # it came when nothing was left to stop
        problems += [f"exit {code} {last_line(folder)}"] * bool(code)
        return Trial(f"{kind}, {number.name} at its end", "; ".join(problems or differing(whole, folder, kind)))
    named = re.search(r"with: python assignment.py (--resume \S+)", text)
    is_right = code in CODES[number] or (code == SAVED and (named or "the same command continues" in text))
    problems += [f"exit {code}"] * (not is_right) + ["a traceback"] * ("Traceback" in text)
    again = flags  # of a study, the same command
    if kind == "run" and (named or has_state(folder, RUN)):
        again = named[1].split() if named else ["--resume", RUN]
    elif kind == "run":
        shutil.rmtree(folder)
    if finish(folder, again):
        problems.append(f"not continued: {last_line(folder)}")
    return Trial(what, "; ".join(problems or differing(whole, folder, kind)))


def workers(count, generator, folder):
    """Signals to the chief of two workers, to the other one, and to both by turns, while they train.

    Both are to end, whichever was told to. Yields a Trial for each signal.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    flags, whole = [*kills.STEADY, *kills.KINDS[TWO_WORKERS]], folder / "whole"
    if problem := kills.run_to_the_end(TWO_WORKERS, whole, flags):
        raise RuntimeError(problem)
    total = len(rows_of(whole, kills.RUN))
    for index in range(count):
        number, told = (signal.SIGINT, signal.SIGTERM)[index % 2], list(TOLD)[index % len(TOLD)]
        place, least = folder / f"{index}", int(total * generator.uniform(0.1, 0.9))
        yield stop_workers(number, told, least, flags, place, whole)
        shutil.rmtree(place, ignore_errors=True)


def stop_workers(number, told, least_rows, flags, folder, whole):
    """The Trial of one signal to some of two workers, once there are so many rows of metrics."""
    processes = kills.start_all(TWO_WORKERS, folder, flags)
    if not wait_until(lambda: len(rows_of(folder, kills.RUN)) >= least_rows, processes[0]):
        raise RuntimeError(f"ended before it was told to: {last_line(folder)}")
    for process in processes[TOLD[told]]:
        process.send_signal(number)
    sent = time.monotonic()
    codes = [process.wait(PATIENCE) for process in processes]
    seconds = time.monotonic() - sent
    problems = [f"took more than {LIMIT:.0f} s"] * (seconds > LIMIT)
    problems += [f"exit {codes}"] * (codes != [SAVED, SAVED])
    again = ["--resume", kills.RUN, *flags[-2:]]
    problem = kills.run_to_the_end(TWO_WORKERS, folder, again) or differences(whole, folder, kills.RUN)
    what = f"{number.name} to {told} after {least_rows} rows: {seconds:.1f} s"
    return Trial(what, "; ".join([*problems, *filter(None, [problem])]))


def differing(whole, folder, kind):
    """In what the runs of a kind differ from those that were not stopped: texts."""
    runs = [RUN] if kind == "run" else ["digits_vae_seed0", "digits_vae_seed1"]
    return [*filter(None, (differences(whole, folder, run) for run in runs))]


def seconds_of(process):
    """The processor time that a process has taken so far, in seconds."""
    with open(f"/proc/{process.pid}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def seconds_of_children():
    """That of all processes that this one has begun and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stage_of(folder, text):
    """What a run was at, by what it had printed and written."""
    if not list(folder.glob("outputs/*/metrics.jsonl")):
        return "before training"
    if list(folder.glob("outputs/*/results.json")) or "stopped in the evaluation" in text:
        return "evaluating or drawing"
    return "training" if list(folder.glob("model_ckpts/*/*.last.weights.h5")) else "compiling or in the first epoch"
