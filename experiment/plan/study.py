"""Decide which runs a study trains: all combinations of the given values, times the seeds."""

from dataclasses import replace
from itertools import product
from typing import NamedTuple

from experiment.files.names import LOG_FILE, REPORT_FILE, STATE_FILE, Run, has_state, load_config, read_results
from experiment.plan.run import OF_STUDIES, configure, num_images_in
from experiment.plan.stage import stage_before
from experiment.settings.axes import as_folder_name, axes_of, refuse_repeated, short
from experiment.settings.combine import resolve_resumed
from experiment.settings.config import DATA, MODEL, PICTURES, TRAINING, Config, flags, free_when_resumed, names_in
from experiment.settings.datasets import DATASETS
from experiment.settings.refusals import ConfigError, received

FACTOR_IW_SAMPLES = 100


class Member(NamedTuple):
    """A run of a study."""

    config: Config
    run: Run
    is_begun: bool  # whether it has saved state, from which it continues
    is_done: bool


class Study(NamedTuple):
    """Runs that are compared."""

    name: str
    axes: tuple[str, ...]  # the settings that tell its runs apart, but for the seed
    members: tuple[Member, ...]
    jobs: int = 1  # runs that are trained at a time, each in a process of its own where there are several
    member: int | None = None  # the only run to train, counted from 1; nothing is compared then

    @property
    def run(self):
        """The Run whose outputs hold the comparison. It has no checkpoints."""
        return Run(self.name)


def is_study(given, resume=None):
    """Whether settings (a dict) ask for several runs; resume, the run to continue, or None."""
    return bool(given.get("seeds") or axes_of(given, resume))


def plan_study(given, resume=None):
    """The Study that the given settings ask for: all combinations of their values, times the seeds.

    Args:
        given: the given settings, a dict.
        resume: the run to continue, which a study refuses.

    Raises:
        ConfigError: runs that cannot be trained, or that exist with other settings.
    """
    axes, seeds = axes_of(given, resume), given.get("seeds", ())
    refuse_repeated("seeds", seeds)
    if resume:
        raise ConfigError(
            "--resume with several values of a setting, or --seeds: the command that began a study continues it"
        )
    if "seed" in given and seeds:
        raise ConfigError("--seed with --seeds: expected one of them")
    if "auto" in axes.get("precision", ()):
        raise ConfigError(
            f"{received('precision', axes['precision'])}: auto stands for one of the others; expected them by name"
        )
    if "score" in given:
        raise ConfigError("--score with --seeds or several values: it trains nothing; expected --load_weights RUN")
    if 0 in (given.get("num_epochs"), *axes.get("num_epochs", ())):
        raise ConfigError("--num_epochs 0 of several runs: a study trains; expected at least 1 epoch")
    shared = {name: value for name, value in given.items() if name not in OF_STUDIES}
    if "preset" in given and seeds:  # their runs are named after the preset, and after each seed
        shared = {"run_name": given["preset"], **shared}
    grid = {**axes, **({"seed": seeds} if seeds else {})}
    choices = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    jobs, only = _manner_of(given, len(choices))
    num_images = num_images_in({**shared, **choices[0]})  # one count for all of them
    configs = [_member_config(shared, chosen, num_images) for chosen in choices]
    family = configs[0].family
    members = []
    for number, (config, chosen) in enumerate(zip(configs, choices, strict=True), 1):
        run = Run(as_folder_name("_".join([family, *(f"{name}{short(value)}" for name, value in chosen.items())])))
        config = replace(config, run_name=run.name)
        is_looked_at = only in (None, number)  # others may be half made, by a process that begins at the same time
        members.append(_member(config, run) if is_looked_at else Member(config, run, is_begun=False, is_done=False))
    named = {**axes, **({"seeds": seeds} if seeds else {})}
    name = "_".join([family, *("_".join([axis, *map(short, values)]) for axis, values in named.items())])
    return Study(as_folder_name(name), tuple(axes), tuple(members), jobs, only)


def as_it_is_now(member):
    """A Member as other processes have left it since the study was planned."""
    return _member(member.config, member.run)


def _manner_of(given, num_runs):
    """The given --jobs and --member of a study of so many runs. Raises ConfigError for others than there can be."""
    jobs, only = given.get("jobs", 1), given.get("member")
    if {"jobs", "member"} <= given.keys():
        raise ConfigError("--jobs with --member: expected one of them; --member trains a single run")
    if jobs < 1:
        raise ConfigError(f"--jobs {jobs}: expected a whole number of at least 1, the runs that are trained at a time")
    if only is not None and not 1 <= only <= num_runs:
        raise ConfigError(f"--member {only}: expected a whole number from 1 to {num_runs}, a run of this study")
    return jobs, only


def _member_config(shared, chosen, num_images):
    """The Config of one run of a study. Raises ConfigError, which names the run by what is chosen for it."""
    try:
        if stage := stage_before({**shared, **chosen}):
            raise ConfigError(
                f"--preset {shared['preset']}: a study begins with a first stage that has ended, and "
                f"{stage.run.name} has not; train it first: {stage.as_flags}"
            )
        config, _ = configure({**shared, **chosen}, num_images=num_images)
    except ConfigError as error:
        raise ConfigError(f"the run with {' '.join(received(*each) for each in chosen.items())}: {error}") from None
    if DATASETS[config.dataset].has_factors and not shared.keys() & {"evaluate", "iw_samples"}:
        config = replace(config, evaluate=True, iw_samples=FACTOR_IW_SAMPLES)  # the scores compare the runs
    return config


def _member(asked, run):
    """A Member in its present state. It keeps the pictures and measures that earlier commands asked for."""
    if not has_state(run.checkpoints):
        found = (path for folder in (run.checkpoints, run.outputs) for path in folder.rglob("*"))
        if any(path.is_file() and path.name != LOG_FILE for path in found):
            raise ConfigError(
                f"{run.name}: expected a run of this study with its {STATE_FILE}, or nothing; move {run.checkpoints} "
                f"and {run.outputs} away, or give the study another --run_name"
            )
        return Member(asked, run, is_begun=False, is_done=False)
    saved = load_config(run.checkpoints)
    if asked.precision == "auto":  # which was settled when the run began
        asked = replace(asked, precision=saved.precision)
    decisive = names_in(MODEL, DATA, TRAINING) - free_when_resumed() | {"load_weights"}
    for each in flags():
        ours, theirs = getattr(asked, each.name), getattr(saved, each.name)
        if each.name in decisive and ours != theirs:
            raise ConfigError(
                f"{run.name}: was trained with {received(each.name, theirs)}, the study asks for "
                f"{received(each.name, ours)}; give the study another --run_name"
            )
    resolve_resumed({"num_epochs": asked.num_epochs}, saved)  # refuses epochs that the schedule does not allow
    kept = names_in(PICTURES) | {"evaluate", "iw_samples", "export", "tensorboard", "track"}
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
