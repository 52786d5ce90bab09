"""Decide what to do, from the given settings and the existing runs: one run, or a study of several.

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
MAX_NAME = 100  # characters of a folder's name


def configure(given, resume=None):
    """The Config of a run, and the Run to continue, or None for a new run.

    Args:
        given: the given settings, a dict.
        resume: the run to continue, as the user typed it, or None.

    Raises:
        ConfigError: settings that do not go together, or no such run.
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
        folder = find_run(resume, resolve(identity), STATE_FILE)
        if folder.resolve().parent != CHECKPOINTS.resolve():
            raise ConfigError(f"--resume {resume}: expected a run in {CHECKPOINTS}/; start in the folder that holds it")
        run = Run(folder.resolve().name)
        if resume != NEWEST and given.get("run_name", run.name) != run.name:
            raise ConfigError(f"--run_name {given['run_name']}: a resumed run keeps its name, {run.name}")
        return resolve_resumed(given, load_config(folder)), run
    if "load_weights" in given:
        name = given["load_weights"]
        folder = find_run(name, resolve(identity), f"*{WEIGHTS_SUFFIX}")
        saved = load_config(folder)
        if given.get("preset") and saved.preset != name:  # not the first stage of the published result
            given = {**given, "preset": None}
        path = Path(name) if name.endswith(WEIGHTS_SUFFIX) else folder / f"{saved.model}{WEIGHTS_SUFFIX}"
        return resolve_loaded({**given, "load_weights": str(path)}, saved), None
    return resolve(given), None


class Member(NamedTuple):
    """A run of a study."""

    config: Config
    run: Run
    is_begun: bool  # whether it has saved state, from which it continues
    is_done: bool


class Study(NamedTuple):
    """Runs that are compared. betas and seeds are the given values, () for the one that was not given."""

    name: str
    betas: tuple[float, ...]
    seeds: tuple[int, ...]
    members: tuple[Member, ...]

    @property
    def run(self):
        """The Run whose outputs hold the comparison. It has no checkpoints."""
        return Run(self.name)


def is_study(given):
    """Whether settings (a dict) ask for several runs."""
    return bool(given.get("seeds")) or isinstance(given.get("beta"), tuple)


def plan_study(given, resume=None):
    """The Study that the given settings ask for.

    Args:
        given: the given settings, a dict.
        resume: the run to continue, which a study refuses.

    Raises:
        ConfigError: runs that cannot be trained, or that exist with other settings.
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
        asked = replace(asked, evaluate=True, iw_samples=FACTOR_IW_SAMPLES)  # the scores compare the betas
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
    """A number as names show it: 4 for 4.0."""
    return f"{value:.15g}"


def _member(asked, run):
    """A Member in its present state. It keeps the pictures and measures that earlier commands asked for."""
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
    resolve_resumed({"num_epochs": asked.num_epochs}, saved)  # refuses epochs that the schedule does not allow
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
