"""From what was given, presets and saved runs to a whole Config. Imports neither TensorFlow nor numpy."""

import json
from dataclasses import asdict, fields, replace

from experiment.config import DATA, MODEL, TRAINING, Config, flags, free_when_resumed, names_in
from experiment.presets import NETWORK_SETTINGS, NETWORKS, OBJECTIVES, PRESETS, settings_of
from experiment.published import PUBLISHED
from experiment.refusals import ConfigError, received

# What one run was asked for, and no run that starts from its weights.
ASKED_ONCE = {
    "preset": None,
    "evaluate": False,
    "iw_samples": 0,
    "reconstruct": (),
    "interpolate": (),
    "traverse": (),
    "traverse_units": (),
    "traverse_range": Config.traverse_range,
    "relabel": (),
    "manifold": False,
    "embed": False,
}
# Settings of the data sets that are read from image files; those of arrays are as they are.
PHOTOGRAPH_SETTINGS = {
    "image_size",
    "crop",
    "grayscale",
    "validation_split",
    "test_split",
    "skip_unreadable",
    "cache_dir",
}


def config_of(text, source):
    """The Config saved in `text`; `source` names the file in errors. Raises ConfigError for anything else."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source}: expected the JSON settings of a run, found a damaged file ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: expected the JSON settings of a run, found {type(values).__name__}")
    unknown = values.keys() - {each.name for each in fields(Config)}
    if unknown:
        raise ConfigError(f"{source}: unknown settings {', '.join(sorted(unknown))}; saved by another version?")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    values = _spelled_out(values)
    try:
        return _settle(values, given=values)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def resolve(given):
    """Defaults < preset of the data set < given settings (a dict)."""
    given = _spelled_out(given)
    return _settle(_with_preset(given), given)


def resolve_loaded(given, saved):
    """Settings of a new run that starts from the weights of another: saved < given, but the model's stay as saved.

    For another data set than the saved one, its own preset stands in for what is not the model's.
    """
    given = _spelled_out(given)
    _refuse_changes(given, saved, names_in(MODEL), "the saved weights were made with")
    if given.get("num_epochs", saved.num_epochs) == 0:
        fixed = names_in(TRAINING) - {"num_epochs", "batch_size", "seed"}
        _refuse_changes(given, saved, fixed, "nothing is trained, and the saved weights were trained with")
    values = asdict(saved) | ASKED_ONCE | {"beta_schedule": "constant"}  # what it rose for is behind these weights
    if given.get("dataset", saved.dataset) != saved.dataset:
        kept = {name: values[name] for name in names_in(MODEL) | {"image_shape", "label_names"}}
        values = _with_preset({**given, **kept})
        if values.get("image_size"):
            height, _, channels = saved.image_shape
            values |= {"image_size": height, "grayscale": channels == 1}
    values |= OBJECTIVES.get(given.get("objective"), {})
    return _settle({**values, **given}, given)


def _with_preset(given):
    """The preset of the data set < given settings."""
    preset = settings_of(given)
    if "network" in given and given["network"] != preset.get("network", Config.network):
        preset = {name: value for name, value in preset.items() if name not in NETWORK_SETTINGS}
    return {**preset, **given}


def resolve_resumed(given, saved):
    """Settings of a run that is continued: as saved, but for where the data is, how long to train, and the output."""
    _refuse_changes(given, saved, names_in(MODEL, DATA, TRAINING) - free_when_resumed(), "a resumed run keeps")
    if given.get("num_epochs") == 0:
        raise ConfigError("--num_epochs 0 with --resume: expected the epochs of the whole run, at least 1")
    num_epochs = given.get("num_epochs", saved.num_epochs)
    if saved.learning_rate_schedule != "constant" and num_epochs != saved.num_epochs:
        raise ConfigError(
            f"--num_epochs {num_epochs}: the learning rate was planned to fall to 0 within {saved.num_epochs} epochs; "
            "leave the flag out, or train on with --load_weights"
        )
    preset = saved.preset if num_epochs == saved.num_epochs else None
    return replace(saved, **{**given, "run_name": saved.run_name, "preset": preset})


def with_published(given):
    """The settings of the published run that `preset` names, and its name for the run < given settings.

    A run whose numbers other settings may change has its name, but is not compared with what was published.
    """
    published = PUBLISHED.get(given.get("preset"))
    if published is None:
        return given
    decisive = names_in(MODEL, DATA, TRAINING) - {"data_dir", "cache_dir", "seed"} | {"load_weights"}
    is_changed = given.keys() & decisive
    return {**published.settings, "run_name": given["preset"], **given, **({"preset": None} if is_changed else {})}


def _spelled_out(values):
    """A single level may be given as a number: 15 for (15,)."""
    latent_size = values.get("latent_size")
    return values if type(latent_size) is not int else {**values, "latent_size": (latent_size,)}


def _refuse_changes(given, saved, fixed, reason):
    for each in flags():
        if each.name in fixed and given.get(each.name, getattr(saved, each.name)) != getattr(saved, each.name):
            raise ConfigError(
                f"{received(each.name, given[each.name])}: {reason} {received(each.name, getattr(saved, each.name))}; "
                "leave the flag out, or train a new run"
            )


def _settle(values, given):
    """The Config of some values, with what follows from them where it was not given."""
    config = {"network": Config.network, "likelihood": Config.likelihood, "dataset": Config.dataset, **values}
    _refuse_settings_without_meaning(config, given)
    for name, default in NETWORKS.get(config["network"], {}).items():
        if config.get(name) is None:
            config[name] = default
    is_dynamic = config.get("binarization", Config.binarization) == "dynamic"
    if is_dynamic and config["likelihood"] != "bernoulli" and "binarization" not in given:
        config["binarization"] = "none"
    return Config(**config)


def _refuse_settings_without_meaning(config, given):
    """Raise ConfigError for a given setting that the network or the data set would not look at."""
    network, dataset = config["network"], config["dataset"]
    has_photographs = dataset in PRESETS and "image_size" in PRESETS[dataset].settings
    for each in flags():
        if given.get(each.name, each.default) == each.default:
            continue
        if each.name in NETWORK_SETTINGS and network in NETWORKS and each.name not in NETWORKS[network]:
            fitting = " or ".join(name for name, settings in NETWORKS.items() if each.name in settings)
            raise ConfigError(
                f"{received(each.name, given[each.name])} with --network {network}: expected --network {fitting}"
            )
        if each.name in PHOTOGRAPH_SETTINGS and dataset in PRESETS and not has_photographs:
            raise ConfigError(
                f"{received(each.name, given[each.name])} with --dataset {dataset}: its images are as they are; "
                "expected a data set of image files, such as --dataset folder"
            )
