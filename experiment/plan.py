"""From what was given, and the runs that exist, to what is to be done: one run, or a study of several.

Imports neither TensorFlow nor numpy.
"""

import zlib
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from experiment.files.names import (
    CHECKPOINTS,
    REPORT_FILE,
    STATE_FILE,
    WEIGHTS_SUFFIX,
    Run,
    find_run,
    load_config,
    read_results,
)
from experiment.settings.combine import resolve, resolve_loaded, resolve_resumed, with_preset
from experiment.settings.config import DATA, MODEL, PICTURES, TRAINING, Config, flags, free_when_resumed, names_in
from experiment.settings.datasets import DATASETS
from experiment.settings.refusals import ConfigError, received
from experiment.settings.values import NEWEST
from models.catalog import SELECTORS

FACTOR_IW_SAMPLES = 100
MAX_NAME = 100  # of a folder


def configure(given, resume=None):
    """The Config that is asked for, and the Run that is to be continued, or None.

    Args: given, the settings (a dict) that were given; resume, the run to continue, as a user typed it.
    Raises: ConfigError.
    """
    if resume and "preset" in given:
        raise ConfigError("--resume with --preset: expected one of them; a resumed run keeps its settings")
    given = with_preset(given)
    identity = {name: given[name] for name in ("dataset", "run_name", *SELECTORS) if name in given}
    if resume:
        if "load_weights" in given:
            raise ConfigError(
                "--resume with --load_weights: expected one of them; --resume continues a stopped run, "
                "--load_weights starts a new one from saved weights"
            )
        folder = find_run(resume, resolve(identity).family, STATE_FILE)
        if folder.resolve().parent != CHECKPOINTS.resolve():
            raise ConfigError(f"--resume {resume}: expected a run in {CHECKPOINTS}/; start in the folder that holds it")
        run = Run(folder.resolve().name)
        if resume != NEWEST and given.get("run_name", run.name) != run.name:
            raise ConfigError(f"--run_name {given['run_name']}: a resumed run keeps its name, {run.name}")
        return resolve_resumed(given, load_config(folder)), run
    if "load_weights" in given:
        name = given["load_weights"]
        folder = find_run(name, resolve(identity).family, f"*{WEIGHTS_SUFFIX}")
        saved = load_config(folder)
        if given.get("preset") and saved.preset != name:  # another first stage than the published one
            given = {**given, "preset": None}
        path = Path(name) if name.endswith(WEIGHTS_SUFFIX) else folder / f"{saved.model}{WEIGHTS_SUFFIX}"
        return resolve_loaded({**given, "load_weights": str(path)}, saved), None
    return resolve(given), None


class Member(NamedTuple):
    """A run of a study."""

    config: Config
    run: Run
    is_begun: bool  # then it is continued
    is_done: bool


class Study(NamedTuple):
    """Runs that are compared; betas and seeds are those that were given, () where only the other were."""

    name: str
    betas: tuple[float, ...]
    seeds: tuple[int, ...]
    members: tuple[Member, ...]

    @property
    def run(self):
        """Where the comparison goes; only its outputs are used."""
        return Run(self.name)


def is_study(given):
    """Whether settings (a dict) are of several runs."""
    return bool(given.get("seeds")) or isinstance(given.get("beta"), tuple)


def plan_study(given, resume=None):
    """The Study that is asked for.

    Raises: ConfigError where its runs cannot be trained, or are there with other settings.
    """
    betas = given["beta"] if isinstance(given.get("beta"), tuple) else ()
    seeds = given.get("seeds", ())
    for name, values in (("beta", betas), ("seeds", seeds)):
        if len(set(map(_short, values))) < len(values):
            raise ConfigError(f"{received(name, values)}: expected values that are all different")
    if resume:
        raise ConfigError("--resume with several --beta or --seeds: the command that began a study continues it")
    if "seed" in given and seeds:
        raise ConfigError("--seed with --seeds: expected one of them")
    if given.get("num_epochs") == 0:
        raise ConfigError("--num_epochs 0 with several --beta or --seeds: a study trains; expected at least 1")
    shared = {name: value for name, value in given.items() if name != "seeds"}
    asked, _ = configure({**shared, **({"beta": betas[0]} if betas else {}), **({"seed": seeds[0]} if seeds else {})})
    if DATASETS[asked.dataset].has_factors and not given.keys() & {"evaluate", "iw_samples"}:
        asked = replace(asked, evaluate=True, iw_samples=FACTOR_IW_SAMPLES)  # betas are compared by the scores
    members = []
    for beta, seed in product(betas or (asked.beta,), seeds or (asked.seed,)):
        parts = [asked.family, *([f"beta{_short(beta)}"] if betas else []), *([f"seed{seed}"] if seeds else [])]
        run = Run("_".join(parts))
        members.append(_member(replace(asked, beta=beta, seed=seed, run_name=run.name), run))
    name = asked.family
    for axis, values in (("beta", betas), ("seeds", seeds)):
        if values:
            name = "_".join([name, axis, *map(_short, values)])
    if len(name) > MAX_NAME:
        name = f"{name[: MAX_NAME - 9]}_{zlib.crc32(name.encode()):08x}"
    return Study(name, betas, seeds, tuple(members))


def _short(value):
    """A number as it stands in names: 4 for 4.0."""
    return f"{value:.15g}"


def _member(asked, run):
    """A run as it stands: what it was asked for before is asked for still."""
    if not (run.checkpoints / STATE_FILE).is_file():
        if any(path.is_file() for folder in (run.checkpoints, run.outputs) for path in folder.rglob("*")):
            raise ConfigError(
                f"{run.name}: expected a run of this study with its {STATE_FILE}, or nothing; move {run.checkpoints} "
                f"and {run.outputs} away, or give the study another --run_name"
            )
        return Member(asked, run, is_begun=False, is_done=False)
    saved = load_config(run.checkpoints)
    decisive = names_in(MODEL, DATA, TRAINING) - free_when_resumed() | {"load_weights"}
    for each in flags():
        ours, theirs = getattr(asked, each.name), getattr(saved, each.name)
        if each.name in decisive and ours != theirs:
            raise ConfigError(
                f"{run.name}: was trained with {received(each.name, theirs)}, the study asks for "
                f"{received(each.name, ours)}; give the study another --run_name"
            )
    resolve_resumed({"num_epochs": asked.num_epochs}, saved)  # refuses what a learning rate was not planned for
    kept = names_in(PICTURES) | {"evaluate", "iw_samples", "tensorboard"}
    values = {name: getattr(saved if getattr(asked, name) == getattr(Config, name) else asked, name) for name in kept}
    found = {
        name: getattr(saved, name) for name in ("image_shape", "label_names", "pixel_variance", "data_fingerprint")
    }
    config = replace(asked, **values, **found)
    is_new = any(getattr(config, name) != getattr(saved, name) for name in kept)
    return Member(config, run, is_begun=True, is_done=not is_new and _is_done(config, run))


def _is_done(config, run):
    results = read_results(run.outputs)
    if results is None or not (run.outputs / REPORT_FILE).is_file():
        return False
    is_measured = "evaluation_seconds" in results["protocol"] or not (config.evaluate or config.iw_samples)
    return is_measured and results["protocol"].get("epochs") == config.num_epochs
