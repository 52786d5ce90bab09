"""What a preset begins with: a run that has not ended."""

import os
from typing import NamedTuple

from experiment.files.names import (
    OUTPUTS,
    RESULTS_FILE,
    SHIPPED,
    STATE_FILE,
    WEIGHTS_SUFFIX,
    Run,
    has_state,
    load_config,
    read_results,
    results_of,
)
from experiment.files.trackers import refuse_missing
from experiment.settings.combine import resolve, resolve_loaded, with_preset
from experiment.settings.config import DATA, MODEL, TRAINING, names_in
from experiment.settings.presets import PRESETS
from experiment.settings.refusals import ConfigError, as_flag
from models.catalog import SELECTORS

OF_ALL_STAGES = {"data_dir", "cache_dir", "seed", "strategy", "xla", "track", "save_seconds", "steps_per_call"}
OF_ALL_STAGES |= {"dataset", "limit", "train_on_validation", "evaluate", "iw_samples"}


class Stage(NamedTuple):
    """A run that a preset begins with and that has not ended."""

    run: Run
    given: dict  # its settings
    resume: str | None  # its name, where it has saved state, from which it continues

    @property
    def as_flags(self):
        """The flags that train it."""
        asked = {"resume": self.resume, **self.given}
        return " ".join(as_flag(name, value) for name, value in asked.items() if value is not None)


def stage_before(given, resume=None):
    """The Stage that comes before a preset and has not ended, or None.

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
        return None
    kept = {name: value for name, value in given.items() if name in OF_ALL_STAGES}
    of_stage = {"preset": first, **kept}
    stage = resolve(with_preset(of_stage))
    run = Run(stage.run_name)
    resolve_loaded(with_preset(given), stage)
    shipped = SHIPPED / run.name
    has_weights = any(run.checkpoints.glob(f"*{WEIGHTS_SUFFIX}"))
    is_trained_here = has_weights and run.checkpoints.resolve() != shipped
    is_shipped = not is_trained_here and read_results(shipped)
    is_over, is_stopped = is_shipped or results_of(run), has_state(run.checkpoints)
    if is_over and not (is_shipped or has_weights):
        raise ConfigError(
            f"--preset {given['preset']}: it begins with {run.checkpoints}, which has no weights, but {run.outputs} "
            "has their results; move that folder away, too, and the weights are trained"
        )
    if is_over or is_stopped:
        _refuse_another(given, stage, of_stage, shipped if is_shipped else run.checkpoints)
    if is_over:
        return None
    refuse_missing(given.get("track", ()))
    if is_stopped:
        return Stage(run, kept, resume=run.name)
    if has_weights:
        raise ConfigError(
            f"--preset {given['preset']}: it begins with {run.checkpoints}, which has weights, but neither "
            f"{STATE_FILE} to continue them nor {run.outputs / RESULTS_FILE}, which says that they are done; move that "
            "folder away, or name these weights with --load_weights"
        )
    return Stage(run, of_stage, resume=None)


def _refuse_another(given, stage, of_stage, folder):
    """Refuse a first stage that is another model, or was trained on other images or otherwise: as a trial, say."""
    saved = load_config(folder)
    named = with_preset(of_stage).keys() & names_in(MODEL, DATA) - {"data_dir", "cache_dir"}
    of_training = PRESETS[of_stage["preset"]].settings.keys() & names_in(TRAINING)
    compared = sorted(named | SELECTORS | {"dataset", "limit", "train_on_validation", "seed"})
    for name in [*compared, *sorted(of_training - set(compared))]:
        wanted, has = getattr(stage, name), getattr(saved, name)
        is_given = name in given and name != "seed"  # another seed begins with another folder
        if wanted != has:
            raise ConfigError(
                f"--preset {given['preset']}: it begins with {folder}, which was trained {_with(name, has)}; expected "
                f"{_with(name, wanted)}; {_remedy(name, has, folder, is_given)}"
            )


def _is_off(value):
    return value is None or value is False


def _with(name, value):
    return f"without --{name}" if _is_off(value) else f"with {as_flag(name, value)}"


def _remedy(name, has, folder, is_given):
    """What to do where a first stage in a folder has another value of a setting than the preset or the user gave."""
    if not is_given:
        away = f"move {folder} and {OUTPUTS / folder.name} away"
        return f"{away}, or name the weights to begin with: --load_weights RUN"
    if _is_off(has) or folder.parent == SHIPPED:
        return f"leave --{name} out, or train on from these weights with --load_weights {folder.name}"
    return f"give {as_flag(name, has)}, or move that run away"
