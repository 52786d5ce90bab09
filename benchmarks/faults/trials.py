"""What all faults share: trials, runs in processes of their own, and whether two runs have the same bits."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from experiment.files.names import CHECKPOINTS, CONFIG_FILE, METRICS_FILE, OUTPUTS, STATE_FILE, WEIGHTS_SUFFIX
from experiment.files.records import read_metrics

PROGRAM = Path(__file__).resolve().parents[2] / "assignment.py"
PATIENCE = 300.0  # seconds, for what takes a few on an idle machine
OF_THE_CLOCK = ("images_per_second",)


class Trial(NamedTuple):
    """One fault: what was done, and what was wrong afterwards, "" where nothing was."""

    what: str
    problem: str = ""


def start(folder, flags, log="log.txt", **environment):
    """A process of assignment.py in `folder`, which is made; what it prints goes to a file there."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / log, "w", encoding="utf-8") as file:
        return subprocess.Popen(
            [sys.executable, PROGRAM, *map(str, flags)],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )


def finish(folder, flags, log="log.txt", **environment):
    """Run assignment.py to its end. Returns its exit code."""
    return start(folder, flags, log, **environment).wait(PATIENCE)


def printed(folder, log="log.txt"):
    """What the last process in `folder` printed."""
    return (folder / log).read_text(encoding="utf-8", errors="replace")


def last_line(folder):
    """The last line that it printed."""
    return (printed(folder).strip().splitlines() or [""])[-1]


def rows_of(folder, run):
    """The rows of a run's metrics.jsonl so far."""
    path = folder / OUTPUTS / run / METRICS_FILE
    return read_metrics(path) if path.is_file() else []


def wait_until(condition, process):
    """Wait until condition() holds. Returns whether it came to hold while the process was running."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return process.poll() is None


def has_state(folder, run):
    """Whether a run can be resumed."""
    return (folder / CHECKPOINTS / run / STATE_FILE).is_file()


def differences(whole, other, run):
    """In what two runs of the same name differ, in two folders: text, "" where they have the same bits.

    Compared are settings, the state (weights, averages, slots of the optimizer), all saved weights and all metrics.
    """
    ours, theirs = (folder / CHECKPOINTS / run for folder in (whole, other))
    names = [{path.name for path in each.glob(f"*{WEIGHTS_SUFFIX}")} for each in (ours, theirs)]
    found = [] if names[0] == names[1] else [f"weights {sorted(names[0] ^ names[1])}"]
    if (ours / CONFIG_FILE).read_bytes() != (theirs / CONFIG_FILE).read_bytes():
        found.append(CONFIG_FILE)
    pairs = {STATE_FILE: [dict(np.load(each / STATE_FILE)) for each in (ours, theirs)]}
    pairs |= {name: [arrays_of(each / name) for each in (ours, theirs)] for name in sorted(names[0] & names[1])}
    for name, (first, second) in pairs.items():
        if first.keys() != second.keys():
            found.append(f"{name}: other arrays")
            continue
        found += [f"{name}: {key}" for key in first if first[key].tobytes() != second[key].tobytes()]
    if timeless(rows_of(whole, run)) != timeless(rows_of(other, run)):
        found.append(METRICS_FILE)
    half_made = [path.name for path in other.rglob(".tmp*")]
    return "; ".join(found + [f"{name} is left" for name in half_made])


def arrays_of(path):
    """The arrays of an HDF5 file by their paths."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, each: found.update({name: each[()]}) if isinstance(each, h5py.Dataset) else None)
    return found


def timeless(rows):
    """Rows of metrics without what depends on the clock."""
    return [json.dumps({key: value for key, value in row.items() if key not in OF_THE_CLOCK}) for row in rows]
