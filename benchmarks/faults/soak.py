"""Many short runs in one process, as in a notebook, and studies of many runs: memory and open files stay flat."""

import contextlib
import ctypes
import gc
import io
import os
import sys
from contextlib import contextmanager

import numpy as np

import assignment
from benchmarks.faults.trials import Trial
from data_utils import load_dataset
from experiment.api import train

DENSE, CONV = {"hidden_sizes": (16,), "latent_size": 4}, {"network": "conv", "hidden_sizes": (4, 8), "latent_size": 4}
LEVELS = {"hierarchical": True, "latent_size": (6, 4)}
KINDS = {
    "VAE": DENSE,
    "CVAE": {**DENSE, "is_cvae": True},
    "HVAE": {**DENSE, **LEVELS},
    "CHVAE": {**DENSE, **LEVELS, "is_cvae": True},
    "chain": {**DENSE, **LEVELS, "hierarchy": "chain"},
    "convolutions": {**CONV, "activation": "silu"},
    "maps": {**CONV, **LEVELS, "latent_size": ("7x7x2", 4)},
}
# TensorFlow keeps every program that XLA compiled until the process ends, some 20 MB each: docs/reliability.md.
WITHOUT_XLA = {"xla": "off", "num_epochs": 1, "batch_size": 10, "grid": 2}
STUDY = "--dataset digits --limit 30 --hidden_sizes 8 --batch_size 10 --num_epochs 1 --xla off --run_name long --seeds"
MEGABYTES = 2.0  # by how much memory may grow a run; with the graphs of silu, which were kept once, it was more


def soak(count, generator, folder):
    """Train `count` models of seven kinds on some digits, 2 to 5 steps each, then a study of a quarter as many seeds.

    Yields a Trial for each run, and one for the study. Open files are counted, and are to be no more than after the
    first seven runs. Memory is that which is resident; a line through the second half of the runs gives its growth.
    """
    digits, names = load_dataset("digits").train, list(KINDS)
    megabytes, first_files = [], None
    with within(folder):
        for index in range(count):
            kind, num_steps = names[index % len(names)], int(generator.integers(2, 6))
            some = generator.choice(len(digits.images), 10 * num_steps + 20, replace=False)
            images, labels = digits.images[some], digits.labels[some].argmax(axis=1)
            held_out = images[-20:], labels[-20:]
            with quiet():
                train(
                    *(images[:-20], labels[:-20], held_out, held_out),
                    label_names=tuple("0123456789"),
                    **{**WITHOUT_XLA, **KINDS[kind], "run_name": f"run_{index}", "seed": index},
                )
            megabytes.append(resident_megabytes())
            num_files = open_files()
            if index == min(len(names), count) - 1:
                first_files = num_files
            what = f"{kind}, {num_steps} steps: {megabytes[-1]:.0f} MB, {num_files} open files"
            problems = [f"{first_files} files were open at first"] * (num_files > (first_files or num_files))
            if index == count - 1:
                what, problem = of_growth(what, megabytes[count // 2 :])
                problems += problem
            yield Trial(what, "; ".join(problems))
        yield of_study(max(2, count // 4))


def of_study(num_runs):
    """The Trial of a study of so many runs in this process, after one of half of them."""
    found = []
    for seeds in (num_runs // 2, num_runs):
        code = 2  # that of errors, which end the program
        with quiet(), contextlib.suppress(SystemExit):
            code = assignment.main([*STUDY.split(), *map(str, range(seeds))])
        found.append((resident_megabytes(), open_files()))
    (before, files_before), (after, files) = found
    growth = (after - before) / (num_runs - num_runs // 2)
    what = f"a study of {num_runs} runs: {after:.0f} MB, {growth:+.2f} MB a run, {files} open files"
    problems = [f"exit {code}"] * bool(code) + [f"{files_before} files were open"] * (files > files_before)
    return Trial(what, "; ".join(problems + [f"more than {MEGABYTES} MB a run"] * (growth > MEGABYTES)))


def of_growth(what, megabytes):
    """The words of the last run with the growth of memory over runs, and a list of what is wrong with it."""
    growth = np.polyfit(range(len(megabytes)), megabytes, 1)[0] if len(megabytes) > 1 else 0.0
    what = f"{what}; {growth:+.2f} MB a run over the last {len(megabytes)}"
    return what, [f"more than {MEGABYTES} MB a run"] * (growth > MEGABYTES)


def resident_megabytes():
    """The memory that this process needs, in MB."""
    gc.collect()  # graphs refer to themselves, and go when Python next looks
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)  # glibc keeps what was freed for the next time
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_files():
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def within(folder):
    """Work in a folder while the block lasts."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def quiet():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
