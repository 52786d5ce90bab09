"""What a preset begins with."""

from dataclasses import asdict

import pytest
from conftest import make_run

from atomic_files import sealed
from experiment.files.names import RESULTS_FILE, load_config
from experiment.plan.run import configure
from experiment.plan.stages import Stage, config_of, stages_before
from experiment.settings.presets import PRESETS, Preset
from experiment.settings.refusals import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_first_stage_has_the_data_and_the_evaluation_of_the_preset(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.stages.SHIPPED", tmp_path / "nothing")
    asked = {"limit": 100, "train_on_validation": True, "evaluate": False, "iw_samples": 0}
    (stage,) = stages_before({"preset": "static_dreg_1l_k50", **asked, "num_epochs": 8})
    assert stage.given == {"preset": "static_elbo_1l", **asked}
    config, _ = configure(stage.given)
    assert config.preset is None and config.num_epochs == PRESETS["static_elbo_1l"].settings["num_epochs"]


def test_only_the_published_first_stage_makes_a_published_second_one():
    make_run("vae_1l", **PRESETS["vae_1l"].settings)  # of other epochs, say
    assert configure({"preset": "iwae_1l_k50"})[0].preset is None
    make_run("cvae_1l", **PRESETS["cvae_1l"].settings, preset="cvae_1l")
    assert configure({"preset": "vae_1l", "load_weights": "cvae_1l"})[0].preset is None


def test_presets_that_begin_with_another_share_its_data():
    for published in PRESETS.values():
        if first := published.settings.get("load_weights"):
            assert published.settings.get("dataset") == PRESETS[first].settings.get("dataset")


def test_a_preset_of_three_stages_goes_on_with_the_one_that_was_stopped(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.stages.SHIPPED", tmp_path / "nothing")
    monkeypatch.setitem(PRESETS, "iwae_1l_k50", Preset({"load_weights": "dreg_2l_k50"}))
    given = {"preset": "iwae_1l_k50", "seed": 3}
    first, second = stages_before(given)
    assert (first.given["preset"], second.given["preset"]) == ("vae_2l", "dreg_2l_k50")
    names = ("vae_2l", "dreg_2l_k50")
    _, stopped = [make_run(name, **asdict(config_of({"preset": name, "seed": 3}))) for name in names]
    assert stages_before(given) == [Stage(stopped, {"seed": 3}, resume="dreg_2l_k50")]
    assert load_config(stopped.checkpoints).network == "gated"
    (stopped.checkpoints / RESULTS_FILE).write_text(sealed({"test": {"elbo": -90.0}, "protocol": {}}))
    assert stages_before(given) == []


def test_a_stage_of_another_network_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("experiment.plan.stages.SHIPPED", tmp_path / "nothing")
    make_run("vae_2l", **{**PRESETS["vae_2l"].settings, "network": "mlp"})
    with pytest.raises(ConfigError, match="vae_2l, which has --network mlp; expected --network gated"):
        stages_before({"preset": "dreg_2l_k50"})
