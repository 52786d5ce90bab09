"""Weights and state: what is saved comes back to the bit, and damage is named."""

import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from experiment.files.checkpoints import (
    CheckpointError,
    load_weights,
    restore_state,
    restore_weights,
    save_config,
    save_model_weights,
    save_state,
)
from experiment.settings.refusals import ConfigError
from experiment.training.loop import fit
from experiment.training.state import TrainingState
from models.build import build_model
from models.noise import noise_seed


@pytest.fixture
def saved(make_config, tmp_path):
    """The path of saved weights, the model and its config."""
    config = make_config(is_cvae=True)
    model = build_model(config)
    return save_model_weights(model, config, tmp_path / "run"), model, config


def test_a_model_comes_back_from_its_folder_alone(saved):
    path, model, config = saved
    for source in (path, path.parent, str(path.parent)):
        loaded, loaded_config = load_weights(source)
        assert loaded_config == config
        labels = np.eye(3, dtype=np.float32)
        np.testing.assert_array_equal(loaded.sample(3, noise_seed(0), labels), model.sample(3, noise_seed(0), labels))
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "config.json",
        "cvae.weights.h5",
        "cvae.weights.h5.sha256",
    ]


def test_loading_brings_other_weights_than_a_fresh_model_has(saved):
    path, model, config = saved
    for weight in model.weights:
        weight.assign_add(np.ones(weight.shape))
    save_model_weights(model, config, path.parent)
    loaded, _ = load_weights(path)
    for a, b in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip])
def test_damaged_weights_are_refused(saved, damage):
    path, *_ = saved
    damage(path)
    with pytest.raises(CheckpointError, match="its checksum is not the one in cvae.weights.h5.sha256; .* train again"):
        load_weights(path)


def test_missing_files_are_named(saved):
    path, *_ = saved
    checksum = path.with_name(f"{path.name}.sha256")
    checksum.rename(path.with_name("aside"))
    with pytest.raises(CheckpointError, match="cvae.weights.h5.sha256: no such file"):
        load_weights(path)
    path.unlink()
    with pytest.raises(CheckpointError, match="cvae.weights.h5: no such file; expected the weights of a trained cvae"):
        load_weights(path.parent)
    (path.parent / "config.json").unlink()
    with pytest.raises(ConfigError, match="config.json: no such file"):
        load_weights(path)


def test_weights_of_other_settings_are_refused(saved, make_config):
    path, *_ = saved
    for other in (make_config(is_cvae=True, latent_size=4), make_config(is_cvae=True, hidden_sizes=(16, 16))):
        with pytest.raises(CheckpointError, match=r"expected weights of cvae with [\d,]+ parameters.*found others"):
            restore_weights(build_model(other), path)


def test_a_kill_between_checksum_and_weights_leaves_weights_that_load(saved, monkeypatch):
    path, model, config = saved
    model.weights[0].assign_add(np.ones(model.weights[0].shape))
    monkeypatch.setattr("os.replace", lambda source, target: stop_at(target, path))
    with pytest.raises(KeyboardInterrupt):
        save_model_weights(model, config, path.parent)
    monkeypatch.undo()
    loaded, _ = load_weights(path)
    assert not np.array_equal(loaded.weights[0], model.weights[0]), "the previous weights, whole"


def stop_at(target, path):
    if target == path:
        raise KeyboardInterrupt
    shutil.move(target.with_name(f".tmp-{target.name}"), target)


def test_state_comes_back_to_the_bit(make_config, split, tmp_path):
    config = make_config()
    state = TrainingState(build_model(config), config, 10)
    for _ in fit(state, split, config):
        pass
    state.lowest_loss.assign(12.5)
    save_state(state, config, tmp_path)
    fresh = TrainingState(build_model(make_config(seed=1)), replace(config, learning_rate=1e-2), 10)
    restore_state(fresh, config, tmp_path)
    assert fresh.variables().keys() == state.variables().keys()
    for name, variable in state.variables().items():
        np.testing.assert_array_equal(fresh.variables()[name], variable, err_msg=name)


def test_a_discriminator_is_part_of_the_state(make_config, split, tmp_path, monkeypatch):
    """Its weights and its slots in the optimizer: a run that was stopped and continued ends with the same bits."""
    monkeypatch.setattr("models.discriminator.NUM_UNITS", 16)
    config = make_config(objective="factor_vae", steps_per_call=1)
    whole, resumed = (TrainingState(build_model(config), config, 10) for _ in range(2))
    first = [kernel.numpy() for kernel in whole.discriminator.kernels]
    for progress in fit(whole, split, config):
        if progress.step == 3:
            save_state(whole, config, tmp_path)
    assert all(np.any(kernel != before) for kernel, before in zip(whole.discriminator.kernels, first, strict=True))
    restore_state(resumed, config, tmp_path)
    for _ in fit(resumed, split, config):
        pass
    names = resumed.variables().keys()
    assert "discriminator/0" in names and names == whole.variables().keys()
    for name, variable in whole.variables().items():
        np.testing.assert_array_equal(resumed.variables()[name], variable, err_msg=name)


def test_damaged_state_is_refused(make_config, tmp_path):
    config = make_config()
    state = TrainingState(build_model(config), config, 10)
    with pytest.raises(CheckpointError, match="state.npz: no such file"):
        restore_state(state, config, tmp_path)
    save_state(state, config, tmp_path)
    content = (tmp_path / "state.npz").read_bytes()
    for damage in (truncate, flip):
        (tmp_path / "state.npz").write_bytes(content)
        damage(tmp_path / "state.npz")
        with pytest.raises(CheckpointError, match="state.npz: damaged .*--load_weights"):
            restore_state(state, config, tmp_path)
    assert not (tmp_path / "state.previous.npz").exists()
    (tmp_path / "state.npz").write_bytes(content)
    other = TrainingState(build_model(make_config(latent_size=4)), config, 10)
    with pytest.raises(CheckpointError, match="the state of another run"):
        restore_state(other, config, tmp_path)
    with pytest.raises(CheckpointError, match="the state of another run"):
        restore_state(state, make_config(beta=4.0), tmp_path)
    restore_state(state, make_config(num_epochs=99), tmp_path)
    state.model.weights[0].assign(np.full(state.model.weights[0].shape, np.nan))
    save_state(state, config, tmp_path)
    (tmp_path / "state.previous.npz").unlink()
    with pytest.raises(CheckpointError, match="not finite"):
        restore_state(state, config, tmp_path)
    np.save((tmp_path / "state.npz").open("wb"), np.zeros(3))
    with pytest.raises(CheckpointError, match="state.npz: damaged or not an .npz file"):
        restore_state(state, config, tmp_path)


def test_the_state_before_a_damaged_one_is_taken_with_a_warning(make_config, tmp_path, capsys):
    config = make_config()
    state = TrainingState(build_model(config), config, 10)
    for step in (1, 2, 3):
        state.step.assign(step)
        save_state(state, config, tmp_path)
    path, previous = tmp_path / "state.npz", tmp_path / "state.previous.npz"
    restore_state(state, config, tmp_path)
    assert state.step.numpy() == 3 and capsys.readouterr().out == ""
    kept = previous.read_bytes()
    truncate(path)
    restore_state(state, config, tmp_path)
    assert state.step.numpy() == 2 and path.read_bytes() == previous.read_bytes() == kept
    out = capsys.readouterr().out
    assert re.fullmatch(r"WARNING: .*state.npz: damaged .*; the run continues from .*, state.previous.npz\n", out)
    path.unlink()
    restore_state(state, config, tmp_path)
    assert state.step.numpy() == 2 and path.read_bytes() == kept
    truncate(path)
    flip(previous)
    with pytest.raises(CheckpointError, match=r"state.npz: damaged .*state.previous.npz: damaged .*--load_weights"):
        restore_state(state, config, tmp_path)


@pytest.mark.parametrize("stopped_at", ["state.npz", "state.previous.npz"])
def test_a_kill_within_the_save_of_a_state_leaves_a_whole_one(make_config, tmp_path, monkeypatch, stopped_at):
    config = make_config()
    state = TrainingState(build_model(config), config, 10)
    for step in (1, 2):
        state.step.assign(step)
        save_state(state, config, tmp_path)
    monkeypatch.setattr("os.replace", lambda source, target: stop_at(target, tmp_path / stopped_at))
    state.step.assign(3)
    with pytest.raises(KeyboardInterrupt):
        save_state(state, config, tmp_path)
    monkeypatch.undo()
    restore_state(state, config, tmp_path)
    assert state.step.numpy() == 2


def test_a_state_that_is_not_restored_to_its_bits_is_refused(make_config, tmp_path, monkeypatch):
    config = make_config()
    state = TrainingState(build_model(config), config, 10)
    save_state(state, config, tmp_path)
    monkeypatch.setattr(state, "step", StubbornVariable())
    with pytest.raises(CheckpointError, match="state.npz: restored to other bits in step; expected those of the file"):
        restore_state(state, config, tmp_path)


class StubbornVariable:
    """A variable that keeps its value."""

    def numpy(self):
        return np.int64(7)

    def assign(self, value):
        pass


def test_every_flipped_byte_of_a_state_is_noticed_or_harmless(make_config, tmp_path):
    config = make_config(hidden_sizes=(2,))
    state = TrainingState(build_model(config), config, 10)
    save_state(state, config, tmp_path)
    content = (tmp_path / "state.npz").read_bytes()
    before = {name: variable.numpy() for name, variable in state.variables().items()}
    generator = np.random.default_rng(0)
    positions = [*range(200), *generator.integers(0, len(content), 200)]  # every byte of the header, and others
    for position, bit in zip(positions, generator.integers(0, 8, 400), strict=True):
        changed = bytearray(content)
        changed[position] ^= 1 << int(bit)
        (tmp_path / "state.npz").write_bytes(changed)
        try:
            restore_state(state, config, tmp_path)
        except CheckpointError:
            continue
        for name, variable in state.variables().items():
            np.testing.assert_array_equal(variable, before[name])


def test_a_disk_without_room_is_noticed_before_hdf5_meets_its_end(saved, monkeypatch):
    path, model, config = saved
    before = path.read_bytes()
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match="No space left on device.*cvae.weights.h5"):
        save_model_weights(model, config, path.parent)
    assert path.read_bytes() == before


def test_config_is_written_beside_the_weights(make_config, tmp_path):
    save_config(make_config(), tmp_path)
    assert '"latent_size": [\n    3\n  ]' in (tmp_path / "config.json").read_text()


def test_weights_that_are_not_finite_are_refused(make_config, tmp_path):
    config = make_config()
    model = build_model(config)
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan))
    path = save_model_weights(model, config, tmp_path)
    with pytest.raises(CheckpointError, match="weights.h5: holds numbers that are not finite; restore it"):
        load_weights(path)
    path.with_name(f"{path.name}.sha256").write_text("   \n")
    with pytest.raises(CheckpointError, match="its checksum is not the one in"):
        load_weights(path)
