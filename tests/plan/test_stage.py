"""What a preset begins with."""

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


def test_weights_of_another_seed_are_not_those_of_the_preset():
    found = "vae_2l, which was trained with --seed 0; expected with --seed 3"
    with pytest.raises(ConfigError, match=f"{found}; leave --seed out, or train on from these weights with"):
        stage_before({"preset": "dreg_2l_k50", "seed": 3})
    assert stage_before({"preset": "dreg_2l_k50", "seed": 0}) is None


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
