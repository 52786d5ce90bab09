"""What several test files share: small configurations, small data, the command line, and the real data."""

import ctypes
import gc
import json
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of scikit-learn, whose threads spin where workers share the cores

from experiment.training.runtime import tf  # isort: skip  before all that uses TensorFlow

import fake_wandb
import numpy as np
import pytest
from matplotlib.figure import Figure

import assignment
from atomic_files import held
from experiment.evaluation.inference import Inference
from experiment.evaluation.likelihood import estimate_elbo
from experiment.files.names import Run
from experiment.pictures import requested
from experiment.pictures.codes import Units
from experiment.settings.combine import resolve
from image_data import cache
from image_data.splits import Split
from models.catalog import NETWORKS

# Two devices on one CPU: for the tests of those that share a step. All else uses the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

PROJECT = Path(__file__).resolve().parent.parent
REAL_DATA = PROJECT.parent / "shared" / "data"
LABEL_NAMES = ("zero", "one", "two")
QUICK = ["--dataset", "digits", "--limit", "200", "--num_epochs", "2", "--hidden_sizes", "16"]


@pytest.fixture(autouse=True)
def without_xla(request, monkeypatch):
    """Dense networks run as graphs, which are there in a fraction of XLA's time, but in tests that are marked xla."""
    if "xla" not in request.keywords:
        for name, network in NETWORKS.items():
            monkeypatch.setitem(NETWORKS, name, network._replace(is_dense=False))


@pytest.fixture(autouse=True, scope="module")
def memory_is_given_back():
    """Graphs refer to themselves, which Python is slow to notice, and glibc keeps what was freed for the next time."""
    yield
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


@pytest.fixture
def make_config():
    """A function: settings -> Config of a small model on 8x8 images."""

    def make(image_shape=(8, 8, 1), has_attributes=False, **given):
        settings = {"latent_size": 3, "hidden_sizes": (16,), "batch_size": 8, "num_epochs": 2, **given}
        label_names = LABEL_NAMES if settings.get("is_cvae") else ()
        found = {"image_shape": image_shape, "label_names": label_names, "has_attributes": has_attributes}
        return replace(resolve(settings), **found)

    return make


@pytest.fixture
def split():
    """44 images of 8x8 grey noise with one of three labels."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (44, 8, 8, 1), dtype=np.uint8)
    return Split(images, np.eye(3, dtype=np.uint8)[generator.integers(0, 3, 44)])


def infer(model, config, split):
    """What a model infers of all images of a Split, with their codes."""
    return Inference(model, config.seed)(split, num_codes=len(split.images))


def elbo_of(model, config, split):
    """The ElboEstimate of a Split."""
    return estimate_elbo(infer(model, config, split), config.level_sizes[::-1])


def units_of(model, config, split):
    """The Units of a model, measured on a Split."""
    return Units.of(infer(model, config, split), config)


@pytest.fixture
def run_cli(tmp_path):
    """A function: flags -> the finished process of assignment.py, started in a folder of its own."""

    def run(*arguments, cwd=tmp_path, **options):
        command = [sys.executable, str(PROJECT / "assignment.py"), *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, **options)

    return run


@pytest.fixture
def without_home(monkeypatch):
    """A user that the system does not know, as in a container."""
    pwd = pytest.importorskip("pwd")

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setenv("HOME", "")
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("KERAS_HOME", raising=False)
    cache._temporary_folder.cache_clear()
    yield
    cache._temporary_folder.cache_clear()


@pytest.fixture
def real_data():
    """A function: name -> the folder of a real data set; the test is skipped where it is absent."""

    def find(name):
        folder = REAL_DATA / name
        if not folder.is_dir():
            pytest.skip(f"real data {name} is not beside the project")
        return folder

    return find


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """A function: flags -> (exit code, standard output, standard error) of the program in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        try:
            code = assignment.main([str(argument) for argument in arguments])
        except SystemExit as exit:
            code = exit.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def undrawn(monkeypatch):
    """Runs draw only the pictures that flags ask for: for tests of what else a command does."""
    for name in ("draw_always", "draw_charts", "draw_photographs"):
        monkeypatch.setattr(f"experiment.run.{name}", lambda *_: {})
    monkeypatch.setattr("experiment.run.explorer_data", lambda *_: None)


@pytest.fixture
def few_frames(monkeypatch):
    """Animations have three frames, and traversals move three units."""
    monkeypatch.setattr(requested, "ANGLES", np.linspace(0, 2 * np.pi, 3, endpoint=False))
    monkeypatch.setattr(requested, "UNITS_SHOWN", 3)


@pytest.fixture
def wandb(monkeypatch):
    """The calls of a package that stands for Weights & Biases."""
    monkeypatch.setitem(sys.modules, "wandb", fake_wandb)
    fake_wandb.calls.clear()
    return fake_wandb.calls


@pytest.fixture
def uncompared(monkeypatch):
    """Studies compare their runs in numbers alone."""
    for name in ("draw_rate_distortion", "draw_curves", "draw_numbers"):
        monkeypatch.setattr(f"experiment.study.comparison.{name}", lambda *_: Figure())
    monkeypatch.setattr("experiment.study.comparison._pictures", lambda *_: {})


@pytest.fixture
def trained(request, cli, tmp_path, tmp_path_factory, monkeypatch):
    """As `cli`, but a command is run once for all tests of all workers; its folders are copied into the test's own.

    Tests that go without pictures share runs without pictures.
    """
    without = sorted({"undrawn", "uncompared"} & {*request.fixturenames})
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def run(*arguments):
        folder = shared / f"trained-{zlib.crc32(repr((arguments, without)).encode()):08x}"
        folder.mkdir(exist_ok=True)
        with held(folder, wait=True):
            done = folder / "said.json"
            if not done.is_file():
                monkeypatch.chdir(folder)
                done.write_text(json.dumps(cli(*arguments)))
                monkeypatch.chdir(tmp_path)
        for name in ("model_ckpts", "outputs"):
            shutil.copytree(folder / name, tmp_path / name, dirs_exist_ok=True)
        return tuple(json.loads(done.read_text()))

    return run


def assert_refused(result, message):
    """Exit code 2, and one line that says `message`."""
    code, _, err = result
    assert code == 2
    assert err.startswith("assignment.py: error: ") and err.count("\n") == 1, err
    assert message in err


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def make_run(name, **given):
    """A Run in this folder with settings, empty weights and empty state."""
    run = Run(name)
    run.create()
    config = replace(resolve(given), image_shape=(28, 28, 1))
    (run.checkpoints / "config.json").write_text(config.to_json())
    (run.checkpoints / f"{config.model}.weights.h5").touch()
    (run.checkpoints / "state.npz").touch()
    return run
