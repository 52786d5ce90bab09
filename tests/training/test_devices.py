"""Several devices that share every step do what one device does; workers in processes of their own do so, too."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from conftest import PROJECT

from experiment import api
from experiment.settings.combine import resolve
from experiment.settings.refusals import ConfigError
from experiment.training.devices import ONE_DEVICE, find_devices, refuse_several_workers, workers_named
from experiment.training.execution import plan_execution
from experiment.training.loop import fit
from experiment.training.state import TrainingState
from image_data.splits import Split
from models.build import build_model
from models.catalog import OBJECTIVES

RNG = np.random.default_rng(0)
IMAGES = (RNG.integers(0, 256, (200, 8, 8, 1)) // RNG.integers(1, 9, (200, 1, 1, 1))).astype(np.uint8)
LABELS = np.eye(2, dtype=np.uint8)[RNG.integers(0, 2, 200)]
HIERARCHY = {"hierarchical": True, "latent_size": (6, 4)}
# Gradients of a relu unit that is never active are 0 but for rounding, and Adam makes whole steps of that.
DENSE = {"hidden_sizes": (32,), "activation": "tanh"}
MODELS = {
    "vae": DENSE,
    "cvae": {**DENSE, "is_cvae": True},
    "hvae": {**DENSE, **HIERARCHY},
    "chvae": {**DENSE, **HIERARCHY, "is_cvae": True},
    "maps": {"network": "conv", "hidden_sizes": (4, 8), "hierarchical": True, "latent_size": ("4x4x2", 4)},
}
FLIPPED = {**DENSE, "horizontal_flip": True, "learning_rate_schedule": "cosine", "clip_norm": 5.0, "ema": 0.9}
CASES = {**MODELS, **{name: {**DENSE, "objective": name} for name in OBJECTIVES if name != "elbo"}, "flipped": FLIPPED}
QUICK_CASE = "beta_tc"


@pytest.fixture(autouse=True)
def scope_of_variables_without_marks():
    """An error while tf.map_fn is traced leaves a mark in TensorFlow's scope of variables, which a strategy refuses."""
    tf.compat.v1.get_variable_scope()._caching_device = None


def train(given, strategy, num_epochs=10, images=IMAGES):
    """Train for ten steps an epoch; the weights as one vector, and the last Progress."""
    config = resolve({"latent_size": (5,), "batch_size": 20, "num_epochs": num_epochs, "strategy": strategy, **given})
    config = replace(config, image_shape=images.shape[1:], label_names=("a", "b") if config.is_cvae else ())
    devices = find_devices(config)
    assert devices.count == (2 if strategy == "mirrored" else 1)
    with devices.strategy.scope():
        state = TrainingState(build_model(config), config, num_steps=10 * num_epochs)
    *_, last = fit(state, Split(images, LABELS if config.is_cvae else None), config, devices)
    return np.concatenate([each.numpy().ravel() for each in state.model.variables]), last


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == QUICK_CASE else pytest.mark.slow) for name in CASES]
)
def test_two_devices_train_as_one_does_with_the_same_batches(name, monkeypatch):
    monkeypatch.setattr("models.discriminator.NUM_UNITS", 32)  # a wide one makes much of the last bits
    (one, at_one), (two, at_two) = (train(CASES[name], strategy) for strategy in ("one", "mirrored"))
    assert np.linalg.norm(one - two) < 1e-5 * np.linalg.norm(one)
    assert at_two.loss == pytest.approx(at_one.loss, rel=1e-4)  # a mean over few images, of terms that cancel
    assert at_two.gradient_norm == pytest.approx(at_one.gradient_norm, rel=1e-4)


@pytest.mark.slow
def test_two_devices_normalise_with_the_statistics_of_the_whole_batch():
    network = {"network": "conv", "hidden_sizes": (4, 8), "encoder_normalization": "batch"}
    (_, at_one), (_, at_two) = (train(network, strategy, num_epochs=1) for strategy in ("one", "mirrored"))
    assert at_two.distortion == pytest.approx(at_one.distortion, rel=1e-6)
    assert at_two.gradient_norm == pytest.approx(at_one.gradient_norm, rel=1e-4)


def test_a_batch_that_the_devices_cannot_share_equally_is_refused():
    devices = find_devices(resolve({"strategy": "mirrored"}))
    devices.refuse_unequal_shares(20)
    with pytest.raises(ConfigError, match="batches of 21 images: expected a multiple of 2, the number of devices"):
        devices.refuse_unequal_shares(21)


def test_one_device_is_found_where_no_others_are_named(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert find_devices(resolve({})) is find_devices(resolve({"strategy": "one"})) is ONE_DEVICE
    with pytest.raises(ConfigError, match="multi_worker: expected the addresses of two or more workers in .*TF_CONFIG"):
        find_devices(resolve({"strategy": "multi_worker"}))


TWO_WORKERS = '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}'


def test_the_workers_are_those_of_tf_config(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", TWO_WORKERS)
    assert workers_named() == (1, ["a:1", "b:2"])
    assert find_devices(resolve({"strategy": "one"})) is ONE_DEVICE
    monkeypatch.setenv("TF_CONFIG", "")
    assert workers_named() == (0, [])


def tf_config(workers, index=0, kind="worker"):
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize(
    "text",
    [
        *("{", "{}", "[1]", "null", tf_config([]), tf_config("a:1"), tf_config([1, 2]), tf_config(["a:1", "a:1"])),
        *(tf_config(["a:1", "b"]), tf_config(["a:1", "b:99999"]), tf_config(["a:1", "b:0"]), tf_config(["a:1"], True)),
        *(tf_config(["a:1", "b:2"], 0.5), tf_config(["a:1", "b:2"], "1"), tf_config(["a:1", "b:2"], 0, "ps")),
    ],
)
def test_a_damaged_tf_config_is_refused_by_those_who_read_it(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match="expected .*cluster.*worker.*task"):
        find_devices(resolve({}))
    monkeypatch.setenv("TF_CONFIG", tf_config(["a:1", "b:2"], 2))
    with pytest.raises(ConfigError, match="TF_CONFIG: index 2 of 2 workers; expected 0 to 1"):
        find_devices(resolve({}))
    assert find_devices(resolve({"strategy": "one"})) is ONE_DEVICE


def test_saved_weights_are_evaluated_by_one_process(monkeypatch):
    config = resolve({"num_epochs": 0, "load_weights": "it"})
    monkeypatch.setenv("TF_CONFIG", TWO_WORKERS)
    with pytest.raises(ConfigError, match="with --num_epochs 0 a saved run is only evaluated, by one process"):
        find_devices(config)
    assert find_devices(replace(config, strategy="one")) is ONE_DEVICE


def test_what_workers_cannot_share_is_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    refuse_several_workers("a study")
    monkeypatch.setenv("TF_CONFIG", TWO_WORKERS)
    with pytest.raises(ConfigError, match="TF_CONFIG names several workers: a study; expected it unset"):
        refuse_several_workers("a study")
    with pytest.raises(ConfigError, match="from Python a run is trained by one process"):
        api.train(IMAGES)


@pytest.mark.parametrize("setting", ["xla", "precision"])
def test_what_several_devices_cannot_do_is_refused(setting):
    value = {"xla": "on", "precision": "mixed_float16"}[setting]
    with pytest.raises(ConfigError, match=f"--{setting} {value}: .*several devices"):
        find_devices(resolve({"strategy": "mirrored", setting: value}))


def test_xla_and_steps_per_call_are_as_given():
    config = replace(resolve({"xla": "off", "steps_per_call": 3}), image_shape=(8, 8, 1))
    assert plan_execution(config) == (False, 3)
    assert plan_execution(replace(config, network="conv", xla="on")).jit_compile


# --- Workers in processes of their own ------------------------------------------------------------------------------

FLAGS = ["--dataset", "digits", "--limit", "256", "--hidden_sizes", "16", "--latent_size", "3", "--batch_size", "64"]


def start_workers(folder, number, *flags, of_last=()):
    """Start the program as so many workers on this machine; the processes, the chief first.

    of_last are further flags of the last one.
    """
    sockets = [socket.create_server(("localhost", 0)) for _ in range(number)]
    addresses = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    processes = []
    for index in range(number):
        described = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        further = of_last if index == number - 1 else ()
        command = [sys.executable, str(PROJECT / "assignment.py"), *flags, *further]
        environment = {**os.environ, "TF_CONFIG": json.dumps(described)}
        log = (folder / f"worker_{index}.log").open("w")
        processes.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log))
    return processes


def weights_of(folder):
    with np.load(folder / "model_ckpts" / "r" / "state.npz") as state:
        return {name: state[name] for name in state.files}


@pytest.mark.slow
def test_two_workers_train_one_run_whose_chief_alone_writes(tmp_path):
    for each in start_workers(tmp_path, 2, *FLAGS, "--num_epochs", "1", "--run_name", "r"):
        assert each.wait(timeout=120) == 0, (tmp_path / "worker_0.log").read_text()
    assert "2 devices of 2 workers share every batch" in (tmp_path / "worker_0.log").read_text()
    assert (tmp_path / "worker_1.log").read_text().splitlines()[1:] == [
        "worker 1 of 2: trains from step 0 on",
        "worker 1 of 2: ends at step 4",
    ]
    assert [path.name for path in (tmp_path / "model_ckpts").iterdir()] == ["r"]
    assert weights_of(tmp_path)["step"] == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "of_last, found",
    [
        (("--learning_rate", "0.1", "--seed", "5"), ["--learning_rate (0.001), --seed (0)", "--seed (5)"]),
        (("--steps_per_call", "2"), ["--steps_per_call (None)", "--steps_per_call (2)"]),
        (("--hidden_sizes", "20"), ["--hidden_sizes ((16,))", "--hidden_sizes ((20,))"]),
        (("--limit", "192"), ["images of the checksum", "images of the checksum"]),
    ],
)
def test_workers_with_other_settings_or_images_are_refused_before_the_first_step(tmp_path, of_last, found):
    workers = start_workers(tmp_path, 2, *FLAGS, "--num_epochs", "2", "--run_name", "r", of_last=of_last)
    assert [each.wait(timeout=120) for each in workers] == [2, 2]
    for index, words in enumerate(found):
        last = (tmp_path / f"worker_{index}.log").read_text().splitlines()[-1]
        assert last.startswith(f"assignment.py: error: worker {index} of 2: has ") and words in last
        assert "another worker has something else; expected the same command" in last
    assert not (tmp_path / "model_ckpts").exists()


@pytest.mark.slow
def test_a_killed_worker_ends_all_and_a_resumed_run_has_the_bits_of_one_that_was_not_killed(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir(), killed.mkdir()
    flags = [*FLAGS, "--num_epochs", "100", "--run_name", "r"]
    chief, other = start_workers(killed, 2, *flags)
    while "epoch 5/" not in (killed / "worker_0.log").read_text():
        assert chief.poll() is None
    other.kill()
    assert chief.wait(timeout=60) == 2
    assert (
        "another worker ended or cannot be reached; start all again with --resume"
        in (killed / "worker_0.log").read_text()
    )
    assert weights_of(killed)["step"] < 400
    for folder, words in ((whole, flags), (killed, ["--dataset", "digits", "--resume", "r"])):
        for each in start_workers(folder, 2, *words):
            assert each.wait(timeout=300) == 0
    ours, expected = weights_of(killed), weights_of(whole)
    for name, array in expected.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)


@pytest.mark.slow
def test_four_workers_train_as_two_do_and_stop_together(tmp_path):
    two, four = tmp_path / "two", tmp_path / "four"
    two.mkdir(), four.mkdir()
    flags = [*FLAGS, "--num_epochs", "60", "--run_name", "r"]
    workers = start_workers(four, 4, *flags)
    while "epoch 5/" not in (four / "worker_0.log").read_text():
        assert workers[0].poll() is None
    workers[2].terminate()
    assert [each.wait(timeout=60) for each in workers] == [130] * 4
    assert weights_of(four)["step"] < 240
    for folder, number, words in ((two, 2, flags), (four, 4, ["--dataset", "digits", "--resume", "r"])):
        for each in start_workers(folder, number, *words):
            assert each.wait(timeout=300) == 0
    ours, expected = weights_of(four), weights_of(two)
    for name, array in expected.items():
        np.testing.assert_allclose(ours[name], array, rtol=1e-3, atol=1e-5, err_msg=name)
