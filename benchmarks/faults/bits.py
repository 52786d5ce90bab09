"""The same seed gives the same bits, whatever the process is told of the world around it.

python -m benchmarks.faults.bits    # the checksums of fixed small runs on this machine
"""

import hashlib
import locale
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import experiment.training.runtime  # noqa: F401  first of all that uses TensorFlow  # isort: skip
import numpy as np
from PIL import Image

from benchmarks.faults.trials import PATIENCE, Trial
from data_utils import load_dataset
from experiment.files.data import read_data, settle_with_data
from experiment.files.environment import environment
from experiment.plan.run import configure
from experiment.training.loop import fit, plan_steps
from experiment.training.state import TrainingState
from models.build import build_model

PROJECT = Path(__file__).resolve().parents[2]
DIGITS = {"dataset": "digits", "limit": 100, "num_epochs": 1, "batch_size": 20, "hidden_sizes": (32,), "seed": 7}
GRAPHS = {**DIGITS, "xla": "off"}  # they are there in a third of the time
FOLDER = {"dataset": "folder", "image_size": (28,), "grayscale": True, "hidden_sizes": (4, 8), "num_epochs": 1}
RUNS = {
    "VAE": {**DIGITS, "latent_size": (4,)},
    "CVAE": {**GRAPHS, "latent_size": (4,), "is_cvae": True},
    "HVAE": {**GRAPHS, "latent_size": (6, 4), "hierarchical": True},
    "folder": {**FOLDER, "latent_size": (4,), "batch_size": 20, "seed": 7},
}
ORDER = "ORDER_OF_FILES"  # the environment variable with the seed of the order in which the files are made
THREADS = ("1 thread", "2 threads")  # each adds up gradients of convolutions in its own parts: docs/reliability.md
WORLDS = {  # what a process is told; a number stands for a random one
    "other hashes": {"PYTHONHASHSEED": "{}"},
    "another folder": {},
    "LC_ALL=C": {"LC_ALL": "C"},
    "LC_ALL=C.UTF-8": {"LC_ALL": "C.UTF-8"},
    "LC_ALL=tr_TR.UTF-8": {"LC_ALL": "tr_TR.UTF-8"},
    "another time zone": {"TZ": "Pacific/Kiritimati"},
    "files made in another order": {ORDER: "{}"},
    "without HOME": {"HOME": None},
    **{name: dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), name[0]) for name in THREADS},
}


def bits(count, generator, folder):
    """Train four small models in processes that differ in one thing. Yields a Trial for each.

    All bits are to be those of the usual world, but those of convolutions where the number of threads is another.
    Locales that the machine does not know are left out.
    """
    (folder / "usual").mkdir()
    usual = printed_sums(folder / "usual", {})
    worlds = [name for name, told in WORLDS.items() if is_known(told.get("LC_ALL", "C"))]
    for index in range(count):
        name, number = worlds[index % len(worlds)], int(generator.integers(1, 2**31))
        place = folder / f"{index} \u00e9"
        place.mkdir()
        told = {key: value and value.format(number) for key, value in WORLDS[name].items()}
        found = printed_sums(place, told)
        yield compared(name, usual, found)


def compared(name, usual, found):
    """The Trial of a world in which these checksums were found."""
    others = [run for run in RUNS if found.get(run) != usual[run]]
    if name in THREADS and others == ["folder"]:
        return Trial(f"{name}, other bits with convolutions")
    return Trial(name, f"other bits: {', '.join(others)}" if others else "")


def printed_sums(folder, told):
    """Run -> the checksum that a process prints in a folder, which is told so much more of the world, or less."""
    world = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONIOENCODING": "utf-8", **told}
    world = {name: value for name, value in world.items() if value is not None}
    command = [sys.executable, "-m", "benchmarks.faults.bits"]
    done = subprocess.run(command, cwd=folder, env=world, capture_output=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-500:])
    lines = done.stdout.decode("utf-8").splitlines()
    return {run: line.split()[1] for line in lines for run in RUNS if line.startswith(f"{run} ")}


def is_known(name):
    """Whether this machine has a locale."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_ALL, before)
    return True


# --- In the process ---------------------------------------------------------------------------------------------------


def sums(folder):
    """(run, checksum of all its weights and the slots of its optimizer), for each of RUNS."""
    write_digits(folder / "digits", int(os.environ.get(ORDER, "0")))
    for name, given in RUNS.items():
        if given["dataset"] == "folder":
            given = {**given, "data_dir": str(folder / "digits"), "cache_dir": str(folder / "cache")}
        yield name, sum_of(given)


def sum_of(given):
    """The checksum of a run with these settings, trained to its end."""
    config, _ = configure(given)
    dataset = read_data(config)
    config = settle_with_data(config, dataset)
    state = TrainingState(build_model(config), config, plan_steps(dataset.train, config).num_steps)
    for _ in fit(state, dataset.train, config):
        pass
    total = hashlib.sha256()
    for variable in state.variables().values():
        total.update(np.asarray(variable).tobytes())
    return total.hexdigest()[:16]


def write_digits(folder, seed):
    """A hundred digits as PNG files in class folders, made in an order that the seed says."""
    digits = load_dataset("digits", limit=100).train
    for index in np.random.default_rng(seed).permutation(100):
        place = folder / str(digits.labels[index].argmax())
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.images[index, :, :, 0]).save(place / f"{index}.png")


def main():
    with tempfile.TemporaryDirectory(prefix="bits-") as folder:
        for name, checksum in sums(Path(folder)):
            print(name, checksum, flush=True)
    machine = environment()
    print(f"{machine['cpu']}, {', '.join(f'{name} {version}' for name, version in machine['versions'].items())}")


if __name__ == "__main__":
    main()
