"""Decide what one run is to do, from the given settings and the existing runs."""

from dataclasses import replace
from pathlib import Path

from experiment.files.names import CHECKPOINTS, OUTPUTS, STATES, WEIGHTS_SUFFIX, Run, find_run, load_config
from experiment.files.trackers import refuse_missing
from experiment.settings.combine import resolve, resolve_loaded, resolve_resumed, spelled_out, with_preset
from experiment.settings.config import DATA, MODEL, TRAINING, Config, names_in
from experiment.settings.datasets import length_of
from experiment.settings.presets import PRESETS
from experiment.settings.refusals import ConfigError, received
from experiment.settings.values import NEWEST
from image_data.formats import SUFFIXES
from models.catalog import SELECTORS

OF_STUDIES = ("seeds", "jobs", "member")  # what is given for a study as a whole, not for its runs
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
    preset = PRESETS.get(given.get("preset"))
    if preset and "load_weights" in preset.settings and given.get("num_epochs") == 0:
        raise ConfigError(
            f"--num_epochs 0 with --preset {given['preset']}: expected at least 1, as a preset trains; "
            "--load_weights RUN --num_epochs 0 generates from saved weights"
        )
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
        if given.get("preset") and not _is_of_preset(saved, preset.settings["load_weights"], given):
            given = {**given, "preset": None}
        path = Path(name) if name.endswith(WEIGHTS_SUFFIX) else folder / f"{saved.model}{WEIGHTS_SUFFIX}"
        config = resolve_loaded({**given, "load_weights": str(path)}, saved, num_images_in(given))
        if config.num_epochs == 0 and "run_name" not in given:
            config = replace(config, run_name=folder.resolve().name)  # what is made of a run is named after it
        return config, None
    return resolve(given, num_images or num_images_in(given)), None


def _is_of_preset(config, name, given):
    """Whether a run is the preset of this name, of the given seed and with the settings that it has by now."""
    if (config.preset, config.seed) != (name, given.get("seed", Config.seed)):
        return False
    settings = PRESETS[name].settings
    return all(getattr(config, each) == settings[each] for each in settings.keys() & names_in(MODEL, DATA, TRAINING))


def num_images_in(given):
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
