"""Settings: what wins over what, and what is refused with which words."""

import json
from dataclasses import asdict, replace

import pytest

from data_utils import ARRAYS, PHOTOGRAPHS
from experiment import config as settings
from experiment.audit import nats_of
from experiment.config import Config, flags
from experiment.presets import HIERARCHICAL, PRESETS, TOP_DOWN
from experiment.refusals import ConfigError
from experiment.resolution import config_of, resolve, resolve_loaded, resolve_resumed
from models import MODELS
from models.distributions import LIKELIHOODS
from models.networks import TRUNKS


def test_defaults_then_preset_then_flags():
    assert resolve({}).num_epochs == Config.num_epochs == 10
    assert resolve({"dataset": "digits"}).num_epochs == PRESETS["digits"].settings["num_epochs"] == 100
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

    assert levels() == ("4x4x4", 32)
    assert levels(hierarchy="chain") == levels(network="mlp") == (64, 32)
    assert levels(latent_size=(8, 4)) == (8, 4)
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


def test_tables_and_settings_name_the_same_things():
    rules = {each.name: each.metadata["rule"] for each in flags()}
    assert set(PRESETS) == {*ARRAYS, *PHOTOGRAPHS}
    assert set(rules["likelihood"].expected.removeprefix("one of ").split(", ")) == set(LIKELIHOODS)
    assert set(rules["network"].expected.removeprefix("one of ").split(", ")) == set(TRUNKS) == set(settings.NETWORKS)
    for likelihood in LIKELIHOODS:
        assert nats_of(resolve({"likelihood": likelihood}))
    choices = [{}, {"is_cvae": True}, {"hierarchical": True}, {"hierarchical": True, "is_cvae": True}]
    choices.append({"hierarchical": True, "hierarchy": "chain"})
    assert {resolve(given).model for given in choices} == set(MODELS)
    for name, preset in PRESETS.items():
        for given in choices:
            resolve({"dataset": name, **given})
        assert (
            preset.source
            and {*preset.settings, *preset.hierarchical, *preset.top_down, *HIERARCHICAL, *TOP_DOWN} <= rules.keys()
        )


@pytest.mark.parametrize(
    "given, message",
    [
        ({"dataset": "mnits"}, "--dataset mnits: expected one of mnist, binarized_mnist, fashion_mnist, digits"),
        ({"latent_size": 0}, "--latent_size 0: expected whole numbers of at least 1"),
        ({"latent_size": 1.5}, "--latent_size 1.5: expected whole numbers"),
        ({"latent_size": True}, "--latent_size True: expected whole numbers"),
        ({"seed": 2**31}, "--seed 2147483648: expected a whole number from 0 to 2147483647"),
        ({"beta": 1e39}, "--beta 1e+39: expected a number of at least 0"),
        ({"beta": 10**400}, "expected a number of at least 0"),
        ({"hidden_sizes": (10**20,)}, "expected whole numbers of at least 1"),
        ({"grid": 10**6}, "expected a whole number from 1 to 10000"),
        ({"beta": -1.0}, "--beta -1.0: expected a number of at least 0"),
        ({"beta": float("nan")}, "--beta nan: expected"),
        ({"learning_rate": 0.0}, "--learning_rate 0.0: expected a number above 0"),
        ({"learning_rate": float("inf")}, "--learning_rate inf: expected a number above 0"),
        ({"network": "vit"}, "--network vit: expected one of mlp, conv"),
        ({"hidden_sizes": ()}, "--hidden_sizes : expected whole numbers of at least 1"),
        ({"hidden_sizes": (400, 0)}, "--hidden_sizes 400 0: expected whole numbers"),
        ({"run_name": "../other"}, "--run_name ../other: expected the name of a folder"),
        ({"run_name": ".."}, "--run_name ..: expected the name of a folder"),
        ({"limit": 0}, "--limit 0: expected a whole number of at least 1"),
        ({"num_epochs": 0}, "--num_epochs 0 trains nothing: expected at least 1, or --load_weights"),
        ({"run_name": "newest"}, "--run_name newest: expected the name of a folder"),
        ({"run_name": "a" * 101}, "expected the name of a folder"),
        ({"likelihood": "mse", "binarization": "dynamic"}, "--likelihood mse with binarisation dynamic"),
        ({"dataset": "binarized_mnist", "likelihood": "gaussian"}, "--likelihood gaussian with binarisation static"),
        ({"binarization": "static"}, "--binarization static with --dataset mnist: expected dynamic or none"),
        ({"dataset": "binarized_mnist", "binarization": "dynamic"}, "binarized_mnist: expected static"),
        ({"upsampling": "resize"}, "--upsampling resize with --network mlp: expected --network conv"),
        ({"dataset": "celeba", "network": "mlp", "num_features": 9}, "--num_features 9 with --network mlp"),
        (
            {"crop": "none"},
            "--crop none with --dataset mnist: its images are as they are; expected a data set of image",
        ),
        ({"dataset": "folder", "image_size": 0}, "--image_size 0: expected a whole number from 1 to 4096"),
        ({"dataset": "folder", "validation_split": 1.0}, "--validation_split 1.0: expected a number between 0 and 1"),
        ({"dataset": "folder", "validation_split": 0.9}, "leave nothing to train on: expected a sum below 1"),
        ({"activation": "gelu"}, "--activation gelu: expected one of relu"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(ConfigError) as error:
        resolve(given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_json_holds_every_setting():
    config = replace(resolve({"is_cvae": True, "beta": 4.0}), image_shape=(28, 28, 1), label_names=("a", "b"))
    assert config_of(config.to_json(), "config.json") == config
    assert json.loads(config.to_json()).keys() == asdict(config).keys()


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "config.json: expected the JSON settings of a run"),
        ("[1]", "config.json: expected the JSON settings of a run, found list"),
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


def test_digest_is_of_what_decides_the_bits():
    config = resolve({})
    assert config.digest == replace(config, num_epochs=99, data_dir="elsewhere", grid=3).digest
    assert len({replace(config, **change).digest for change in ({}, {"beta": 2.0}, {"seed": 1}, {"limit": 3})}) == 4


def test_loaded_weights_on_another_data_set_take_its_preset_but_keep_the_model():
    saved = resolve({"dataset": "mnist", "latent_size": 5})
    loaded = resolve_loaded({"load_weights": "mnist_vae", "dataset": "digits"}, saved)
    assert (loaded.dataset, loaded.latent_size, loaded.num_epochs) == ("digits", (5,), 100)


def test_a_resumed_run_keeps_its_settings():
    saved = resolve({"dataset": "digits", "beta": 4.0})
    resumed = resolve_resumed({"num_epochs": 200, "grid": 50}, saved)
    assert resumed == replace(saved, num_epochs=200, grid=50)
    with pytest.raises(ConfigError, match="--beta 1.0: a resumed run keeps --beta 4.0"):
        resolve_resumed({"beta": 1.0}, saved)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"objective": "iwae", "beta": 4.0}, "--beta 4.0 with --objective iwae: its loss does not look at it"),
        (
            {"num_importance_samples": 5},
            "--num_importance_samples 5 with --objective elbo: .* expected --objective iwae",
        ),
        ({"objective": "iwae", "num_importance_samples": 1}, "--num_importance_samples 1 is the ELBO"),
        ({"objective": "beta_tc", "hierarchical": True}, "one aggregate posterior q"),
        ({"objective": "mmd", "hierarchical": True}, "one aggregate posterior q"),
        ({"capacity": 5.0}, "--capacity 5.0 with --objective elbo"),
        ({"objective": "capacity", "free_nats": 1.0}, "--free_nats 1.0 with --objective capacity"),
    ],
)
def test_objectives_refuse_what_they_would_not_look_at(given, message):
    with pytest.raises(ConfigError, match=message):
        resolve(given)


def test_objectives_bring_their_weights():
    assert resolve({"objective": "iwae"}).num_importance_samples == 5
    hierarchy = resolve({"objective": "iwae", "hierarchical": True})
    assert (hierarchy.free_nats, hierarchy.beta_schedule, hierarchy.clip_norm) == (0.0, "constant", 200.0)
    assert resolve({"objective": "mmd"}).beta == 1000.0 and resolve({"objective": "mmd", "beta": 9.0}).beta == 9.0
    saved = resolve({"dataset": "digits"})
    assert resolve_loaded({"load_weights": "digits_vae", "objective": "iwae"}, saved).num_importance_samples == 5
