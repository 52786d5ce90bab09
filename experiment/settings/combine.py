"""How settings are combined: defaults < data set, model and objective < preset or saved run < flags.

Imports neither TensorFlow nor numpy.
"""

from dataclasses import asdict, fields, replace
from pathlib import Path

from atomic_files import unsealed
from experiment.settings.config import (
    DATA,
    MODEL,
    PICTURES,
    TRAINING,
    Config,
    defaults_where,
    flags,
    free_when_resumed,
    names_in,
    values_before,
)
from experiment.settings.datasets import DATASETS, READ_BY_SOME, defaults_of, length_of
from experiment.settings.presets import PRESETS, run_of
from experiment.settings.refusals import ConfigError, as_flag, received
from models.catalog import LIKELIHOODS, NETWORK_SETTINGS, NETWORKS, SELECTORS


def config_of(text, source):
    """The Config saved in `text`.

    Args:
        text: JSON.
        source: the file's name, for errors.

    Raises:
        ConfigError: the text is damaged, has unknown settings, or has settings that cannot be run.
    """
    try:
        values = unsealed(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{source}: expected the JSON settings of a run, found a damaged file ({error}); restore it from a copy"
        ) from None
    unknown = values.keys() - {each.name for each in fields(Config)}
    if unknown:
        raise ConfigError(f"{source}: unknown settings {', '.join(sorted(unknown))}; saved by another version?")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    values = spelled_out(values_before() | values)
    try:
        return _settle(values, given=values)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def resolve(given, num_images=None):
    """The Config of a new run: defaults < those of data set, model and objective < given settings (a dict).

    num_images is that of the data set's folder, where defaults depend on it.
    """
    given = spelled_out(given)
    return _settle({**defaults_of(given, _num_train(given, num_images)), **given}, given)


def _num_train(given, num_images):
    """How many of the images are for training, or None where their number is not known."""
    held_out = sum(given.get(name, getattr(Config, name)) for name in ("validation_split", "test_split"))
    return num_images and max(1, round((1 - held_out) * num_images))


def resolve_loaded(given, saved, num_images=None):
    """The Config of a new run that starts from saved weights: saved < given. Settings of the model stay as saved.

    With another data set than the saved one, its defaults replace the saved settings that are not the model's. With
    another objective, its defaults replace the saved weights of the loss.

    Args:
        given: the given settings, a dict.
        saved: the Config of the weights.
        num_images: as for `resolve`.

    Raises:
        ConfigError: a given setting would change the model.
    """
    given = spelled_out(given)
    _refuse_changes(given, saved, names_in(MODEL), "the saved weights were made with")
    is_trained = given.get("num_epochs", saved.num_epochs) != 0
    if not is_trained:
        fixed = names_in(TRAINING) - {"num_epochs", "batch_size", "seed"}
        _refuse_changes(given, saved, fixed, "nothing is trained, and the saved weights were trained with")
    elif saved.traits.finds_labels:
        _refuse_changes(
            given, saved, names_in(DATA) - {"data_dir", "cache_dir"} | {"seed"}, "its labels were drawn with"
        )
    values = asdict(saved) | defaults_where("asked_once")
    identity = {name: values[name] for name in SELECTORS | {"dataset", "network"}}
    if is_trained:  # the pictures that its data set asks for
        values |= {name: value for name, value in defaults_of(identity).items() if name in names_in(PICTURES)}
    if given.get("objective", saved.objective) != saved.objective:
        fresh = defaults_of({**identity, "objective": given["objective"]})
        values |= {name: fresh.get(name, getattr(Config, name)) for name in READ_BY_SOME}
    values["beta_schedule"] = "constant"  # these weights are past the warm-up
    if given.get("dataset", saved.dataset) != saved.dataset:
        kept = {name: values[name] for name in names_in(MODEL) | {"image_shape", "label_names"}}
        values = {**defaults_of({**given, **kept}, _num_train(given, num_images)), **given, **kept}
        if values.get("image_size"):
            height, width, channels = saved.image_shape
            values |= {"image_size": (height, width), "grayscale": channels == 1}
    return _settle(spelled_out({**values, **given}), given)


def resolve_resumed(given, saved):
    """Settings of a run that is continued: as saved, but for where the data is, how long to train, and the output."""
    given = spelled_out(given)
    _refuse_changes(given, saved, names_in(MODEL, DATA, TRAINING) - free_when_resumed(), "a resumed run keeps")
    if given.get("num_epochs") == 0:
        raise ConfigError("--num_epochs 0 with --resume: expected the epochs of the whole run, at least 1")
    num_epochs = given.get("num_epochs", saved.num_epochs)
    if saved.learning_rate_schedule != "constant" and num_epochs != saved.num_epochs:
        raise ConfigError(
            f"--num_epochs {num_epochs}: the learning rate was planned to fall to 0 within {saved.num_epochs} epochs; "
            "leave the flag out, or train on with --load_weights"
        )
    if saved.growing_samples and num_epochs != saved.num_epochs:
        raise ConfigError(
            f"--num_epochs {num_epochs}: the samples were planned to grow to {saved.num_importance_samples} within "
            f"{saved.num_epochs} epochs; leave the flag out, or train on with --load_weights"
        )
    preset = saved.preset if num_epochs == saved.num_epochs else None
    return replace(saved, **{**given, "run_name": saved.run_name, "preset": preset})


def with_preset(given):
    """The settings of the given preset, overridden by the given settings. The preset names the run.

    With a seed other than 0, the run and the first stage that it loads are named after the seed, too. If a given
    setting may change the numbers, the run keeps the name but is not compared with the published number.
    """
    preset = PRESETS.get(given.get("preset"))
    if preset is None:
        return given
    decisive = names_in(MODEL, DATA, TRAINING) - {"data_dir", "cache_dir", "seed"} | {"load_weights", "iw_samples"}
    is_changed = given.keys() & decisive
    seed = given.get("seed", Config.seed)
    settings = {**preset.settings, "run_name": run_of(given["preset"], seed)}
    if first := preset.settings.get("load_weights"):
        settings["load_weights"] = run_of(first, seed)
    return {**settings, **given, **({"preset": None} if is_changed else {})}


def flags_of(config):
    """The flags that train a run like that of a Config, as they are typed. Its files are DIR and FILE, not their paths.

    Those of a preset are its name. Of a run that began with saved weights, all settings of training are named, because
    those of the weights would take the place of defaults.
    """
    if config.preset:
        chosen = {"preset": config.preset}
        base = Config()
        names = {"seed"}
    else:
        choices = {
            name: getattr(config, name)
            for name in sorted(SELECTORS | {"dataset", "network", "objective", "image_size"})
        }
        base = resolve(choices | ({"num_epochs": config.num_epochs} if length_of(choices) else {}))
        default = resolve({"dataset": config.dataset})
        chosen = {name: value for name, value in choices.items() if value != getattr(default, name)}
        chosen |= {"dataset": config.dataset} if config.dataset != Config.dataset else {}
        chosen |= {"num_epochs": config.num_epochs} if length_of(choices) else {}
        names = names_in(MODEL, DATA, TRAINING) - choices.keys() - {"data_dir", "cache_dir", "labels"}
    for each in flags():
        value, is_kept = getattr(config, each.name), config.load_weights and each.metadata["group"] == TRAINING
        if each.name in names and value not in (None, ()) and (is_kept or value != getattr(base, each.name)):
            chosen[each.name] = value
    if config.load_weights and not config.preset:
        chosen["load_weights"] = Path(config.load_weights).parent.name
    chosen |= {name: word for name, word in (("data_dir", "DIR"), ("labels", "FILE")) if getattr(config, name)}
    return [as_flag(name, value) for name, value in chosen.items()]


def spelled_out(values):
    """The usual form of values that may be given in several.

    A single size may stand alone, 15 for (15,), and a square one side or two: both are then 64. What commas join may
    stand alone, ((400, 400),) for (400, 400).
    """
    values = {name: value[0] if _stands_alone(value) else value for name, value in values.items()}
    latent_size, image_size = values.get("latent_size"), values.get("image_size")
    if type(latent_size) in (int, str):
        values = {**values, "latent_size": (latent_size,)}
    if isinstance(image_size, tuple) and len(image_size) in (1, 2) and len(set(image_size)) == 1:
        values = {**values, "image_size": image_size[0]}
    return values


def _stands_alone(value):
    return isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], tuple)


def _refuse_changes(given, saved, fixed, reason):
    for each in flags():
        if each.name in fixed and given.get(each.name, getattr(saved, each.name)) != getattr(saved, each.name):
            raise ConfigError(
                f"{received(each.name, given[each.name])}: {reason} {received(each.name, getattr(saved, each.name))}; "
                "leave the flag out, or train a new run"
            )


def _settle(values, given):
    """The Config of some values. Values that were not given follow from the others."""
    config = {"network": Config.network, "likelihood": Config.likelihood, "dataset": Config.dataset, **values}
    _refuse_settings_without_meaning(config, given)
    if config["network"] in NETWORKS:
        for name, default in NETWORKS[config["network"]].settings.items():
            if config.get(name) is None:
                config[name] = default
    is_dynamic = config.get("binarization", Config.binarization) == "dynamic"
    likelihood = LIKELIHOODS.get(config["likelihood"])
    if is_dynamic and likelihood and "dynamic" not in likelihood.nats and "binarization" not in given:
        config["binarization"] = "none"
    settled = Config(**config)
    if given.get("activation") and not settled.has_activation:
        raise ConfigError(
            f"--activation {settled.activation} with --network {settled.network}: its layers have none; expected "
            "--num_blocks of at least 1 as well, whose blocks have one, or leave the flag out"
        )
    return settled


def _refuse_settings_without_meaning(config, given):
    """Raise ConfigError for a given setting that the network or the data set does not use."""
    network, dataset = NETWORKS.get(config["network"]), DATASETS.get(config["dataset"])
    of_new_images = {"skip_unreadable"} if "score" in given else set()  # these are files, whatever it was trained on
    for each in flags():
        if given.get(each.name, each.default) == each.default or each.name in of_new_images:
            continue
        shown = as_flag(each.name, given[each.name])
        if network and each.name in NETWORK_SETTINGS - network.settings.keys():
            fitting = " or ".join(name for name, entry in NETWORKS.items() if each.name in entry.settings)
            raise ConfigError(f"{shown} with --network {config['network']}: expected --network {fitting}")
        if dataset and each.metadata["photographs_only"] and not dataset.has_photographs:
            if config["dataset"] == "arrays" and each.name.endswith("_split"):
                raise ConfigError(
                    f"{shown} with arrays: expected x_validation and x_test in the file, or from Python validation= "
                    "and test="
                )
            raise ConfigError(
                f"{shown} with --dataset {config['dataset']}: its images are as they are; expected a data set of image "
                "files, such as --dataset folder"
            )
