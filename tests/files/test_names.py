"""Names of runs: an older run is never touched, and the one that is meant is found."""

import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_run

from experiment.files.names import (
    Run,
    command_line,
    find_run,
    how_to_resume,
    newest_like,
    newest_run,
    next_free_run,
)
from experiment.plan.run import configure
from experiment.settings.combine import resolve
from experiment.settings.refusals import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
    with pytest.raises(ConfigError, match="no saved run named digits_vae .*saved runs: .*mnist_vae, mnist_vae_10"):
        newest_run("digits_vae", "state.npz")


def test_a_run_is_found_by_name_folder_and_file():
    folder = make_run("mnist_vae").checkpoints
    for name in ("mnist_vae", "newest", str(folder), str(folder / "vae.weights.h5")):
        assert find_run(name, resolve({}), "state.npz") == folder
    with pytest.raises(ConfigError, match="cvae.weights.h5: expected a run with its config.json, found none"):
        find_run("cvae.weights.h5", resolve({}), "state.npz")
    Path("config.json").write_text("{}")  # of something else, in the folder that the program is started in
    with pytest.raises(ConfigError, match="mnist_cvae: expected a run with its config.json, found none"):
        find_run("mnist_cvae", resolve({}), "state.npz")
    Path("model_ckpts/mnist_cvae").mkdir()
    with pytest.raises(ConfigError, match="mnist_cvae: expected a run with its config.json, found a folder without it"):
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
    assert not (folder / "model_ckpts").exists()


def test_a_command_can_be_typed_as_it_is_printed():
    words = ["python", "assignment.py", "--resume", "cats & dogs; it's *"]
    assert shlex.split(command_line(*words)) == words


def test_a_run_is_continued_where_its_images_came_from(make_config):
    run = Run("mine")
    assert how_to_resume(run, make_config()) == "python assignment.py --resume mine"
    given = replace(make_config(), dataset="arrays", data_dir=None)
    assert how_to_resume(run, given) == "train(images, resume='mine', ...) with the same images"
    assert how_to_resume(run, replace(given, data_dir="a.npz")) == "python assignment.py --resume mine"
