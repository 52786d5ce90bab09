"""Which settings are given several values, and what tells runs apart."""

import pytest

from assignment import parse
from experiment.settings.axes import as_folder_name, axes_of, differences, groups_of, number_of, short
from experiment.settings.combine import resolve
from experiment.settings.config import flags
from experiment.settings.refusals import ConfigError

VARIED = {each.name for each in flags() if each.metadata["varied"]}


def test_numbers_and_choices_of_model_and_training_can_be_varied():
    assert {"beta", "latent_size", "hidden_sizes", "level_betas", "network", "objective", "num_epochs"} <= VARIED
    unfair = {"likelihood", "binarization", "dataset", "limit", "image_size", "test_split"}  # of images, or of nats
    elsewhere = {"seed", "grid", "iw_samples", "data_dir", "run_name", "is_cvae", "hierarchical", "horizontal_flip"}
    assert not VARIED & (unfair | elsewhere)


@pytest.mark.parametrize(
    "words, axes",
    [
        ("--beta 4", {}),
        ("--beta 1 4", {"beta": (1.0, 4.0)}),
        ("--network mlp conv", {"network": ("mlp", "conv")}),
        ("--latent_size 10", {}),
        ("--latent_size 10 20", {"latent_size": (10, 20)}),
        ("--latent_size 10 20 --no-hierarchical", {"latent_size": (10, 20)}),
        ("--latent_size 10,20", {}),
        ("--hierarchical --latent_size 64 32", {}),
        ("--hierarchical --latent_size 64,32", {}),
        ("--hierarchical --latent_size 64,32 32,16", {"latent_size": ((64, 32), (32, 16))}),
        ("--hierarchical --latent_size 4x4x4,32 16", {"latent_size": (("4x4x4", 32), (16,))}),
        ("--preset vae_2l --latent_size 64 32", {}),
        ("--load_weights vae_2l --latent_size 64 32", {}),
        ("--hidden_sizes 400 400", {}),
        ("--hidden_sizes 400,400 200", {"hidden_sizes": ((400, 400), (200,))}),
        ("--level_betas 1 2", {}),
        ("--level_betas 1,2 1,1", {"level_betas": ((1.0, 2.0), (1.0, 1.0))}),
        ("--image_size 64 32", {}),
        ("--traverse 0 1", {}),
        ("--learning_rate 0.1 0.2 --beta 1 4", {"learning_rate": (0.1, 0.2), "beta": (1.0, 4.0)}),
        ("--beta 1 4 --learning_rate 0.1 0.2", {"learning_rate": (0.1, 0.2), "beta": (1.0, 4.0)}),
    ],
)
def test_a_comma_joins_what_belongs_together(words, axes):
    found = axes_of(parse(words.split()))
    assert found == axes and list(found) == list(axes), "in the same order, however they are given"


def test_the_saved_settings_know_of_how_many_levels_a_resumed_run_is():
    assert axes_of({"latent_size": (64, 32)}, resume="mine") == {}


def test_joined_words_are_one_value():
    for flag in ("--hidden_sizes", "--hierarchical --latent_size", "--dataset folder --image_size"):
        joined, apart = (resolve(parse([*flag.split(), *words])) for words in (["64,32"], ["64", "32"]))
        assert joined == apart


@pytest.mark.parametrize(
    "words, message",
    [
        ("--image_size 64,64 32,32", "--image_size 64,64 32,32: expected one value; it chooses the images"),
        ("--hidden_sizes 9,9 9,9", "--hidden_sizes 9,9 9,9: expected values that are all different"),
        ("--latent_size 9 9", "--latent_size 9 9: expected values that are all different"),
    ],
)
def test_what_cannot_be_varied_is_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        axes_of(parse(words.split()))


def test_settings_that_differ_are_named_with_what_follows_from_them():
    configs = [resolve(given) for given in ({}, {"network": "conv", "grid": 3, "data_dir": "elsewhere"}, {"seed": 1})]
    different = differences(configs)
    assert different["network"] == ("mlp", "conv", "mlp") and different["activation"] == ("relu", "silu", "relu")
    assert different["seed"] == (0, 0, 1) and not {"grid", "data_dir"} & different.keys()


def test_groups_are_of_runs_that_differ_in_the_seed_alone():
    configs = [resolve({"beta": beta, "seed": seed}) for beta in (1.0, 4.0) for seed in (0, 1)]
    names = ["a", "b", "c", "d"]
    assert groups_of(names, configs, ("beta",)) == ["beta 1", "beta 1", "beta 4", "beta 4"]
    assert groups_of(names[:2], configs[:2], ()) == ["all seeds"] * 2
    assert groups_of(names, configs, ("beta", *["network"] * 6)) == ["a", "a", "c", "c"], "too many words"
    assert groups_of(["a", "b"], [configs[0]] * 2, ()) == ["a", "b"], "only names tell them apart"


def test_names_are_short():
    assert [short(value) for value in (4.0, 0.001, (64, 32), ("4x4x4", 32), (), None, "relu")] == [
        *("4", "0.001", "64-32", "4x4x4-32", "none", "-", "relu")
    ]
    long = as_folder_name("x" * 101)
    assert len(long) == 100 and long != as_folder_name("x" * 102) and as_folder_name("x" * 100) == "x" * 100


def test_a_single_level_is_a_number():
    assert [number_of(value) for value in (3, 0.5, (3,), (3, 4), ("4x4x4",), "relu", True, None)] == [
        *(3, 0.5, 3, None, None, None, None, None)
    ]
