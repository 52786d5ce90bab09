"""Runs that are killed with SIGKILL, and go on to the same bits."""

import json
import shutil
import socket
import time
from contextlib import suppress

import numpy as np

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
from experiment.files.names import CHECKPOINTS, PREVIOUS_STATE_FILE, STATE_FILE
from image_data.arrays import read_npz
from image_data.splits import DataError

RUN = "killed"
STEADY = ["--run_name", RUN, "--dataset", "digits", "--limit", "100", "--hidden_sizes", "16", "--batch_size", "10"]
STEADY += ["--num_epochs", "24", "--save_seconds", "0", "--steps_per_call", "2", "--grid", "2"]
DENSE, CONV = ["--latent_size", "4"], ["--network", "conv", "--hidden_sizes", "4", "8"]
KINDS = {
    "VAE": DENSE,
    "CVAE": [*DENSE, "--is_cvae"],
    "HVAE": ["--hierarchical", "--latent_size", "6", "4"],  # with averaged weights and a warm-up
    "capacity": [*DENSE, "--objective", "capacity", "--capacity_epochs", "12", "--learning_rate_schedule", "cosine"],
    "mixed precision": [*DENSE, *CONV, "--precision", "mixed_bfloat16"],
    "two workers": [*DENSE, "--strategy", "multi_worker"],
}


def kill(count, generator, folder):
    """Kill runs of six kinds, at random times and every other time within a save; continue them, and compare.

    Each kind is run once without a kill, and once with its share of the kills, after which the two are compared. So a
    problem is that of all kills of a kind. Yields a Trial for each kill.
    """
    shares = np.array_split(np.arange(count), len(KINDS))
    for (kind, flags), share in zip(KINDS.items(), shares, strict=True):
        if not len(share):
            continue
        whole, killed = folder / kind / "whole", folder / kind / "killed"
        if problem := run_to_the_end(kind, whole, [*STEADY, *flags]):
            raise RuntimeError(problem)
        total = len(rows_of(whole, RUN))
        done = []
        for index, number in enumerate(share):
            least = int(total * (index + generator.uniform(0.2, 0.8)) / (len(share) + 1))
            done.append(kill_once(kind, killed, flags, least, number % 2 == 0, generator))
        again = ["--resume", RUN, *flags[-2:]] if kind == "two workers" else ["--resume", RUN]
        problem = run_to_the_end(kind, killed, again) or differences(whole, killed, RUN)
        yield from (Trial(f"{kind}, killed {when}", problem) for when in done)


def kill_once(kind, folder, flags, least_rows, is_in_save, generator):
    """Start or continue a run, and kill it once it has so many rows of metrics. Returns when that was, in words."""
    again = ["--resume", RUN, *(flags[-2:] if kind == "two workers" else [])]
    if not has_state(folder, RUN):
        shutil.rmtree(folder, ignore_errors=True)
    processes = start_all(kind, folder, again if has_state(folder, RUN) else [*STEADY, *flags])
    victim = processes[0]
    half_made = folder / CHECKPOINTS / RUN / f".tmp-{STATE_FILE}"
    wait_until(lambda: len(rows_of(folder, RUN)) >= least_rows, victim)
    is_in_save = is_in_save and wait_until(half_made.exists, victim)
    if not is_in_save:
        time.sleep(generator.uniform(0.0, 0.1))
    if victim.poll() is not None:
        raise RuntimeError(f"{kind}: ended before it was killed: {last_line(folder)}")
    for process in processes:
        process.kill()
        process.wait()
    where = " within a save" if is_in_save and half_made.exists() else ""
    return f"after {len(rows_of(folder, RUN))} rows{where}"


def run_to_the_end(kind, folder, flags):
    """Run to the end. Returns why it did not come there, or ""."""
    codes = [process.wait(PATIENCE) for process in start_all(kind, folder, flags)]
    return f"exit {codes}: {last_line(folder)}" if any(codes) else ""


def start_all(kind, folder, flags):
    """The processes of a run, the chief first."""
    if kind != "two workers":
        return [start(folder, flags)]
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    named = [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}) for index in (0, 1)
    ]
    return [
        start(folder, flags, log, TF_CONFIG=text) for log, text in zip(("log.txt", "log_1.txt"), named, strict=True)
    ]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


LARGE = [*STEADY, "--hidden_sizes", "1200", "600"]  # 3.3 million weights with two slots each: a state of 40 MB


def torn(count, generator, folder):
    """Kill a run within the save of a large state, and look at what is left: the newest state or the one before it.

    Yields a Trial for each kill.
    """
    if finish(folder, [*LARGE, "--num_epochs", "1"]):
        raise RuntimeError(printed(folder))
    checkpoints = folder / CHECKPOINTS / RUN
    megabytes = (checkpoints / STATE_FILE).stat().st_size / 1e6
    for _ in range(count):
        process = start(folder, ["--resume", RUN, "--num_epochs", "1000"])
        half_made = checkpoints / f".tmp-{STATE_FILE}"
        num_rows = len(rows_of(folder, RUN)) + int(generator.integers(1, 4))
        is_in_save = wait_until(lambda: len(rows_of(folder, RUN)) >= num_rows, process)  # noqa: B023
        is_in_save = is_in_save and wait_until(half_made.exists, process)
        time.sleep(generator.uniform(0.0, 0.05))
        if process.poll() is not None:
            raise RuntimeError(f"ended before it was killed: {last_line(folder)}")
        process.kill()
        process.wait()
        states = {}
        for name in (STATE_FILE, PREVIOUS_STATE_FILE):
            with suppress(DataError):
                states[name] = read_npz(checkpoints / name)["step"]
        where = "within the save" if is_in_save and half_made.exists() else "about the save"
        problem = "" if len(states) == 2 else f"whole: {sorted(states) or 'none'}; {last_line(folder)}"
        yield Trial(f"{megabytes:.0f} MB, {where}, steps {[*map(int, states.values())]}", problem)
