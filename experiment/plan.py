"""Decide what to do, from the given settings and the existing runs: a run, a study of several, or a comparison.

Imports neither TensorFlow nor numpy.
"""

import os
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from experiment.files.names import (
    CHECKPOINTS,
    LOG_FILE,
    OUTPUTS,
    REPORT_FILE,
    RESULTS_FILE,
    SHIPPED,
    STATE_FILE,
    STATES,
    WEIGHTS_SUFFIX,
    Run,
    command_line,
    find_run,
    has_state,
    load_config,
    read_results,
    results_of,
)
from experiment.files.trackers import refuse_missing
from experiment.settings.axes import as_folder_name, axes_of, differences, refuse_repeated, short
from experiment.settings.combine import resolve, resolve_loaded, resolve_resumed, spelled_out, with_preset
from experiment.settings.config import DATA, MODEL, PICTURES, TRAINING, Config, flags, free_when_resumed, names_in
from experiment.settings.datasets import DATASETS, length_of
from experiment.settings.presets import PRESETS
from experiment.settings.refusals import ConfigError, as_flag, received
from experiment.settings.values import NEWEST
from image_data.formats import SUFFIXES
from models.catalog import SELECTORS

FACTOR_IW_SAMPLES = 100
OF_STUDIES = ("seeds", "jobs", "member")  # what is given for a study as a whole, not for its runs
OF_ALL_STAGES = {"data_dir", "cache_dir", "seed", "strategy", "xla", "track", "save_seconds", "steps_per_call"}
OF_ALL_STAGES |= {"limit", "train_on_validation", "evaluate", "iw_samples"}
SCORED_WITH = {"score", "load_weights", "anomalies", "iw_samples", "skip_unreadable", "export", "run_name", "cache_dir"}


def configure(given, resume=None, num_images=None):
    """The Config of a run, and the Run to continue, or None for a new run.

    Args:
        given: the given settings, a dict.
        resume: the run to continue, as the user typed it, or None.
        num_images: in the data set's folder, where they have been counted.

    Raises:
        ConfigError: settings that do not go together, no such run, or a tracker that is not installed.
    """
    config, run = _configured(given, resume, num_images)
    refuse_missing(config.track)
    return config, run


def _configured(given, resume, num_images):
    for name in OF_STUDIES:
        if name in given:
            raise ConfigError(
                f"{received(name, given[name])}: it is for a study; expected several values of a setting, or --seeds"
            )
    if resume and "preset" in given:
        raise ConfigError("--resume with --preset: expected one of them; a resumed run keeps its settings")
    if "score" in given:
        if "load_weights" not in given:
            raise ConfigError(f"--score {given['score']}: expected --load_weights RUN as well, the model that scores")
        known = SCORED_WITH | ({"dataset", *SELECTORS} if given["load_weights"] == NEWEST else set())
        if unfit := sorted(given.keys() - known):
            raise ConfigError(
                f"--score with --{unfit[0]}: it only scores images, as the saved model sees them; expected at most "
                f"--{', --'.join(sorted(SCORED_WITH - {'score', 'load_weights'}))}"
            )
        given = {"num_epochs": 0, **given}
    given = spelled_out(with_preset(given))
    identity = {name: given[name] for name in ("dataset", "run_name", *SELECTORS) if name in given}
    if resume:
        if "load_weights" in given:
            raise ConfigError(
                "--resume with --load_weights: expected one of them; --resume continues a stopped run, "
                "--load_weights starts a new one from saved weights"
            )
        folder = find_run(resume, resolve(identity if resume == NEWEST else {}), STATES)
        if folder.resolve().parent != CHECKPOINTS.resolve():
            raise ConfigError(f"--resume {resume}: expected a run in {CHECKPOINTS}/; start in the folder that holds it")
        run = Run(folder.resolve().name)
        if resume != NEWEST and given.get("run_name", run.name) != run.name:
            raise ConfigError(f"--run_name {given['run_name']}: a resumed run keeps its name, {run.name}")
        return resolve_resumed(given, load_config(folder)), run
    if "load_weights" in given:
        name = given["load_weights"]
        folder = find_run(name, resolve(identity if name == NEWEST else {}), f"*{WEIGHTS_SUFFIX}")
        saved = load_config(folder)
        if given.get("preset") and saved.preset != name:  # not the first stage of the published result
            given = {**given, "preset": None}
        path = Path(name) if name.endswith(WEIGHTS_SUFFIX) else folder / f"{saved.model}{WEIGHTS_SUFFIX}"
        config = resolve_loaded({**given, "load_weights": str(path)}, saved, _num_images(given))
        if config.num_epochs == 0 and "run_name" not in given:
            config = replace(config, run_name=folder.resolve().name)  # what is made of a run is named after it
        return config, None
    return resolve(given, num_images or _num_images(given)), None


class Stage(NamedTuple):
    """A run that a preset begins with and that has not ended."""

    run: Run
    given: dict  # its settings
    resume: str | None  # its name, where it has saved state, from which it continues


def stages_before(given, resume=None):
    """The stages of a preset that come before it and have not ended: a list of Stage, first to last.

    A preset that starts from the weights of another has that one as its first stage. It is trained on the same data.

    Args:
        given: the given settings, a dict.
        resume: the run to continue, which is past its first stages, or None.

    Raises:
        ConfigError: the given settings do not go with the weights that the stage will have.
    """
    preset = PRESETS.get(given.get("preset"))
    first = preset and preset.settings.get("load_weights")
    is_trained = given.get("num_epochs") != 0 and "score" not in given
    is_shared = os.environ.get("TF_CONFIG")  # workers would begin the next stage while the chief evaluates this one
    if resume or first not in PRESETS or "load_weights" in given or not is_trained or is_shared:
        return []
    run = Run(first)
    kept = {name: value for name, value in given.items() if name in OF_ALL_STAGES}
    of_stage = {**kept, "preset": first}
    stage = resolve(with_preset(of_stage))
    resolve_loaded(with_preset(given), stage)
    is_shipped = not results_of(run) and read_results(SHIPPED / first)
    is_over, is_stopped = is_shipped or results_of(run), has_state(run.checkpoints)
    if is_over or is_stopped:
        _refuse_another(given, stage, of_stage, SHIPPED / first if is_shipped else run.checkpoints)
    if is_over:
        return []
    refuse_missing(given.get("track", ()))
    if is_stopped:
        return [Stage(run, kept, resume=first)]
    if any(run.checkpoints.glob(f"*{WEIGHTS_SUFFIX}")):
        raise ConfigError(
            f"--preset {given['preset']}: it begins with {run.checkpoints}, which has weights, but neither "
            f"{STATE_FILE} to continue them nor {run.outputs / RESULTS_FILE}, which says that they are done; move that "
            "folder away, or name these weights with --load_weights"
        )
    return [*stages_before(of_stage), Stage(run, of_stage, resume=None)]


def _refuse_another(given, stage, of_stage, folder):
    """Refuse a preset's first stage that is another model, or was trained on other images: on few, as a trial, say."""
    saved = load_config(folder)
    named = with_preset(of_stage).keys() & names_in(MODEL, DATA) - {"data_dir", "cache_dir"}
    for name in sorted(named | SELECTORS | {"dataset", "limit", "train_on_validation"}):
        expected, found = (
            as_flag(name, value) if (value := getattr(config, name)) else f"no --{name}" for config in (stage, saved)
        )
        if found != expected:
            raise ConfigError(
                f"--preset {given['preset']}: it begins with {folder}, which has {found}; expected "
                f"{expected}; move that run away, or name other weights with --load_weights"
            )


def _num_images(given):
    """How many image files the data set's folder holds, or None where no default depends on it."""
    if "num_epochs" in given or "data_dir" not in given or not length_of(given):
        return None
    num_files = sum(path.suffix.lower() in SUFFIXES for path in Path(given["data_dir"]).rglob("*"))
    return min(num_files, given.get("limit", num_files))


def find_examined(given, name, resume=None):
    """The folder of a run that --doctor names, and its Config, with the data where the given settings say.

    Args:
        given: the given settings, a dict.
        name: the run, as the user typed it: its name, either of its folders, or NEWEST.
        resume: the run to continue, which the doctor refuses.

    Raises:
        ConfigError: there is no such run, or a setting that says nothing of one.
    """
    if resume:
        raise ConfigError("--doctor with --resume: expected one of them; --resume trains, --doctor only looks")
    places = {"data_dir", "cache_dir", "labels"}
    identity = {"dataset", *SELECTORS} if name == NEWEST else set()
    if unfit := sorted(given.keys() - places - identity):
        raise ConfigError(f"--doctor with --{unfit[0]}: expected at most --{', --'.join(sorted(places | identity))}")
    if Path(name).resolve().parent == OUTPUTS.resolve():
        name = Path(name).name
    asked = resolve({key: given[key] for key in identity & given.keys()})
    folder = find_run(name, asked, f"*{WEIGHTS_SUFFIX}")
    return folder, replace(load_config(folder), **{key: given[key] for key in places & given.keys()})


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
    grid = {**axes, **({"seed": seeds} if seeds else {})}
    choices = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    jobs, only = _manner_of(given, len(choices))
    num_images = _num_images({**shared, **choices[0]})  # one count for all of them
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
        config, _ = configure({**shared, **chosen}, num_images=num_images)
    except ConfigError as error:
        raise ConfigError(f"the run with {' '.join(received(*each) for each in chosen.items())}: {error}") from None
    if DATASETS[config.dataset].has_factors and not shared.keys() & {"evaluate", "iw_samples"}:
        config = replace(config, evaluate=True, iw_samples=FACTOR_IW_SAMPLES)  # the scores compare the runs
    return config


def plan_comparison(names, given, resume=None):
    """The Study of runs that exist, as --compare asks for it: nothing of it is left to train.

    Runs on other test images are refused. Of two data sets, every number, curve and picture beside each other would
    invite a comparison that means nothing.

    Args:
        names: names or folders of runs.
        given: the other given settings, a dict.
        resume: the run to continue, which a comparison refuses.

    Raises:
        ConfigError: no such run, a run that was not evaluated, or runs on other test images.
    """
    others = {**given, **({"resume": resume} if resume else {})}.keys() - {"run_name", "data_dir", "cache_dir"}
    if others:
        raise ConfigError(
            f"--compare with --{min(others)}: it compares runs as they are; expected nothing else than --run_name and "
            "--data_dir"
        )
    places = {name: given[name] for name in ("data_dir", "cache_dir") if name in given}
    members = [_existing(name, places) for name in names]
    runs = [member.run.name for member in members]
    if len(set(runs)) < len(runs) or len(runs) < 2:
        raise ConfigError(f"{received('compare', tuple(names))}: expected two or more runs, all different")
    first = _test_images_of(members[0])
    for member in members[1:]:
        for what, ours in _test_images_of(member).items():
            if ours != first[what]:
                raise ConfigError(
                    f"--compare {member.run.name}: expected the test images of {runs[0]}, but {what} is {ours}, there "
                    f"{first[what]}; numbers of other images are not comparable"
                )
    study = Study(
        as_folder_name(given.get("run_name") or "_".join(["compare", *runs])),
        tuple(name for name in differences([member.config for member in members]) if name != "seed"),
        tuple(members),
    )
    if (study.run.outputs / RESULTS_FILE).is_file() or study.run.checkpoints.exists():
        raise ConfigError(f"--run_name {study.name}: is the name of a run; give the comparison another")
    return study


def _test_images_of(member):
    """What decides which images a run was tested on: words -> value."""
    settings = ("dataset", "image_shape", "validation_split", "test_split")
    return {
        **{name: getattr(member.config, name) for name in settings},
        "the checksum of the images": member.config.data_fingerprint,
        "the number of test images": results_of(member.run)["test"]["num_images"],
    }


def _existing(name, places):
    """A Member that is done, from the name or the folder of a run; places are settings of where its images are."""
    is_of_outputs = Path(name).resolve().parent == OUTPUTS.resolve()
    folder = find_run(Path(name).name if is_of_outputs else name, resolve({}), STATES)
    if folder.resolve().parent != CHECKPOINTS.resolve():
        raise ConfigError(f"--compare {name}: expected a run in {CHECKPOINTS}/; start in the folder that holds it")
    run, config = Run(folder.resolve().name), load_config(folder)
    results = results_of(run)
    if results is None or results["protocol"].get("epochs") != config.num_epochs:
        raise ConfigError(
            f"--compare {run.name}: expected a run that was evaluated at its end, in {RESULTS_FILE}; end it with "
            f"{command_line('python', 'assignment.py', '--resume', run.name)}"
        )
    return Member(replace(config, **places), run, is_begun=True, is_done=True)


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
