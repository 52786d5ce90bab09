"""Runs by name: where a run's files are, which name is free, which run is meant and with which settings."""

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from experiment.config import NEWEST, Config, ConfigError, resolve, resolve_loaded, resolve_resumed

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, nobody watches
    fcntl = None

CHECKPOINTS, OUTPUTS = Path("model_ckpts"), Path("outputs")
CONFIG_FILE = "config.json"


class Run(NamedTuple):
    """A run and its two folders, relative to the folder that the program was started in."""

    name: str

    @property
    def checkpoints(self):
        return CHECKPOINTS / self.name

    @property
    def outputs(self):
        return OUTPUTS / self.name

    def create(self):
        """Make both folders, or none. An older run of this name is never touched: raises FileExistsError."""
        self.checkpoints.mkdir(parents=True)
        try:
            self.outputs.mkdir(parents=True)
        except OSError:
            self.checkpoints.rmdir()
            raise

    @contextmanager
    def held(self):
        """Hold the run for this process while the block lasts. Raises ConfigError where another process holds it."""
        if not fcntl:
            yield
            return
        folder = os.open(self.checkpoints, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(folder)
            raise ConfigError(f"{self.name}: another process is training this run; stop it, or let it end") from None
        try:
            yield
        finally:
            os.close(folder)


def next_free_run(family):
    """The run `family`, or else `family_2`, `family_3`, ...: the one after the last name that is taken."""
    taken = [number for number, _ in _members(family)]
    return Run(family if not taken else f"{family}_{max(taken) + 1}")


def newest_run(family):
    """The run with weights of the highest number in a family. Raises ConfigError where there is none."""
    trained = [run for _, run in _members(family) if (run.checkpoints / CONFIG_FILE).is_file()]
    if not trained:
        raise ConfigError(
            f"no saved run named {family} in {CHECKPOINTS}/ ({_known_runs()}): train it first, or name another run"
        )
    return trained[-1]


def find_run(name, family):
    """The folder with a run's config.json, from what a user typed: NEWEST, a run's name, its folder or a file in it."""
    if name == NEWEST:
        return newest_run(family).checkpoints
    for folder in (Path(name), Path(name).parent, CHECKPOINTS / name):
        if (folder / CONFIG_FILE).is_file():
            return folder
    raise ConfigError(f"{name}: expected a run with its {CONFIG_FILE}, found none ({_known_runs()})")


def configure(given):
    """Given settings (a dict) -> the Config that they ask for, with the saved settings of a run that they name."""
    family = resolve(given).family
    if "resume" in given:
        folder = find_run(given["resume"], family)
        if folder.resolve().parent != CHECKPOINTS.resolve():
            raise ConfigError(f"--resume {folder}: expected a run in {CHECKPOINTS}/; start in the folder that holds it")
        return resolve_resumed({**given, "resume": folder.name}, load_config(folder))
    if "load_weights" in given:
        folder = find_run(given["load_weights"], family)
        saved = load_config(folder)
        is_file = given["load_weights"].endswith(".weights.h5")
        path = Path(given["load_weights"]) if is_file else folder / f"{saved.model}.weights.h5"
        return resolve_loaded({**given, "load_weights": str(path)}, saved)
    return resolve(given)


def load_config(folder):
    """The Config of a run's folder. Raises ConfigError where it is missing or damaged."""
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; expected the settings that were saved with the weights")
    return Config.from_json(path.read_text(encoding="utf-8", errors="replace"), path)


def _members(family):
    """(number, run) of every folder of a family, by number: `family` is number 1."""
    pattern = re.compile(re.escape(family) + r"(?:_([2-9]|[1-9]\d+))?")
    names = {path.name for root in (CHECKPOINTS, OUTPUTS) if root.is_dir() for path in root.iterdir()}
    matches = (pattern.fullmatch(name) for name in names)
    return sorted((int(match[1] or 1), Run(match[0])) for match in matches if match)


def _known_runs():
    names = sorted(path.parent.name for path in CHECKPOINTS.glob(f"*/{CONFIG_FILE}"))
    return "saved runs: " + (", ".join(names) if names else "none")
