"""Which runs a study is made of, and which it refuses."""

from dataclasses import replace

import pytest
from conftest import assert_refused

from experiment.files.checkpoints import save_config
from experiment.files.names import STATE_FILE
from experiment.plan.study import is_study, plan_study
from experiment.settings.refusals import ConfigError

DIGITS = {"dataset": "digits", "num_epochs": 2}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_several_betas_or_seeds_are_a_study():
    assert is_study({"beta": (1.0, 4.0)}) and is_study({"seeds": (0,)})
    assert not is_study({"beta": 4.0}) and not is_study({})


def test_every_beta_has_a_run_with_every_seed():
    study = plan_study({**DIGITS, "beta": (1.0, 0.5), "seeds": (0, 3)})
    assert study.name == "digits_vae_beta_1_0.5_seeds_0_3"
    assert [(member.run.name, member.config.beta, member.config.seed) for member in study.members] == [
        ("digits_vae_beta1_seed0", 1.0, 0),
        ("digits_vae_beta1_seed3", 1.0, 3),
        ("digits_vae_beta0.5_seed0", 0.5, 0),
        ("digits_vae_beta0.5_seed3", 0.5, 3),
    ]
    assert not any(member.is_begun or member.is_done for member in study.members)


def test_seeds_alone_and_a_name_of_the_users():
    study = plan_study({**DIGITS, "seeds": (0, 1), "beta": 4.0, "run_name": "mine", "is_cvae": True})
    assert study.name == "mine_seeds_0_1"
    assert [(member.run.name, member.config.beta, member.config.model) for member in study.members] == [
        ("mine_seed0", 4.0, "cvae"),
        ("mine_seed1", 4.0, "cvae"),
    ]


def test_scores_of_known_factors_are_measured_unasked():
    (member, _) = plan_study({"dataset": "sprites", "beta": (1.0, 4.0)}).members
    assert member.config.evaluate and member.config.iw_samples == 100
    (member, _) = plan_study({"dataset": "sprites", "beta": (1.0, 4.0), "evaluate": False, "iw_samples": 0}).members
    assert not member.config.evaluate


def test_a_study_of_second_stages_begins_with_the_first_stage_of_their_preset():
    study = plan_study({"preset": "dreg_1l_k50", "learning_rate": (0.001, 0.0003)})  # vae_1l comes with the project
    assert [member.config.num_epochs for member in study.members] == [28, 28]
    with pytest.raises(
        ConfigError, match="--seed 1: .* vae_1l_seed1 has not; train it first: --preset vae_1l --seed 1$"
    ):
        plan_study({"preset": "dreg_1l_k50", "seeds": (0, 1)})
    assert plan_study({"preset": "dreg_1l_k50", "seeds": (0, 1), "load_weights": "vae_1l"}).members[1].config.seed == 1
    with pytest.raises(ConfigError, match="static_vae_1l has not; train it first: --preset static_vae_1l"):
        plan_study({"preset": "static_dreg_1l_k50", "learning_rate": (0.001, 0.0003)})


def test_presets_can_be_studied_over_seeds():
    study = plan_study({"preset": "sprites_vae", "seeds": (1, 0)})
    assert [(member.run.name, member.config.preset) for member in study.members] == [
        ("sprites_vae_seed1", "sprites_vae"),
        ("sprites_vae_seed0", "sprites_vae"),
    ]


def test_a_study_goes_on_in_the_precision_that_auto_meant(tmp_path):
    begun = {**DIGITS, "seeds": (0, 1)}
    run = plan_study(begun).members[0].run
    config = replace(plan_study(begun).members[0].config, precision="mixed_bfloat16", image_shape=(28, 28, 1))
    run.claim()
    save_config(config, run.checkpoints)
    (run.checkpoints / STATE_FILE).touch()
    assert [member.config.precision for member in plan_study(begun).members] == ["mixed_bfloat16", "auto"]
    with pytest.raises(ConfigError, match="was trained with --precision mixed_bfloat16, the study asks for"):
        plan_study({**begun, "precision": "float32"})
    both = plan_study({**DIGITS, "precision": ("float32", "mixed_bfloat16")})
    assert [member.run.name for member in both.members] == [
        "digits_vae_precisionfloat32",
        "digits_vae_precisionmixed_bfloat16",
    ]


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--beta", "1", "4", "1"], "--beta 1.0 4.0 1.0: expected values that are all different"),
        (["--seeds", "0", "0"], "--seeds 0 0: expected values that are all different"),
        (["--seeds", "0", "1", "--seed", "2"], "--seed with --seeds: expected one of them"),
        (["--seeds", "-1"], "--seed -1: expected a whole number"),
        (["--beta", "1", "4", "--num_epochs", "0"], "a study trains; expected at least 1"),
        (["--beta", "1", "4", "--resume"], "the command that began a study continues it"),
        (["--beta", "1", "-4"], "--beta -4.0: expected a number of at least 0"),
        (["--jobs", "2"], "--jobs 2: it is for a study; expected several values of a setting, or --seeds"),
        (["--member", "1"], "--member 1: it is for a study; expected several values of a setting, or --seeds"),
        (["--seeds", "0", "--jobs", "0"], "--jobs 0: expected a whole number of at least 1"),
        (
            ["--seeds", "0", "1", "--member", "3"],
            "--member 3: expected a whole number from 1 to 2, a run of this study",
        ),
        (
            ["--seeds", "0", "1", "--member", "0"],
            "--member 0: expected a whole number from 1 to 2, a run of this study",
        ),
        (["--seeds", "0", "--jobs", "2", "--member", "1"], "--jobs with --member: expected one of them"),
        (["--beta", "1", "4", "--objective", "iwae"], "--beta 4.0 with --objective iwae"),
    ],
)
def test_what_cannot_be_studied_is_refused(cli, flags, message):
    assert_refused(cli("--dataset", "digits", *flags), message)


def test_a_study_names_what_auto_stands_for():
    with pytest.raises(ConfigError, match="--precision auto float32: auto stands for one of the others"):
        plan_study({**DIGITS, "precision": ("auto", "float32")})
