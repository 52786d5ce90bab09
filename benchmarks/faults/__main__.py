"""Faults on purpose, counted.

    python -m benchmarks.faults kill --count 40 --seed 0

Each fault is a trial. The table of docs/reliability.md has counts. A trial that fails is printed with what was wrong,
and the command exits with 1.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from pkgutil import resolve_name

import experiment.training.runtime  # noqa: F401  first of all that uses TensorFlow  # isort: skip
import numpy as np

from experiment.files.environment import environment

FAULTS = {
    "kill": ("benchmarks.faults.kills:kill", 40, "runs of six kinds killed, half of them within a save, and continued"),
    "torn": ("benchmarks.faults.kills:torn", 20, "kills within the save of a large state"),
    "damage": ("benchmarks.faults.damage:damage", 200, "truncated files and flipped bits"),
    "fuzz": ("benchmarks.faults.damage:fuzz", 500, "noise and other changes in files of a run and of users"),
    "signals": ("benchmarks.faults.signals:signals", 40, "SIGTERM and SIGINT at random times, then continued"),
    "workers": ("benchmarks.faults.signals:workers", 9, "the same to one of two workers, or to both"),
    "full_disk": ("benchmarks.faults.disk:full_disk", 40, "a disk that fills at a random byte of what a run writes"),
    "flags": ("benchmarks.faults.flags:random_flags", 2000, "random command lines"),
    "soak": ("benchmarks.faults.soak:soak", 200, "short runs of many kinds in one process, then a study"),
    "bits": ("benchmarks.faults.bits:bits", 10, "the same runs where hashes, folder, locale, time zone, ... differ"),
    "folders": ("benchmarks.faults.folders:random_folders", 1000, "random folders of images and lists of labels"),
    "images": ("benchmarks.faults.images:random_images", 1000, "random image files, most of them mutated"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "fault", choices=FAULTS, help="; ".join(f"{name}: {words}" for name, (*_, words) in FAULTS.items())
    )
    usual = ", ".join(f"{name} {count}" for name, (_, count, _) in FAULTS.items())
    parser.add_argument("--count", type=int, help=f"how many trials (default: {usual})")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    code, usual, _ = FAULTS[options.fault]
    count, started, num_trials, problems = options.count or usual, time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for trial in resolve_name(code)(count, np.random.default_rng(options.seed), Path(folder)):
            num_trials += 1
            problems += bool(trial.problem)
            print(f"{num_trials:5}  {trial.what}: {trial.problem or 'as it should be'}", flush=True)
    minutes = (time.monotonic() - started) / 60
    print(
        f"{options.fault}: {num_trials - problems} of {num_trials} as they should be; seed {options.seed}, "
        f"{minutes:.1f} min, {environment()['cpu']}"
    )
    sys.exit(1 if problems or not num_trials else 0)


if __name__ == "__main__":
    main()
