"""Which settings a run has, from flags, presets, saved runs and the number of images."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conftest import make_run

from experiment.files.names import load_config
from experiment.plan.run import configure
from experiment.settings.combine import flags_of, resolve
from experiment.settings.presets import PRESETS
from experiment.settings.refusals import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_configure_reads_the_settings_of_the_run_that_is_meant(tmp_path):
    run = make_run("mnist_cvae", is_cvae=True, latent_size=7)
    loaded, resumed = configure({"is_cvae": True, "load_weights": "newest"})
    assert (loaded.latent_size, loaded.is_cvae, resumed) == ((7,), True, None)
    assert loaded.load_weights == "model_ckpts/mnist_cvae/cvae.weights.h5"
    assert configure({"load_weights": "mnist_cvae"})[0].is_cvae
    assert configure({}, resume="mnist_cvae") == (
        replace(resolve({"is_cvae": True, "latent_size": 7}), image_shape=(28, 28, 1)),
        run,
    )
    assert configure({}) == (resolve({}), None)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.json").write_text(resolve({}).to_json())
    with pytest.raises(ConfigError, match="expected a run in model_ckpts/"):
        configure({}, resume=str(elsewhere))
    with pytest.raises(ConfigError, match="--run_name other: a resumed run keeps its name, mnist_cvae"):
        configure({"run_name": "other"}, resume="mnist_cvae")
    (tmp_path / "model_ckpts/link").symlink_to("mnist_cvae")
    assert configure({}, resume="link")[1] == run
    with pytest.raises(ConfigError, match="--resume with --load_weights: expected one of them"):
        configure({"load_weights": "newest"}, resume="newest")


def test_a_preset_is_settings_that_flags_override():
    config, resumed = configure({"preset": "vae_1l", "seed": 4, "grid": 20})
    settings = PRESETS["vae_1l"].settings
    assert (config.preset, config.family, config.seed, resumed) == ("vae_1l", "vae_1l_seed4", 4, None)
    assert (config.hidden_sizes, config.batch_size) == (settings["hidden_sizes"], settings["batch_size"])
    changed, _ = configure({"preset": "vae_1l", "num_epochs": 3, "evaluate": False})
    assert (changed.family, changed.num_epochs, changed.evaluate) == ("vae_1l", 3, False)
    for given in ({"num_epochs": 3}, {"is_cvae": True}, {"limit": 1000}, {"dataset": "fashion_mnist"}):
        assert configure({"preset": "vae_1l", **given})[0].preset is None, "another run than the published one"
    with pytest.raises(ConfigError, match="--preset vae_3l: expected one of vae_1l, dreg_1l_k50, "):
        configure({"preset": "vae_3l"})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_run_and_continued(name, monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.files.names.SHIPPED", tmp_path / "nothing")
    settings = dict(PRESETS[name].settings)
    if first := settings.pop("load_weights", None):
        with pytest.raises(ConfigError, match=f"{first}: expected a run .*; train it first: --preset {first}"):
            configure({"preset": name})
        make_run(first, **PRESETS[first].settings, preset=first)
    config, _ = configure({"preset": name})
    assert {each: getattr(config, each) for each in settings} == settings
    run = make_run(name, **asdict(config))
    assert configure({}, resume=name) == (load_config(run.checkpoints), run)
    assert configure({"num_epochs": config.num_epochs}, resume=name)[0].preset == name
    with pytest.raises(ConfigError, match="--resume with --preset: expected one of them"):
        configure({"preset": name}, resume=name)


def test_weights_that_come_with_the_project_are_found_from_any_folder():
    config, _ = configure({"load_weights": "cvae_1l", "num_epochs": 0})
    assert config.run_name == "cvae_1l" and Path(config.load_weights).is_file()


def test_a_preset_that_is_trained_longer_is_another_run():
    make_run("sprites_vae", **PRESETS["sprites_vae"].settings, preset="sprites_vae")
    assert configure({"num_epochs": 30}, resume="sprites_vae")[0].preset is None


def test_weights_that_are_trained_on_are_past_the_warm_up():
    make_run("vae_1l", **PRESETS["vae_1l"].settings)
    assert configure({"load_weights": "vae_1l"})[0].beta_schedule == "constant"
    assert configure({"load_weights": "vae_1l", "beta_schedule": "linear"})[0].beta_schedule == "linear"


def test_what_a_run_was_asked_to_measure_is_not_asked_of_those_that_start_from_it():
    make_run("vae_1l", **PRESETS["vae_1l"].settings, preset="vae_1l")
    config, _ = configure({"load_weights": "vae_1l", "num_epochs": 0})
    assert (config.preset, config.evaluate, config.iw_samples) == (None, False, 0)


def test_flags_that_only_fit_the_saved_run_do_not_stand_in_the_way():
    make_run("binarized_mnist_vae", dataset="binarized_mnist")
    config, _ = configure({"load_weights": "binarized_mnist_vae", "binarization": "static"})
    assert config.dataset == "binarized_mnist"


@pytest.mark.parametrize("num_files, expected", [(40, 1_000), (300, 1_000), (4_000, 70), (40_000, 20)])
def test_the_default_of_epochs_suits_the_number_of_photographs(num_files, expected):
    num_epochs = resolve({"dataset": "folder"}, num_files).num_epochs
    assert num_epochs == expected
    if 20 < num_epochs < 1_000:
        assert num_epochs * (round(0.7 * num_files) // 64) == pytest.approx(3_000, rel=0.03)


@pytest.mark.parametrize("num_files, expected", [(40, 1_000), (2_100, 24), (4_000, 13), (40_000, 2)])
@pytest.mark.parametrize("dataset", ["folder", "ucmerced"])
def test_so_does_that_of_deep_hierarchies_with_their_warm_up(dataset, num_files, expected):
    config = resolve({"dataset": dataset, "hierarchical": True}, num_files)
    assert config.num_epochs == expected and config.beta_epochs == pytest.approx(expected / 5)
    chain = resolve({"dataset": dataset, "hierarchical": True, "hierarchy": "chain"}, num_files)
    assert chain.beta_epochs == resolve({"hierarchical": True, "hierarchy": "chain"}).beta_epochs


def test_image_files_are_counted_where_no_number_of_epochs_is_given(tmp_path):
    (tmp_path / "photos/cats").mkdir(parents=True)
    for index in range(200):
        (tmp_path / f"photos/cats/{index}.JPG").touch()
    (tmp_path / "photos/notes.txt").touch()
    given = {"dataset": "folder", "data_dir": str(tmp_path / "photos"), "batch_size": 10}
    assert configure(given)[0].num_epochs == 3_000 // 14 + 1
    assert configure({**given, "limit": 50})[0].num_epochs == 1_000
    assert configure({**given, "num_epochs": 7})[0].num_epochs == 7
    assert configure({"dataset": "folder"})[0].num_epochs == 50


def test_deep_hierarchies_of_every_size_are_counted_too(tmp_path):
    (tmp_path / "photos").mkdir()
    for index in range(200):
        (tmp_path / f"photos/{index}.png").touch()
    given = {"dataset": "ucmerced", "hierarchical": True, "data_dir": str(tmp_path / "photos")}
    small, _ = configure({**given, "image_size": (32,)})
    assert small.num_epochs == math.ceil(8_800 / 35) and small.latent_size[0] == "16x16x8*2"
    assert configure({**given, "image_size": (128,)})[0].num_epochs == math.ceil(8_800 / 4 / 35)
    assert configure({**given, "image_size": (64, 128)})[0].quarter_turns is False
    with pytest.raises(ConfigError, match="--image_size 0: expected"):
        configure({**given, "image_size": (0,)})
    assert configure({**given, "num_epochs": 50})[0].beta_epochs == 10
    assert f"--num_epochs {small.num_epochs}" in " ".join(flags_of(small)) and "--beta_epochs" not in " ".join(
        flags_of(small)
    )
