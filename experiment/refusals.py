"""Combinations of settings that cannot be run, and why."""

from experiment.presets import PRESETS

# What only some objectives look at.
MEANT_FOR = {
    "num_importance_samples": ("iwae",),
    "capacity": ("capacity",),
    "capacity_epochs": ("capacity",),
    "beta": ("elbo", "beta_tc", "capacity", "mmd"),
    "beta_schedule": ("elbo", "beta_tc", "capacity", "mmd"),
    "level_betas": ("elbo",),
    "free_nats": ("elbo",),
}


class ConfigError(ValueError):
    """A setting, or a combination of settings, that cannot be run. One line: received, expected, what to do."""


def received(name, value):
    """A setting as it was typed: '--hidden_sizes 400 400'."""
    shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
    return f"--{name} {shown}"


def refuse_impossible(config):
    """Raise ConfigError where settings that are each in order do not go together."""
    if config.num_epochs == 0 and not config.load_weights:
        raise ConfigError(
            "--num_epochs 0 trains nothing: expected at least 1, or --load_weights to generate from saved weights"
        )
    is_static = PRESETS[config.dataset].settings.get("binarization") == "static"
    if is_static != (config.binarization == "static"):
        expected = "static" if is_static else "dynamic or none"
        raise ConfigError(f"--binarization {config.binarization} with --dataset {config.dataset}: expected {expected}")
    _refuse_impossible_levels(config)
    _refuse_impossible_objectives(config)
    _refuse_impossible_pictures(config)
    if config.validation_split + config.test_split >= 1:
        raise ConfigError(
            f"--validation_split {config.validation_split} and --test_split {config.test_split} leave nothing to "
            "train on: expected a sum below 1"
        )
    if config.binarization != "none" and config.likelihood != "bernoulli":
        raise ConfigError(
            f"--likelihood {config.likelihood} with binarisation {config.binarization}: binary pixels have no "
            f"other density; expected --likelihood bernoulli{'' if is_static else ', or --binarization none'}"
        )


def _refuse_impossible_levels(config):
    levels = received("latent_size", config.latent_size)
    num_levels = len(config.latent_size)
    has_maps = any(len(shape) > 1 for shape in config.level_shapes)
    if not config.hierarchical and (num_levels > 1 or has_maps):
        raise ConfigError(f"{levels}: expected one whole number, or --hierarchical for levels and maps")
    if config.level_betas and len(config.level_betas) != num_levels:
        raise ConfigError(
            f"{received('level_betas', config.level_betas)}: expected a number for each level of {levels}"
        )
    if not config.hierarchical:
        if config.hierarchy != "top_down":
            raise ConfigError(f"--hierarchy {config.hierarchy}: expected --hierarchical with it")
        return
    if config.hierarchy == "chain":
        if config.is_cvae:
            raise ConfigError(
                "--hierarchy chain with --is_cvae: the land-use project's chain knows no labels; expected "
                "--hierarchy top_down"
            )
        if has_maps:
            raise ConfigError(f"--hierarchy chain with {levels}: expected whole numbers, its levels are vectors")
    elif config.num_blocks == 0 and num_levels > 1:
        raise ConfigError("--num_blocks 0 with --hierarchical: expected at least 1, as what leads from level to level")
    if config.num_features == 0 and any(len(shape) == 1 for shape in config.level_shapes):
        raise ConfigError(
            "--num_features 0 with --hierarchical and a level that is a vector: expected at least 1, such as 256"
        )


def _refuse_impossible_objectives(config):
    objective = f"--objective {config.objective}"
    if config.objective in ("beta_tc", "mmd") and config.hierarchical:
        raise ConfigError(
            f"{objective} with --hierarchical: it compares one aggregate posterior q(z) with one fixed prior p(z), "
            "and the levels of a hierarchy are each given those above; expected elbo, iwae or capacity"
        )
    for name, objectives in MEANT_FOR.items():
        value = getattr(config, name)
        if value != getattr(type(config), name) and config.objective not in objectives:
            raise ConfigError(
                f"{received(name, value)} with {objective}: its loss does not look at it; expected "
                f"--objective {' or '.join(objectives)}, or to leave the flag out"
            )
    if config.objective == "iwae" and config.num_importance_samples == 1:
        raise ConfigError(f"{objective} with --num_importance_samples 1 is the ELBO: expected at least 2, such as 5")


def _refuse_impossible_pictures(config):
    if len(config.interpolate) % 2:
        raise ConfigError(f"{received('interpolate', config.interpolate)}: expected pairs, an even number of images")
    if (config.traverse_units or config.traverse_range != type(config).traverse_range) and not config.traverse:
        raise ConfigError("--traverse_units and --traverse_range: expected --traverse with them, and images to vary")
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
    if config.relabel and not config.is_cvae:
        raise ConfigError(
            f"{received('relabel', config.relabel)}: this model knows no labels; expected one trained with --is_cvae"
        )
