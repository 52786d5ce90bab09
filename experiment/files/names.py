"""Runs by name: where the files of a run are, which name is free, which run a user means."""

import os
import re
import shlex
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from atomic_files import held, unsealed
from experiment.settings.combine import config_of
from experiment.settings.presets import asks_for
from experiment.settings.refusals import ConfigError
from experiment.settings.values import NEWEST

CHECKPOINTS, OUTPUTS = Path("model_ckpts"), Path("outputs")
SHIPPED = Path(__file__).resolve().parents[2] / CHECKPOINTS  # weights that come with the project
CONFIG_FILE, STATE_FILE, WEIGHTS_SUFFIX, CARD_FILE = "config.json", "state.npz", ".weights.h5", "README.md"
PREVIOUS_STATE_FILE, STATES = "state.previous.npz", "state*.npz"
METRICS_FILE, RESULTS_FILE, TABLE_FILE, REPORT_FILE = "metrics.jsonl", "results.json", "results.txt", "report.html"
LOG_FILE = "train.log"  # what a run printed that had no screen


def command_line(*words):
    """A command that can be typed as it stands, whatever its names hold."""
    return shlex.join(map(str, words))


def how_to_resume(run, config):
    """What continues a run that was stopped, as it is typed: a command, or a call where its images came from Python."""
    if config.dataset == "arrays" and not config.data_dir:
        return f"train(images, resume={run.name!r}, ...) with the same images"
    return command_line("python", "assignment.py", "--resume", run.name)


def as_file_name(text):
    """A text as the name of a file on any system, such as that of a class: 'cats/dogs?' -> 'cats_dogs_'."""
    return re.sub(r"[^\w.-]", "_", text)[:40]


class Run(NamedTuple):
    """A run and its two folders, relative to the folder that the program was started in."""

    name: str

    @property
    def checkpoints(self):
        return CHECKPOINTS / self.name

    @property
    def outputs(self):
        return OUTPUTS / self.name

    def claim(self):
        """Create the run's folders where they are missing, for a run that has no files yet."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.outputs.mkdir(parents=True, exist_ok=True)

    def create(self, has_checkpoints=True):
        """Create the run's folders, both or none. Raises FileExistsError if an older run has this name."""
        if has_checkpoints:
            self.checkpoints.mkdir(parents=True)
        try:
            self.outputs.mkdir(parents=True)
        except OSError:
            if has_checkpoints:
                os.removedirs(self.checkpoints)  # with model_ckpts/, where it is empty
            raise

    def release(self):
        """Remove the run's folders where they are empty, so that the name of a run that cannot begin is free again."""
        for folder in (self.outputs, self.checkpoints):
            with suppress(OSError):
                folder.rmdir()

    @contextmanager
    def held(self):
        """Lock the run for this process during the block. Raises ConfigError if another process holds it."""
        try:
            lock = ExitStack()
            lock.enter_context(held(self.checkpoints))
        except BlockingIOError:
            raise ConfigError(f"{self.name}: another process is training this run; stop it, or let it end") from None
        with lock:
            yield


def next_free_run(family):
    """The Run `family`, or `family_2`, `family_3`, ...: one number above the highest that exists."""
    taken = [number for number, _ in _members(family)]
    return Run(family if not taken else f"{family}_{max(taken) + 1}")


def newest_run(family, file):
    """The run of a family with the highest number whose folder holds `file`. Raises ConfigError if there is none."""
    trained = [run for _, run in _members(family) if any(run.checkpoints.glob(file))]
    if not trained:
        raise ConfigError(
            f"no saved run named {family} in {CHECKPOINTS}/ ({_known_runs()}): train it first, or name another run"
        )
    return trained[-1]


def newest_like(asked, file):
    """The newest run whose saved settings have the data set and model of a Config, whatever the run's name.

    It is the one whose `file` was written last. Runs that came with their weights alone come behind those that were
    trained here. Raises ConfigError if there is none.
    """
    wanted, found, damaged = (asked.dataset, asked.model), [], ""
    for folder in sorted({path.parent for path in CHECKPOINTS.glob(f"*/{file}")}):
        try:
            saved = load_config(folder)
        except ConfigError as error:
            damaged = f"; {error}"
            continue
        if (saved.dataset, saved.model) == wanted:
            written = max(path.stat().st_mtime_ns for path in folder.glob(file))
            found.append((has_state(folder), written, folder.name))
    if not found:
        raise ConfigError(
            f"no saved run of dataset {wanted[0]} and model {wanted[1]} in {CHECKPOINTS}/ ({_known_runs()}): train it "
            f"first, name one of these, or give the flags that it was trained with, such as --dataset{damaged}"
        )
    return Run(max(found)[-1])


def find_run(name, asked, file):
    """The folder of a run's config.json, from what a user typed: NEWEST, or the run's name, folder or weights.

    Args:
        name: as it was typed.
        asked: a Config. NEWEST is the newest run of its run_name or, without one, of its data set and model.
        file: a pattern; NEWEST has such a file.

    Raises:
        ConfigError: there is no such run.
    """
    if name == NEWEST:
        return (newest_run(asked.run_name, file) if asked.run_name else newest_like(asked, file)).checkpoints
    folder = Path(name).parent if name.endswith(WEIGHTS_SUFFIX) else Path(name)
    for candidate in (CHECKPOINTS / name, folder, SHIPPED / name):
        if (candidate / CONFIG_FILE).is_file():
            return candidate
    found = "a folder without it" if (CHECKPOINTS / name).is_dir() or Path(name).is_dir() else "none"
    mend = f"; train it first: {asks_for(name)}" if asks_for(name) else ""
    raise ConfigError(f"{name}: expected a run with its {CONFIG_FILE}, found {found} ({_known_runs()}){mend}")


def has_state(folder):
    """Whether there is a state of training in a folder, the newest or the one before it, to resume from."""
    return any(Path(folder).glob(STATES))


def read_results(folder):
    """The results.json in a run's outputs; None if it is missing, or damaged, which is said."""
    path = Path(folder) / RESULTS_FILE
    if not path.is_file():
        return None
    try:
        results = unsealed(path.read_text(encoding="utf-8"))
        if isinstance(results["test"].get("elbo", 0.0), float) and isinstance(results["protocol"], dict):
            return results
        reason = "its ELBO is no number, or its protocol no table"
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = str(error)
    print(f"WARNING: {path}: taken as missing, because it is damaged or of another version ({reason})")
    return None


def results_of(run):
    """The results.json of a Run: in its outputs, or beside the weights of those that come with the project; or None."""
    return read_results(run.outputs) or read_results(run.checkpoints)


def load_config(folder):
    """The Config in a run's folder. Raises ConfigError if it is missing or damaged."""
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such file; expected the settings that were saved with the weights; restore it from a copy"
        )
    config = config_of(path.read_text(encoding="utf-8", errors="replace"), path)
    if config.image_shape is None or config.hidden_sizes is None:
        raise ConfigError(f"{path}: expected the settings of a trained run, found no image_shape or hidden_sizes")
    return config


def _members(family):
    """(number, run) of every folder of a family, sorted by number. `family` itself is number 1."""
    pattern = re.compile(re.escape(family) + r"(?:_([2-9]|[1-9]\d+))?")
    names = {path.name for root in (CHECKPOINTS, OUTPUTS) if root.is_dir() for path in root.iterdir()}
    matches = (pattern.fullmatch(name) for name in names)
    return sorted((int(match[1] or 1), Run(match[0])) for match in matches if match)


def _known_runs():
    """The runs that can be named, those that come with the project among them, for an error."""
    names = sorted({path.parent.name for folder in (CHECKPOINTS, SHIPPED) for path in folder.glob(f"*/{CONFIG_FILE}")})
    return "saved runs: " + (", ".join(names) if names else "none")
