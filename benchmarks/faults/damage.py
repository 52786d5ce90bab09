"""Files of a run that are truncated or changed: noticed in one line, or without consequence."""

import contextlib
import gzip
import io
import tracemalloc
from dataclasses import asdict
from functools import partial

import numpy as np
import tensorflow as tf

from benchmarks.faults.images import MEGABYTES, changed
from benchmarks.faults.trials import Trial, finish, printed
from data_utils import load_dataset
from experiment.files.checkpoints import CheckpointError, load_weights, restore_state
from experiment.files.names import (
    CHECKPOINTS,
    CONFIG_FILE,
    METRICS_FILE,
    OUTPUTS,
    PREVIOUS_STATE_FILE,
    RESULTS_FILE,
    STATE_FILE,
    load_config,
    read_results,
)
from experiment.files.records import MetricsLog, RecordError, read_metrics
from experiment.settings.refusals import ConfigError
from experiment.training.loop import plan_steps
from experiment.training.state import TrainingState
from image_data.arrays import read_idx, read_npz
from image_data.cache import cached_array
from image_data.lists import by_file, read_csv
from image_data.splits import DataError
from models.build import build_model

RUN = "damaged"
FLAGS = ["--run_name", RUN, "--dataset", "digits", "--limit", "100", "--hidden_sizes", "8", "--num_epochs", "2"]
WEIGHTS, CACHED = "vae.weights.h5", "cached"
SHARES = (0.0, 0.01, 0.25, 0.5, 0.99)  # of a truncated file
REFUSALS = (ConfigError, CheckpointError, RecordError, DataError)
GIVEN = {
    "images.idx": read_idx,
    "images.idx.gz": read_idx,
    "arrays.npz": read_npz,
    "labels.csv": lambda path: by_file(path, read_csv(path), num_values=1),
}


def damage(count, generator, folder):
    """Truncate files of a finished run, or flip one of their bits, one at a time, and read them.

    A file is harmless where what is read from it is what was there. The newest state may also be replaced by the one
    before it, with a warning. Yields a Trial for each.
    """
    readers = Readers(folder)

    def hurt(content, turn):
        turn, is_flipped = divmod(turn, 2)
        if turn < len(SHARES) and not is_flipped:
            return content[: int(SHARES[turn] * len(content))], f"truncated at {SHARES[turn]:.0%}"
        position, bit = int(generator.integers(len(content))), int(generator.integers(8))
        flipped = bytearray(content)
        flipped[position] ^= 1 << bit
        return bytes(flipped), f"bit {bit} of byte {position:,} of {len(content):,}"

    yield from trials_of(count, readers, hurt)


def fuzz(count, generator, folder):
    """Change files of a finished run, and files that users give: noise, bytes more and fewer, flipped bits.

    What a file of a user holds after the change is what it now says, so any value will do there. Yields a Trial for
    each.
    """
    readers = Readers(folder)
    readers.add_given_files(folder / "given")
    tracemalloc.start()
    yield from trials_of(count, readers, lambda content, turn: changed(content, generator))
    tracemalloc.stop()


def trials_of(count, readers, hurt):
    """Change and read one file after the other, and put it back. hurt: content, turn -> other content, words."""
    before = {name: read() for name, read in readers.by_file.items()}
    names = sorted(before)
    for index in range(count):
        name = names[index % len(names)]
        path = readers.paths[name]
        whole = {each: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}
        content, what = hurt(whole[path], index // len(names))
        path.write_bytes(content)
        tracemalloc.reset_peak()
        problem = problem_of(readers.by_file[name], before[name], readers.previous)
        peak = tracemalloc.get_traced_memory()[1] / 1e6  # 0 where it is not traced
        yield Trial(f"{name}, {what}", problem or (f"{peak:.0f} MB of memory" if peak > MEGABYTES else ""))
        for each in [each for each in path.parent.iterdir() if each.is_file() and each not in whole]:
            each.unlink()
        for each, kept in whole.items():
            each.unlink(missing_ok=True)  # two names may be of the same file
            each.write_bytes(kept)


def problem_of(read, before, previous):
    """What is wrong with how a changed file is read; "" where it is refused in one line, or read as it was.

    With a warning it may also be the state that was saved before it, or the first rows of the metrics.
    """
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            found = read()
        if found is None and before is not None:
            return ""  # as good as missing: the same command writes it again
    except REFUSALS as error:
        return "" if "\n" not in str(error) else f"{type(error).__name__} of several lines"
    except Exception as error:  # what a user would see as a traceback
        return f"{type(error).__name__}: {error}"
    expected = before
    if "WARNING" in printed.getvalue():
        expected = before[: len(found)] if isinstance(before, list) else previous
    return "" if same(found, expected) else "read as something else, unnoticed"


def only_read(read, path):
    """Read a file, whatever it holds."""
    read(path)


def same(first, second):
    """Whether two nests of lists, dicts and arrays are equal to the bit."""
    return repr_of(first) == repr_of(second)


def repr_of(nest):
    if isinstance(nest, dict):
        return {name: repr_of(each) for name, each in nest.items()}
    if isinstance(nest, (list, tuple)):
        return [repr_of(each) for each in nest]
    return nest.tobytes() if isinstance(nest, np.ndarray) else repr(nest)


class Readers:
    """How the program reads each file of a run."""

    def __init__(self, folder):
        if finish(folder, FLAGS):
            raise RuntimeError(printed(folder))
        self.checkpoints, outputs, self.cache = folder / CHECKPOINTS / RUN, folder / OUTPUTS / RUN, folder / CACHED
        self.config = load_config(self.checkpoints)
        plan = plan_steps(load_dataset("digits", limit=100).train, self.config)
        self.state = TrainingState(build_model(self.config), self.config, plan.num_steps)
        self.last_step = int(np.load(self.checkpoints / STATE_FILE)["step"])
        self.previous = dict(np.load(self.checkpoints / PREVIOUS_STATE_FILE))
        self.previous.pop("digest")
        self.images = np.arange(10_000, dtype=np.uint8)
        self.read_cache()
        (array,) = self.cache.rglob("*.npy")
        self.paths = {
            STATE_FILE: self.checkpoints / STATE_FILE,
            WEIGHTS: self.checkpoints / WEIGHTS,
            f"{WEIGHTS}.sha256": self.checkpoints / f"{WEIGHTS}.sha256",
            CONFIG_FILE: self.checkpoints / CONFIG_FILE,
            RESULTS_FILE: outputs / RESULTS_FILE,
            METRICS_FILE: outputs / METRICS_FILE,
            "images of the cache": array,
            "record of the cache": array.with_suffix(".json"),
        }
        self.by_file = {
            STATE_FILE: self.read_state,
            WEIGHTS: self.read_weights,
            f"{WEIGHTS}.sha256": self.read_weights,
            CONFIG_FILE: lambda: asdict(load_config(self.checkpoints)),
            RESULTS_FILE: lambda: read_results(outputs),
            METRICS_FILE: lambda: self.read_rows(outputs),
            "images of the cache": self.read_cache,
            "record of the cache": self.read_cache,
        }

    def add_given_files(self, folder):
        """Add idx, .npz and .csv files as users give them, with the functions that read them."""
        folder.mkdir()
        images = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
        idx = bytes([0, 0, 8, 3]) + b"".join(side.to_bytes(4, "big") for side in images.shape) + images.tobytes()
        (folder / "images.idx").write_bytes(idx)
        (folder / "images.idx.gz").write_bytes(gzip.compress(idx))
        np.savez(folder / "arrays.npz", images=images, labels=np.arange(3))
        (folder / "labels.csv").write_text("file,label\n" + "".join(f"{name}.png,{name}\n" for name in "abc" * 9))
        for name, read in GIVEN.items():
            self.paths[name] = folder / name
            self.by_file[name] = partial(only_read, read, folder / name)

    def read_state(self):
        for variable in self.state.variables().values():  # nothing is left of the trial before
            variable.assign(tf.zeros_like(variable))
        restore_state(self.state, self.config, self.checkpoints)
        return {name: np.asarray(variable) for name, variable in self.state.variables().items()}

    def read_weights(self):
        model, config = load_weights(self.checkpoints)
        return [weight.numpy() for weight in model.weights], config

    def read_rows(self, outputs):
        """The rows that a continued run keeps."""
        MetricsLog(outputs, self.last_step).close()
        return read_metrics(outputs / METRICS_FILE)

    def read_cache(self):
        """The images of the cache, which is built anew where it is not whole."""

        def build(path):
            np.save(path, self.images)
            return {"made": "here"}

        array, record = cached_array("damaged", "images", self.images.nbytes, build, self.cache)
        return np.array(array), record["made"]
