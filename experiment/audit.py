"""What a run is about to do, in the units that it will report: printed before the first step."""

import os
from math import prod

import keras
import tensorflow as tf

from experiment.presets import PRESETS

NATS_OF = {
    ("bernoulli", "dynamic"): "log-probability of binary pixels, drawn from the grey values",
    ("bernoulli", "static"): "log-probability of the data set's own binary pixels",
    ("bernoulli", "none"): "cross-entropy of grey values: no log-likelihood, comparable only with itself",
    ("mse", "none"): "log-density of pixels in [0, 1] under unit variance: half the squared error plus a constant",
    ("discretized_logistic", "none"): "log-probability of the 8-bit values",
    ("gaussian", "none"): "log-density of pixels in [0, 1] under one learned variance; either sign is possible",
}


def nats_of(config):
    """What a nat of this likelihood on these pixels means."""
    return NATS_OF[config.likelihood, config.binarization]


def beta_norm(config):
    """beta * L / D, L latent units and D pixels times channels (Higgins et al. 2017).

    The beta that would weigh the KL alike if both terms were averaged, over pixels and over units, instead of summed.
    """
    return config.beta * config.num_units / prod(config.image_shape)


def audit(config, model, dataset, run):
    """The lines of the audit, (name, text) each."""
    height, width, channels = config.image_shape
    sizes = " / ".join(f"{len(split.images):,}" for split in (dataset.train, dataset.validation, dataset.test))
    gpus = tf.config.list_physical_devices("GPU")
    device = f"{len(gpus)} GPU" if gpus else f"CPU, {os.cpu_count()} cores"
    layers = [" ".join(map(str, config.hidden_sizes)), config.activation]
    if config.num_blocks:
        layers.append(f"{config.num_blocks} residual block{'s' if config.num_blocks > 1 else ''} at each resolution")
    if config.network == "conv":
        layers += [f"normalisation {config.encoder_normalization} / {config.decoder_normalization}", config.upsampling]
    network = f"{config.network} ({', '.join(layers)})"
    condition = f", given {len(config.label_names)} labels" if config.is_cvae else ""
    pixels = f"{height} x {width} x {channels} = {prod(config.image_shape):,} pixels"
    mean_beta = f"beta_norm {beta_norm(config):.3g}, its value if both terms were means, over pixels and over units"
    return [
        ("model", f"{config.model.upper()}, {network}, {model.count_params():,} parameters{condition}"),
        ("data", f"{config.dataset}, {sizes} images to train / validate / test"),
        ("source", PRESETS[config.dataset].source),
        *(("", note) for note in dataset.notes),
        ("dimensions", f"{pixels}, {config.num_units} latent units"),
        *([("levels", describe_levels(config))] if config.hierarchical else []),
        ("likelihood", f"{config.likelihood}, binarisation {config.binarization}"),
        ("nats", nats_of(config)),
        ("loss", describe_loss(config) + (f" ({mean_beta})" if config.objective == "elbo" else "")),
        ("training", describe_training(config)),
        ("device", f"{device}, {keras.config.dtype_policy().name}"),
        *([("weights", f"begins with {config.load_weights}")] if config.load_weights else []),
        ("writes to", f"{run.checkpoints}/ and {run.outputs}/" if config.num_epochs else f"{run.outputs}/"),
    ]


def name_of(config):
    """'CVAE on mnist', for titles."""
    return f"{config.model.upper()} on {config.dataset}"


def level_names(num_levels):
    """z3, z2, z1: the top level first, as everywhere, and z1 next to the image; z where there is but one."""
    return [f"z{level}" for level in range(num_levels, 0, -1)] if num_levels > 1 else ["z"]


def describe_levels(config):
    """The levels of a hierarchy from the top, and where each stands."""
    sizes = [f"z{level} {size}" for level, size in enumerate(config.latent_size, 1)]
    if config.hierarchy == "chain":
        return f"x -> {' -> '.join(sizes)} -> x, every prior N(0, I)"
    return f"{', '.join(reversed(sizes))}, each given those before it"


LOSSES = {
    "elbo": "distortion + beta rate",
    "iwae": "negative importance-weighted bound",
    "beta_tc": "distortion + mutual information + beta total correlation + dimension-wise KL",
    "capacity": "distortion + beta |rate - capacity|",
    "mmd": "distortion + beta MMD of q(z) and p(z)",
}


def describe_loss(config):
    """The loss and its weights, in words."""
    words = [f"beta {config.beta:g}"]
    if config.objective == "iwae":
        words = [f"K = {config.num_importance_samples}"]
    if config.level_betas:
        words.append(f"times {' '.join(f'{beta:g}' for beta in config.level_betas)} from z1 up")
    if config.beta_schedule != "constant":
        words.append(f"{config.beta_schedule} over {config.beta_epochs:g} epochs")
    if config.free_nats:
        words.append(f"{config.free_nats:g} free nats a level")
    if config.objective == "capacity":
        words.append(f"capacity rising to {config.capacity:g} nats over {config.capacity_epochs:g} epochs")
    return f"{LOSSES[config.objective]}; {', '.join(words)}"


def describe_training(config):
    """How the loss is minimised, in words."""
    schedule = "" if config.learning_rate_schedule == "constant" else f" falling to 0 ({config.learning_rate_schedule})"
    words = [f"{config.optimizer}, learning rate {config.learning_rate:g}{schedule}"]
    if config.clip_norm:
        words.append(f"gradients clipped at norm {config.clip_norm:g}")
    if config.weight_decay:
        words.append(f"weight decay {config.weight_decay:g}")
    if config.ema:
        words.append(f"weights averaged with decay {config.ema:g}")
    return ", ".join(words)
