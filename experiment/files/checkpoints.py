"""Weights for people, training state for resuming. Nothing else writes to model_ckpts/.

model_ckpts/<run>/config.json              the settings, from which the model is rebuilt
                  <model>.weights.h5       at the lowest validation loss: what is evaluated and drawn
                  <model>.last.weights.h5  after the last epoch
                  <model>.epoch_007.weights.h5  after that epoch, with --every_epoch
                  README.md                the model card, of a run that came to its end
                  *.sha256                 checksums of the weights, as sha256sum prints them
                  state.npz                weights, optimizer, step: --resume continues from it, to the same bits
                  state.previous.npz       the same, saved before it, for the case that state.npz is damaged
"""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np

from atomic_files import atomic_path, write_text
from experiment.files.names import (
    CARD_FILE,
    CONFIG_FILE,
    PREVIOUS_STATE_FILE,
    STATE_FILE,
    WEIGHTS_SUFFIX,
    load_config,
)
from image_data.arrays import read_npz
from image_data.splits import DataError
from models.build import build_model


class CheckpointError(ValueError):
    """Weights or state that are missing, damaged or from another model. One line: found, expected, what to do."""


def save_config(config, folder):
    """Write config.json beside the weights that it describes."""
    write_text(Path(folder) / CONFIG_FILE, config.to_json())


def save_card(card, folder):
    """Write README.md, the model card, beside the weights that it describes."""
    write_text(Path(folder) / CARD_FILE, card)


# --- Weights ----------------------------------------------------------------------------------------------------------


def weights_path(folder, config, tag=""):
    """model_ckpts/<run>/<model>.weights.h5, or <model>.<tag>.weights.h5."""
    return Path(folder) / f"{config.model}{f'.{tag}' if tag else ''}{WEIGHTS_SUFFIX}"


def save_model_weights(model, config, folder, tag=""):
    """Write weights, their checksum and config.json into `folder`, atomically. Returns the path of the weights.

    For a moment the checksum file holds both the old and the new sum, so that a kill between the two writes leaves
    weights that still load.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_config(config, folder)
    path = weights_path(folder, config, tag)
    num_bytes = sum(weight.numpy().nbytes for weight in model.weights)
    with atomic_path(path, 2 * num_bytes + 1_000_000) as temporary:
        model.save_weights(temporary)
        new_sum = weights_checksum(temporary)
        old_sums = _known_checksums(path) if _checksum_path(path).is_file() else set()
        _write_checksums(path, old_sums | {new_sum})
    _write_checksums(path, {new_sum})
    return path


def load_weights(path):
    """The model and the Config of a run.

    Args:
        path: the run's folder (its best weights), or one of its .weights.h5 files.

    Raises:
        CheckpointError: the weights are missing, damaged or made for other settings.
    """
    path = Path(path)
    folder = path.parent if path.name.endswith(WEIGHTS_SUFFIX) else path
    config = load_config(folder)
    if path == folder:
        path = weights_path(folder, config)
    model = build_model(config)
    restore_weights(model, path)
    return model, config


def restore_weights(model, path):
    """Load a .weights.h5 file into a built model. Raises CheckpointError if it is missing, damaged or does not fit."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; expected the weights of a trained {model.name}")
    if weights_checksum(path) not in _known_checksums(path):
        raise CheckpointError(
            f"{path}: its checksum is not the one in {_checksum_path(path).name}; the file was truncated or changed "
            "after it was saved: restore it from a copy, or train again"
        )
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path}: expected weights of {model.name} with {model.count_params():,} parameters, as in "
            f"{CONFIG_FILE} beside it; found others ({reason})"
        ) from error
    if not all(np.isfinite(weight).all() for weight in model.weights):
        raise CheckpointError(f"{path}: holds numbers that are not finite; restore it from a copy, or train again")


def weights_checksum(path):
    """The sha256 of a file, as hexadecimal text."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _checksum_path(path):
    return path.with_name(f"{path.name}.sha256")


def _write_checksums(path, checksums):
    write_text(_checksum_path(path), "".join(f"{checksum}  {path.name}\n" for checksum in sorted(checksums)))


def _known_checksums(path):
    checksum_path = _checksum_path(path)
    if not checksum_path.is_file():
        raise CheckpointError(
            f"{checksum_path}: no such file; expected the checksum that was saved with {path.name}; restore it from a "
            f"copy, or, if you trust these weights, write it in that folder: sha256sum {path.name} > "
            f"{checksum_path.name}"
        )
    lines = map(str.split, checksum_path.read_text(encoding="utf-8", errors="replace").splitlines())
    return {words[0] for words in lines if words}


# --- Training state ---------------------------------------------------------------------------------------------------


def save_state(state, config, folder):
    """Write every variable of a TrainingState, and the digest of its settings, atomically. The state before it is kept.

    For a moment both names are of the same file, so there is a whole state at any time.
    """
    path, previous = states_in(folder)
    arrays = {name: variable.numpy() for name, variable in state.variables().items()}
    with atomic_path(path) as temporary:
        np.savez(temporary, digest=np.uint32(config.digest), **arrays)
        if path.is_file():
            keep(path, previous)


def restore_state(state, config, folder, is_chief=True):
    """Set every variable of a TrainingState to what `save_state` wrote, or wrote before, where the newest is damaged.

    Args:
        state: a TrainingState.
        config: a Config.
        folder: of the run.
        is_chief: whether this process writes to the folder; it then puts the other state in place of a damaged one.

    Raises:
        CheckpointError: both states are missing, damaged, not finite, or from other settings; or variables do not hold
            what they were set to.
    """
    path, previous = states_in(folder)
    try:
        saved = read_state(path, state, config)
    except CheckpointError as error:
        instead = f"--load_weights {Path(folder).name} trains on from the weights"
        if not previous.is_file():
            raise CheckpointError(f"{error}; {instead}") from error
        try:
            saved = read_state(previous, state, config)
        except CheckpointError as another:
            raise CheckpointError(f"{error}; {another}; {instead}") from another
        print(f"WARNING: {error}; the run continues from the state before it, {previous.name}")
        if is_chief:
            shutil.copyfile(previous, path)
    variables = state.variables()
    for name, variable in variables.items():
        variable.assign(saved[name])
    if changed := [name for name, each in variables.items() if each.numpy().tobytes() != saved[name].tobytes()]:
        raise CheckpointError(f"{path}: restored to other bits in {', '.join(changed)}; expected those of the file")


def states_in(folder):
    """The paths of the newest state of a run and of the one before it."""
    return Path(folder) / STATE_FILE, Path(folder) / PREVIOUS_STATE_FILE


def read_state(path, state, config):
    """The arrays of a state by the names of a TrainingState's variables, whose shapes and types they have.

    Raises:
        CheckpointError: the file is missing, damaged, not finite, or from other settings.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; expected the state of a run that was stopped")
    try:
        saved = read_npz(path)
    except DataError as error:
        raise CheckpointError(str(error)) from error
    expected = {name: (each.numpy().shape, each.numpy().dtype.name) for name, each in state.variables().items()}
    digest = saved.pop("digest", None)
    found = {name: (array.shape, array.dtype.name) for name, array in saved.items()}
    if digest != config.digest or found != expected:
        raise CheckpointError(f"{path}: the state of another run or version than {CONFIG_FILE} beside it describes")
    if not all(np.isfinite(array).all() for name, array in saved.items() if name != "lowest_loss"):
        raise CheckpointError(f"{path}: holds numbers that are not finite")
    return saved


def keep(path, name):
    """Give a file a second name, in place of what had it; on file systems without links, that name alone."""
    second = name.with_name(f".tmp-{name.name}")
    second.unlink(missing_ok=True)
    try:
        os.link(path, second)
        os.replace(second, name)
    except OSError:
        os.replace(path, name)
