"""What a preset begins with."""

from pathlib import Path

import pytest
from conftest import make_run

from experiment.files.names import SHIPPED
from experiment.plan.run import configure
from experiment.plan.stage import stage_before
from experiment.settings.presets import PRESETS
from experiment.settings.refusals import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_first_stage_has_the_data_and_the_evaluation_of_the_preset(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.stage.SHIPPED", tmp_path / "nothing")
    asked = {"limit": 100, "train_on_validation": True, "evaluate": False, "iw_samples": 0}
    stage = stage_before({"preset": "static_dreg_1l_k50", **asked, "num_epochs": 8})
    assert stage.given == {"preset": "static_vae_1l", **asked}
    config, _ = configure(stage.given)
    assert config.preset is None and config.num_epochs == PRESETS["static_vae_1l"].settings["num_epochs"]


def test_only_the_published_first_stage_makes_a_published_second_one():
    make_run("vae_1l", **PRESETS["vae_1l"].settings)  # of other epochs, say
    assert configure({"preset": "dreg_1l_k50"})[0].preset is None
    make_run("mine", **PRESETS["vae_1l"].settings)
    assert configure({"preset": "vae_1l", "load_weights": "mine"})[0].preset is None
    make_run("vae_2l", **{**PRESETS["vae_2l"].settings, "hidden_sizes": (300,)}, preset="vae_2l")
    assert configure({"preset": "dreg_2l_k50"})[0].preset is None, "the first stage was another once"


def test_presets_that_begin_with_another_share_its_data():
    for published in PRESETS.values():
        if first := published.settings.get("load_weights"):
            assert published.settings.get("dataset") == PRESETS[first].settings.get("dataset")


FIRST = {name: preset.settings.get("load_weights") for name, preset in PRESETS.items()}


@pytest.mark.parametrize("name", [name for name, first in FIRST.items() if first and (SHIPPED / first).is_dir()])
def test_presets_begin_with_the_weights_that_come_with_the_project(name):
    assert stage_before({"preset": name}) is None


def test_each_seed_has_a_first_stage_of_its_own():
    assert stage_before({"preset": "dreg_2l_k50", "seed": 0}) is None, "its weights come with the project"
    asked = {"preset": "dreg_2l_k50", "seed": 3}
    stage = stage_before(asked)
    assert stage.run.name == "vae_2l_seed3" and stage.as_flags == "--preset vae_2l --seed 3"
    first, _ = configure(stage.given)
    assert (first.run_name, first.seed, first.preset) == ("vae_2l_seed3", 3, "vae_2l")
    make_run("vae_2l_seed3", **PRESETS["vae_2l"].settings, seed=3, preset="vae_2l")
    assert stage_before(asked).as_flags == "--resume vae_2l_seed3 --seed 3", "it has state and no results"
    config, _ = configure(asked)
    assert config.load_weights == "model_ckpts/vae_2l_seed3/hvae.weights.h5"
    assert (config.run_name, config.preset) == ("dreg_2l_k50_seed3", "dreg_2l_k50")


def test_weights_of_another_seed_are_not_those_of_the_preset(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.stage.SHIPPED", tmp_path / "nothing")
    make_run("vae_2l", **PRESETS["vae_2l"].settings, seed=3)
    found = (
        "vae_2l, which was trained with --seed 3; expected with --seed 0; move model_ckpts/vae_2l and outputs/vae_2l"
    )
    with pytest.raises(ConfigError, match=found):
        stage_before({"preset": "dreg_2l_k50"})


def test_a_preset_that_begins_with_another_does_not_only_generate():
    with pytest.raises(ConfigError, match="--num_epochs 0 with --preset dreg_2l_k50: expected at least 1"):
        configure({"preset": "dreg_2l_k50", "num_epochs": 0})


def test_a_stage_of_another_network_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.stage.SHIPPED", tmp_path / "nothing")
    make_run("vae_2l", **{**PRESETS["vae_2l"].settings, "network": "mlp"})
    with pytest.raises(
        ConfigError, match="vae_2l, which was trained with --network mlp; expected with --network gated; move"
    ):
        stage_before({"preset": "dreg_2l_k50"})


def test_a_stage_of_fewer_epochs_is_refused_unless_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.stage.SHIPPED", tmp_path / "nothing")
    make_run("vae_1l", **{**PRESETS["vae_1l"].settings, "num_epochs": 3})
    asked = {"preset": "dreg_1l_k50"}
    with pytest.raises(
        ConfigError,
        match="vae_1l, which was trained with --num_epochs 3; expected with --num_epochs 160; "
        "move model_ckpts/vae_1l and outputs/vae_1l away, or name",
    ):
        stage_before(asked)
    assert stage_before({**asked, "load_weights": "vae_1l"}) is None


def test_a_stage_whose_weights_were_moved_away_but_not_its_results(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.stage.SHIPPED", tmp_path / "nothing")
    make_run("vae_1l", **PRESETS["vae_1l"].settings)
    Path("model_ckpts/vae_1l").rename("away")
    Path("outputs/vae_1l/results.json").write_text('{"test": {}, "protocol": {}}')
    with pytest.raises(ConfigError, match="model_ckpts/vae_1l, which has no weights, but outputs/vae_1l has .*; move"):
        stage_before({"preset": "dreg_1l_k50"})


def test_both_stages_have_the_data_set_that_is_asked_for():
    asked = {"dataset": "digits"}
    assert stage_before({"preset": "sprites_capacity_tc_6", **asked}).given == {
        "preset": "sprites_capacity_14",
        **asked,
    }
    with pytest.raises(ConfigError, match="with --dataset mnist; expected with --dataset digits; leave --dataset out"):
        stage_before({"preset": "dreg_1l_k50", **asked})
    make_run("vae_1l", **{**PRESETS["vae_1l"].settings, **asked})
    assert stage_before({"preset": "dreg_1l_k50", **asked}).resume == "vae_1l"


def test_a_stage_that_was_stopped_goes_before_weights_that_come_with_the_project():
    make_run("vae_1l", **PRESETS["vae_1l"].settings, preset="vae_1l")
    assert stage_before({"preset": "dreg_1l_k50"}).resume == "vae_1l"


def test_a_second_stage_from_weights_of_another_seed_is_not_the_published_one():
    make_run("vae_1l_seed3", **PRESETS["vae_1l"].settings, preset="vae_1l", seed=5)
    assert configure({"preset": "dreg_1l_k50", "seed": 3})[0].preset is None
    with pytest.raises(ConfigError, match="vae_1l_seed4: expected a run .*; train it first: --preset vae_1l --seed 4$"):
        configure({"preset": "dreg_1l_k50", "seed": 4})
