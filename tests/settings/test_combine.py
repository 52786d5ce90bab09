"""From what was given, presets and saved runs to a whole Config."""

import json
from dataclasses import asdict, replace

import pytest

from experiment.settings.combine import config_of, resolve, resolve_loaded, resolve_resumed
from experiment.settings.config import Config
from experiment.settings.datasets import DATASETS, READ_BY_SOME
from experiment.settings.refusals import ConfigError
from models.catalog import OBJECTIVES


def test_defaults_then_preset_then_flags():
    assert resolve({}).num_epochs == Config.num_epochs == 10
    assert resolve({"dataset": "digits"}).num_epochs == DATASETS["digits"].settings["num_epochs"] == 100
    assert resolve({"dataset": "digits", "num_epochs": 3}).num_epochs == 3


def test_what_follows_from_other_settings():
    assert resolve({"network": "conv"}).hidden_sizes == (32, 64)
    assert resolve({"network": "conv", "hidden_sizes": (8,)}).hidden_sizes == (8,)
    assert resolve({"likelihood": "mse"}).binarization == "none"
    assert resolve({"network": "conv"}).upsampling == "transposed" and resolve({}).upsampling is None
    celeba = resolve({"dataset": "celeba"})
    assert (celeba.activation, celeba.encoder_normalization, celeba.hidden_sizes) == (
        "leaky_relu",
        "batch",
        (32, 64, 128, 256),
    )
    dense = resolve({"dataset": "celeba", "network": "mlp"})
    assert (dense.activation, dense.encoder_normalization, dense.hidden_sizes) == ("relu", None, (400, 400))
    assert resolve({"dataset": "binarized_mnist"}).binarization == "static"
    assert resolve({"is_cvae": True}).family == "mnist_cvae"


def test_presets_of_hierarchies():
    def levels(**given):
        return resolve({"dataset": "ucmerced", "hierarchical": True, **given}).latent_size

    assert levels() == ("32x32x8*2", "16x16x8*2", "8x8x8*2", "4x4x8", 64)
    assert levels(image_size=128) == ("64x64x8", *levels())
    assert levels(image_size=256, dataset="landscape") == levels(dataset="animals") == levels(image_size=128)
    assert levels(image_size=(32, 48)) == ("16x24x8*2", "8x12x8*2", "4x6x8", 64)
    assert levels(image_size=100) == ("50x50x8", "25x25x8", 64)
    assert resolve({"dataset": "animals", "hierarchical": True}).hidden_sizes == (32, 48, 64, 96, 128)
    assert levels(hierarchy="chain") == levels(network="mlp") == levels(network="conv") == (64, 32)
    assert levels(latent_size=(8, 4)) == (8, 4)
    deep = resolve({"dataset": "ucmerced", "hierarchical": True})
    assert (deep.network, deep.likelihood, deep.encoder_normalization) == ("residual", "logistic_mixture", None)
    chain = resolve({"dataset": "ucmerced", "hierarchical": True, "hierarchy": "chain"}, num_images=2_100)
    assert (chain.network, chain.likelihood, chain.num_epochs) == ("conv", "mse", 30)
    assert resolve({"dataset": "ucmerced"}).latent_size == (64,)
    plain, hierarchical = resolve({}), resolve({"hierarchical": True})
    assert (plain.ema, plain.free_nats, plain.clip_norm, plain.beta_schedule) == (0.0, 0.0, 0.0, "constant")
    assert (hierarchical.ema, hierarchical.free_nats, hierarchical.beta_schedule) == (0.999, 0.5, "linear")
    assert resolve({"hierarchical": True, "ema": 0.0}).ema == 0.0
    assert resolve({"hierarchical": True, "network": "conv"}).num_blocks == 1
    chain = resolve({"hierarchical": True, "hierarchy": "chain"})
    assert (chain.num_blocks, chain.ema, chain.free_nats, chain.beta_schedule) == (0, 0.0, 0.0, "constant")


def test_a_hierarchy_goes_to_another_data_set_with_weights_for_its_own_levels():
    saved = replace(
        resolve({"dataset": "digits", "hierarchical": True, "latent_size": (4, 3, 2)}), image_shape=(28, 28, 1)
    )
    loaded = resolve_loaded({"dataset": "mnist", "load_weights": "it", "level_betas": (1.0, 0.5, 0.5)}, saved)
    assert (loaded.latent_size, loaded.level_betas, loaded.dataset) == ((4, 3, 2), (1.0, 0.5, 0.5), "mnist")
    assert loaded.ema == 0.999 and loaded.num_epochs == 10


def test_the_labels_of_loaded_weights_stay_those_that_were_drawn():
    saved = replace(resolve({"is_cvae": True, "labelled": 50}), image_shape=(28, 28, 1), label_names=("a", "b"))
    assert resolve_loaded({"load_weights": "it", "num_epochs": 3}, saved).labelled == 50
    for given in ({"seed": 1}, {"limit": 100}, {"dataset": "digits"}):
        with pytest.raises(ConfigError, match="its labels were drawn with"):
            resolve_loaded({"load_weights": "it", **given}, saved)
    assert resolve_loaded({"load_weights": "it", "num_epochs": 0, "limit": 5}, saved).limit == 5


def test_json_holds_every_setting():
    config = replace(resolve({"is_cvae": True, "beta": 4.0}), image_shape=(28, 28, 1), label_names=("a", "b"))
    assert config_of(config.to_json(), "config.json") == config
    saved = json.loads(config.to_json())
    assert saved.keys() == {*asdict(config), "format", "checksum"}
    for change, message in (
        ({"beta": 2.0}, "it was changed after"),
        ({"format": 2}, "format is 2; this version reads 1"),
    ):
        with pytest.raises(ConfigError, match=f"config.json: expected the JSON settings .*{message}"):
            config_of(json.dumps(saved | change), "config.json")
    older = {name: value for name, value in saved.items() if name not in ("format", "checksum")}
    assert config_of(json.dumps(older), "config.json") == config


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "config.json: expected the JSON settings of a run"),
        ("[1]", "config.json: expected the JSON settings of a run, found a damaged file (it holds a list)"),
        ('{"betta": 1}', "config.json: unknown settings betta"),
        ("[" * 100_000, "config.json: expected the JSON settings of a run"),
        ('{"image_shape": "abc"}', "config.json: image_shape abc: expected height, width and channels"),
        ('{"label_names": [1]}', "config.json: label_names (1,): expected a list of names"),
        ('{"beta": -1}', "config.json: --beta -1: expected a number of at least 0"),
    ],
)
def test_a_damaged_config_is_refused(text, message):
    with pytest.raises(ConfigError) as error:
        config_of(text, "config.json")
    assert message in str(error.value)


def test_loaded_weights_bring_their_settings():
    saved = resolve({"dataset": "digits", "latent_size": 5, "beta": 4.0})
    loaded = resolve_loaded({"load_weights": "digits_vae", "num_epochs": 7}, saved)
    assert (loaded.dataset, loaded.latent_size, loaded.beta, loaded.num_epochs) == ("digits", (5,), 4.0, 7)
    with pytest.raises(ConfigError, match="--latent_size 6: the saved weights were made with --latent_size 5"):
        resolve_loaded({"load_weights": "digits_vae", "latent_size": 6}, saved)


def test_generating_refuses_what_only_training_could_change():
    saved = resolve({"dataset": "digits"})
    with pytest.raises(ConfigError, match="--beta 5.0: nothing is trained, and the saved weights were trained with"):
        resolve_loaded({"load_weights": "digits_vae", "num_epochs": 0, "beta": 5.0}, saved)
    assert resolve_loaded({"load_weights": "digits_vae", "num_epochs": 0, "seed": 5}, saved).seed == 5


def test_loaded_weights_on_another_data_set_take_its_preset_but_keep_the_model():
    saved = resolve({"dataset": "mnist", "latent_size": 5})
    loaded = resolve_loaded({"load_weights": "mnist_vae", "dataset": "digits"}, saved)
    assert (loaded.dataset, loaded.latent_size, loaded.num_epochs) == ("digits", (5,), 100)


def test_training_on_draws_the_pictures_of_the_data_set_and_not_those_of_the_weights():
    saved = replace(resolve({"dataset": "sprites", "embed": True}), data_dir=None)
    trained = resolve_loaded({"load_weights": "it", "num_epochs": 3}, saved)
    assert trained.traverse == DATASETS["sprites"].settings["traverse"] != () and not trained.embed
    assert resolve_loaded({"load_weights": "it", "num_epochs": 3, "traverse": ()}, saved).traverse == ()
    assert resolve_loaded({"load_weights": "it", "num_epochs": 0}, saved).traverse == (), "only what is asked for"


def test_a_resumed_run_keeps_its_settings():
    saved = resolve({"dataset": "digits", "beta": 4.0})
    resumed = resolve_resumed({"num_epochs": 200, "grid": 50}, saved)
    assert resumed == replace(saved, num_epochs=200, grid=50)
    with pytest.raises(ConfigError, match="--beta 1.0: a resumed run keeps --beta 4.0"):
        resolve_resumed({"beta": 1.0}, saved)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"learning_rate_schedule": "cosine"}, "the learning rate was planned to fall to 0 within 8 epochs"),
        (
            {"objective": "iwae", "num_importance_samples": 5, "growing_samples": True},
            "the samples were planned to grow to 5 within 8 epochs",
        ),
    ],
)
def test_a_plan_of_all_epochs_keeps_their_number(settings, message):
    saved = resolve({"dataset": "digits", "num_epochs": 8, **settings})
    assert resolve_resumed({"num_epochs": 8}, saved) == saved
    with pytest.raises(ConfigError, match=f"--num_epochs 9: {message}; leave the flag out"):
        resolve_resumed({"num_epochs": 9}, saved)


WEIGHTS_OF_OLD_RUN = {
    "elbo": {"beta": 4.0, "level_betas": (3.0,), "free_nats": 2.0, "beta_schedule": "linear"},
    "iwae": {"num_importance_samples": 17},
    "dreg": {"num_importance_samples": 17},
    "beta_tc": {"beta": 4.0},
    "factor_vae": {"beta": 20.0},
    "capacity": {"beta": 7.0, "capacity": 3.0, "capacity_epochs": 2.0},
    "mmd": {"beta": 50.0},
}


@pytest.mark.parametrize("old", OBJECTIVES)
@pytest.mark.parametrize("new", OBJECTIVES)
def test_an_objective_does_not_inherit_the_weights_of_another(old, new):
    """Of a run with weights of its own, loaded and trained on with an objective: all pairs."""
    saved = resolve({"dataset": "digits", "objective": old, **WEIGHTS_OF_OLD_RUN[old]})
    loaded = resolve_loaded({"load_weights": "digits_vae", "objective": new}, saved)
    expected = saved if new == old else resolve({"dataset": "digits", "objective": new})
    for name in READ_BY_SOME - {"beta_schedule"}:
        assert getattr(loaded, name) == getattr(expected, name), name
    assert (loaded.objective, loaded.beta_schedule) == (new, "constant")
    given = resolve_loaded({"load_weights": "digits_vae", "objective": new, "learning_rate": 0.5}, saved)
    assert given == replace(loaded, learning_rate=0.5)


@pytest.mark.parametrize("old", ["elbo", "iwae", "capacity"])
@pytest.mark.parametrize("new", ["elbo", "iwae", "capacity"])
def test_hierarchies_keep_what_holds_their_levels_up(old, new):
    given = {"dataset": "digits", "hierarchical": True}
    loaded = resolve_loaded({"load_weights": "it", "objective": new}, resolve({**given, "objective": old}))
    assert loaded.free_nats == (0.5 if new == "elbo" else 0.0) and loaded.clip_norm == 200.0


def test_objectives_bring_their_weights():
    assert resolve({"objective": "iwae"}).num_importance_samples == 5
    hierarchy = resolve({"objective": "iwae", "hierarchical": True})
    assert (hierarchy.free_nats, hierarchy.beta_schedule, hierarchy.clip_norm) == (0.0, "constant", 200.0)
    assert resolve({"objective": "mmd"}).beta == 1000.0 and resolve({"objective": "mmd", "beta": 9.0}).beta == 9.0
    saved = resolve({"dataset": "digits"})
    assert resolve_loaded({"load_weights": "digits_vae", "objective": "iwae"}, saved).num_importance_samples == 5
