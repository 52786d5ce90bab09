"""Names of runs: an older run is never touched, and the one that is meant is found."""

import os
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from experiment.files.names import (
    Run,
    command_line,
    find_run,
    how_to_resume,
    load_config,
    newest_like,
    newest_run,
    next_free_run,
)
from experiment.plan import configure, stages_before
from experiment.settings.combine import resolve
from experiment.settings.presets import PRESETS
from experiment.settings.refusals import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_run(name, **given):
    run = Run(name)
    run.create()
    config = replace(resolve(given), image_shape=(28, 28, 1))
    (run.checkpoints / "config.json").write_text(config.to_json())
    (run.checkpoints / f"{config.model}.weights.h5").touch()
    (run.checkpoints / "state.npz").touch()
    return run


def test_names_are_numbered():
    assert next_free_run("mnist_vae") == Run("mnist_vae")
    Run("mnist_vae").create()
    assert next_free_run("mnist_vae") == Run("mnist_vae_2")
    Run("mnist_vae_9").create()
    Run("mnist_vae_beta").create()
    assert next_free_run("mnist_vae") == Run("mnist_vae_10")
    with pytest.raises(FileExistsError):
        Run("mnist_vae").create()


def test_an_output_alone_takes_the_name(folder):
    (folder / "outputs" / "mnist_vae").mkdir(parents=True)
    assert next_free_run("mnist_vae") == Run("mnist_vae_2")


def test_newest_is_the_highest_number_that_was_trained():
    for name in ("mnist_vae", "mnist_vae_2", "mnist_vae_10"):
        make_run(name)
    (make_run("mnist_vae_11").checkpoints / "vae.weights.h5").unlink()  # stopped in its first epoch
    assert newest_run("mnist_vae", "*.weights.h5").name == "mnist_vae_10"
    assert newest_run("mnist_vae", "state.npz").name == "mnist_vae_11"
    with pytest.raises(ConfigError, match="no saved run named digits_vae .*saved runs: mnist_vae, mnist_vae_10"):
        newest_run("digits_vae", "state.npz")


def test_a_run_is_found_by_name_folder_and_file():
    folder = make_run("mnist_vae").checkpoints
    for name in ("mnist_vae", "newest", str(folder), str(folder / "vae.weights.h5")):
        assert find_run(name, resolve({}), "state.npz") == folder
    Path("config.json").write_text("{}")  # of something else, in the folder that the program is started in
    with pytest.raises(ConfigError, match="mnist_cvae: expected a run with its config.json, found none"):
        find_run("mnist_cvae", resolve({}), "state.npz")


def written(run, seconds):
    """The run, whose files were written at this time."""
    for path in run.checkpoints.iterdir():
        os.utime(path, (seconds, seconds))
    return run


def test_newest_is_of_the_data_and_model_whatever_its_name():
    first = written(make_run("mnist_vae"), 1)
    second = written(make_run("wide", hidden_sizes=(600,)), 2)
    written(make_run("mnist_vae_2", dataset="digits"), 3)  # a run that only bears the name
    written(make_run("labelled", is_cvae=True), 4)
    (written(make_run("shipped"), 5).checkpoints / "state.npz").unlink()
    (written(make_run("damaged"), 6).checkpoints / "config.json").write_text("{")
    for file in ("state.npz", "*.weights.h5"):
        assert newest_like(resolve({}), file) == second
    assert find_run("newest", resolve({"run_name": "mnist_vae"}), "state.npz").name == "mnist_vae_2"
    assert configure({}, resume="newest")[1] == second
    assert configure({"is_cvae": True, "load_weights": "newest"})[0].load_weights.startswith("model_ckpts/labelled/")
    written(first, 7)  # it was trained on
    assert newest_like(resolve({}), "state.npz") == first
    with pytest.raises(ConfigError, match="no saved run of dataset digits and model cvae .*damaged/config.json"):
        newest_like(resolve({"dataset": "digits", "is_cvae": True}), "state.npz")


def test_weights_that_came_with_the_project_will_do_where_none_were_trained():
    (make_run("shipped").checkpoints / "state.npz").unlink()
    assert find_run("newest", resolve({}), "*.weights.h5").name == "shipped"


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
    assert (config.preset, config.family, config.seed, resumed) == ("vae_1l", "vae_1l", 4, None)
    assert (config.hidden_sizes, config.batch_size) == (settings["hidden_sizes"], settings["batch_size"])
    changed, _ = configure({"preset": "vae_1l", "num_epochs": 3, "evaluate": False})
    assert (changed.family, changed.num_epochs, changed.evaluate) == ("vae_1l", 3, False)
    for given in ({"num_epochs": 3}, {"is_cvae": True}, {"limit": 1000}, {"dataset": "fashion_mnist"}):
        assert configure({"preset": "vae_1l", **given})[0].preset is None, "another run than the published one"
    with pytest.raises(ConfigError, match="--preset vae_3l: expected one of vae_1l, iwae_1l_k50, "):
        configure({"preset": "vae_3l"})


def test_a_first_stage_has_the_data_and_the_evaluation_of_the_preset(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.SHIPPED", tmp_path / "nothing")
    asked = {"limit": 100, "train_on_validation": True, "evaluate": False, "iw_samples": 0}
    (stage,) = stages_before({"preset": "static_dreg_1l_k50", **asked, "num_epochs": 8})
    assert stage.given == {"preset": "static_elbo_1l", **asked}
    config, _ = configure(stage.given)
    assert config.preset is None and config.num_epochs == PRESETS["static_elbo_1l"].settings["num_epochs"]


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


def test_only_the_published_first_stage_makes_a_published_second_one():
    make_run("vae_1l", **PRESETS["vae_1l"].settings)  # of other epochs, say
    assert configure({"preset": "iwae_1l_k50"})[0].preset is None
    make_run("cvae_1l", **PRESETS["cvae_1l"].settings, preset="cvae_1l")
    assert configure({"preset": "vae_1l", "load_weights": "cvae_1l"})[0].preset is None


def test_weights_that_are_trained_on_are_past_the_warm_up():
    make_run("vae_1l", **PRESETS["vae_1l"].settings)
    assert configure({"load_weights": "vae_1l"})[0].beta_schedule == "constant"
    assert configure({"load_weights": "vae_1l", "beta_schedule": "linear"})[0].beta_schedule == "linear"


def test_presets_that_begin_with_another_share_its_data():
    for published in PRESETS.values():
        if first := published.settings.get("load_weights"):
            assert published.settings.get("dataset") == PRESETS[first].settings.get("dataset")


def test_what_a_run_was_asked_to_measure_is_not_asked_of_those_that_start_from_it():
    make_run("vae_1l", **PRESETS["vae_1l"].settings, preset="vae_1l")
    config, _ = configure({"load_weights": "vae_1l", "num_epochs": 0})
    assert (config.preset, config.evaluate, config.iw_samples) == (None, False, 0)


def test_flags_that_only_fit_the_saved_run_do_not_stand_in_the_way():
    make_run("binarized_mnist_vae", dataset="binarized_mnist")
    config, _ = configure({"load_weights": "binarized_mnist_vae", "binarization": "static"})
    assert config.dataset == "binarized_mnist"


def test_a_run_is_held_by_one_process_at_a_time():
    run = make_run("mnist_vae")
    refused = pytest.raises(ConfigError, match="mnist_vae: another process is training this run")
    with run.held(), refused, run.held():
        pass
    with run.held():
        pass


def test_a_run_that_cannot_have_both_folders_gets_none(folder):
    (folder / "outputs").write_text("a file where the folder should be")
    with pytest.raises(OSError):
        Run("mnist_vae").create()
    assert not (folder / "model_ckpts" / "mnist_vae").exists()


def test_a_command_can_be_typed_as_it_is_printed():
    words = ["python", "assignment.py", "--resume", "cats & dogs; it's *"]
    assert shlex.split(command_line(*words)) == words


def test_a_run_is_continued_where_its_images_came_from(make_config):
    run = Run("mine")
    assert how_to_resume(run, make_config()) == "python assignment.py --resume mine"
    given = replace(make_config(), dataset="arrays", data_dir=None)
    assert how_to_resume(run, given) == "train(images, resume='mine', ...) with the same images"
    assert how_to_resume(run, replace(given, data_dir="a.npz")) == "python assignment.py --resume mine"
