"""Combinations of settings that cannot be run, and why."""

from difflib import get_close_matches

from experiment.settings.datasets import DATASETS
from models.catalog import LIKELIHOODS, MODELS, OBJECTIVES, PRIORS, SELECTORS, choices_of


class ConfigError(ValueError):
    """A setting, or a combination of settings, that cannot be run. One line: received, expected, what to do."""


# What other programs call our settings.
OTHER_NAMES = {
    "lr": "learning_rate",
    "epochs": "num_epochs",
    "batch": "batch_size",
    "bs": "batch_size",
    "latent_dim": "latent_size",
    "z_dim": "latent_size",
    "data": "data_dir",
    "data_path": "data_dir",
    "cvae": "is_cvae",
    "loss": "objective",
    "kl_weight": "beta",
    "model": "is_cvae hierarchical",
    "name": "run_name",
    "checkpoint": "load_weights",
}


def meant_by(name, known, dash=""):
    """'; did you mean learning_rate?' for a name that is none of the known ones, or '' where none is near."""
    close = OTHER_NAMES[name].split() if name in OTHER_NAMES else get_close_matches(name, known, n=1)
    return f"; did you mean {' and '.join(dash + each for each in close)}?" if close else ""


def received(name, value):
    """A setting as the user typed it: '--hidden_sizes 400 400', or '--hidden_sizes 400,400 200' of several values."""
    return f"--{name} {typed(value)}"


def typed(value):
    """A value, or several, as a user types them: '400 400', '400,400 200'."""
    if not isinstance(value, tuple):
        return str(value)
    return " ".join(",".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in value)


def chosen_by(settings):
    """The settings that select a model, as a user types them: '--hierarchical --hierarchy chain'."""
    return " ".join(map(as_flag, settings, settings.values()))


def as_flag(name, value):
    """A setting as a flag: '--is_cvae', '--no-evaluate', '--hidden_sizes 400 400'."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return received(name, value)


def refuse_impossible(config):
    """Raise ConfigError for settings that are valid alone but not together."""
    if config.num_epochs == 0 and not config.load_weights:
        raise ConfigError(
            "--num_epochs 0 trains nothing: expected at least 1, or --load_weights to generate from saved weights"
        )
    if config.validation_split + config.test_split >= 1:
        raise ConfigError(
            f"--validation_split {config.validation_split} and --test_split {config.test_split} leave nothing to "
            "train on: expected a sum below 1"
        )
    _refuse_impossible_models(config)
    _refuse_impossible_levels(config)
    _refuse_impossible_pixels(config)
    _refuse_impossible_augmentation(config)
    _refuse_impossible_objectives(config)
    _refuse_impossible_labels(config)
    _refuse_impossible_priors(config)
    _refuse_impossible_pictures(config)


def _refuse_impossible_models(config):
    values = {name: getattr(config, name) for name in sorted(SELECTORS)}
    given = {name: value for name, value in values.items() if value != getattr(type(config), name)}
    if choices_of(given) != config.traits.chosen_by:
        known = [model.chosen_by for model in MODELS.values() if model.chosen_by]
        near = [each for each in known if choices_of(given).items() <= each.items()]
        wanted = ", or ".join(map(chosen_by, near or known))
        raise ConfigError(f"{chosen_by(given)}: these choose no model; expected {wanted}, or none of them")


def _refuse_impossible_levels(config):
    levels = received("latent_size", config.latent_size)
    num_levels = len(config.level_shapes)
    has_maps = any(len(shape) > 1 for shape in config.level_shapes)
    if config.level_betas and len(config.level_betas) != num_levels:
        raise ConfigError(
            f"{received('level_betas', config.level_betas)}: expected a number for each level of {levels}"
        )
    if not config.traits.has_levels:
        if num_levels > 1 or has_maps:
            raise ConfigError(f"{levels}: expected one whole number, or --hierarchical for levels and maps")
        return
    if not config.traits.is_top_down and has_maps:
        raise ConfigError(
            f"{received('hierarchy', config.hierarchy)} with {levels}: its levels are vectors; expected whole numbers"
        )
    if config.traits.is_top_down and config.num_blocks == 0 and num_levels > 1:
        raise ConfigError(
            "--num_blocks 0 with --hierarchical: residual blocks lead from level to level; expected at least 1"
        )
    if config.num_features == 0 and any(len(shape) == 1 for shape in config.level_shapes):
        raise ConfigError(
            "--num_features 0 with --hierarchical and a level that is a vector: expected at least 1, such as 256"
        )


def _refuse_impossible_pixels(config):
    is_static = DATASETS[config.dataset].settings.get("binarization") == "static"
    if is_static != (config.binarization == "static"):
        expected = "static" if is_static else "dynamic or none"
        raise ConfigError(f"--binarization {config.binarization} with --dataset {config.dataset}: expected {expected}")
    if config.binarization not in LIKELIHOODS[config.likelihood].nats:
        fitting = " or ".join(name for name, entry in LIKELIHOODS.items() if config.binarization in entry.nats)
        raise ConfigError(
            f"--likelihood {config.likelihood} with --binarization {config.binarization}: it is no distribution of "
            f"binary pixels; expected --likelihood {fitting}{'' if is_static else ', or --binarization none'}"
        )


def _refuse_impossible_augmentation(config):
    if not config.image_shape:
        return
    height, width, _ = config.image_shape
    if config.quarter_turns and height != width:
        raise ConfigError(f"--quarter_turns with images of {height}x{width} pixels: expected square images")
    if config.shift > min(height, width):
        raise ConfigError(
            f"--shift {config.shift} with images of {height}x{width} pixels: expected at most {min(height, width)}"
        )


def _refuse_impossible_objectives(config):
    given, objective = f"--objective {config.objective}", OBJECTIVES[config.objective]
    if config.traits.has_levels and not objective.suits_levels:
        fitting = ", ".join(name for name, entry in OBJECTIVES.items() if entry.suits_levels)
        raise ConfigError(f"{given} with --hierarchical: it is for models of one level; expected one of {fitting}")
    if objective.keeps_rows_apart and config.decoder_normalization == "batch":
        raise ConfigError(
            f"{given} with --decoder_normalization batch: its gradient is right only where the decoder does not mix "
            "images; expected --decoder_normalization none or instance"
        )
    if config.objective not in (config.traits.objectives or OBJECTIVES):
        given_of_model = {name: getattr(config, name) for name in config.traits.chosen_by}
        raise ConfigError(
            f"{given} with {chosen_by(given_of_model)}: it has no such loss; expected --objective "
            + " or ".join(config.traits.objectives)
        )
    for name in sorted({name for entry in OBJECTIVES.values() for name in entry.reads} - {*objective.reads}):
        value = getattr(config, name)
        if value != getattr(type(config), name):
            fitting = " or ".join(each for each, entry in OBJECTIVES.items() if name in entry.reads)
            raise ConfigError(
                f"{as_flag(name, value)} with {given}: its loss does not use it; expected --objective {fitting}, or "
                "leave the flag out"
            )
    for name, least in objective.least.items():
        if getattr(config, name) < least:
            raise ConfigError(f"{received(name, getattr(config, name))} with {given}: expected at least {least}")
    num_stages = 1 + (config.num_importance_samples - 1).bit_length()
    if config.growing_samples and 0 < config.num_epochs < num_stages:
        raise ConfigError(
            f"--num_epochs {config.num_epochs} with --growing_samples: 1, 2, 4 ... {config.num_importance_samples} "
            f"samples need an epoch each; expected at least {num_stages} epochs, or fewer --num_importance_samples"
        )


def _refuse_impossible_labels(config):
    if config.label_weight != type(config).label_weight and config.labelled is None:
        raise ConfigError(f"--label_weight {config.label_weight}: expected --labelled N with it, or leave the flag out")
    if config.traits.finds_labels and "batch" in (config.encoder_normalization, config.decoder_normalization):
        raise ConfigError(
            f"--labelled {config.labelled} with batch normalisation: it would see each image with every label, most of "
            "them wrong; expected --encoder_normalization and --decoder_normalization none or instance"
        )


def _refuse_impossible_priors(config):
    given, prior = f"--prior {config.prior}", PRIORS[config.prior]
    if config.num_components != type(config).num_components and not prior.is_mixture:
        raise ConfigError(
            f"--num_components {config.num_components} with {given}: it has none; expected --prior mixture or vamp"
        )
    if config.prior == "standard":
        return
    if config.traits.has_levels:
        raise ConfigError(f"{given} with --hierarchical: its levels have learned priors; expected --prior standard")
    if prior.needs_labels and not config.is_cvae:
        raise ConfigError(f"{given}: it is one for each label; expected --is_cvae with it")
    if prior.encodes and config.is_cvae:
        raise ConfigError(
            f"{given} with --is_cvae: its pseudo-inputs have no labels; expected --prior class or mixture"
        )
    if prior.encodes and config.encoder_normalization == "batch":
        raise ConfigError(
            f"{given} with --encoder_normalization batch: its pseudo-inputs are no batch of images; expected none or "
            "instance"
        )
    if OBJECTIVES[config.objective].compares_codes:
        raise ConfigError(
            f"{given} with --objective {config.objective}: it compares the codes of all images with one fixed prior; "
            "expected --prior standard"
        )
    if prior.needs_labels and config.relabel:
        raise ConfigError(
            f"{given} with --relabel: codes of one label are not where those of another are; expected --prior standard"
        )
    for name in ("manifold", "export"):
        if getattr(config, name):
            raise ConfigError(f"{given} with --{name}: it takes codes from N(0, I); expected --prior standard")


def _refuse_impossible_pictures(config):
    if len(config.interpolate) % 2:
        raise ConfigError(f"{received('interpolate', config.interpolate)}: expected pairs, an even number of images")
    for name in ("traverse_units", "traverse_range"):
        value = getattr(config, name)
        if value != getattr(type(config), name) and not config.traverse:
            raise ConfigError(f"{received(name, value)}: expected --traverse IMAGE with it, an image to vary")
    if len(set(config.traverse_units)) < len(config.traverse_units):
        raise ConfigError(f"{received('traverse_units', config.traverse_units)}: expected units that are all different")
    if config.traverse_units and max(config.traverse_units) >= config.num_decoded_units:
        raise ConfigError(
            f"{received('traverse_units', config.traverse_units)}: {config.num_decoded_units} units reach the image; "
            f"expected 0 to {config.num_decoded_units - 1}"
        )
    if config.manifold and config.level_shapes != ((2,),):
        raise ConfigError(
            f"--manifold with {received('latent_size', config.latent_size)}: only a model of two units has a "
            "plane of codes; expected --latent_size 2"
        )
    if config.embed and config.num_units < 2:
        raise ConfigError(
            f"--embed with {received('latent_size', config.latent_size)}: one unit has no plane; expected two or more"
        )
    if config.relabel and not config.traits.is_conditional:
        raise ConfigError(
            f"{received('relabel', config.relabel)}: this model knows no labels; expected one trained with --is_cvae"
        )
