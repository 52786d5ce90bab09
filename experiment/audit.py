"""The audit: what a run will do, in the units that it will report. It is printed before the first step."""

import os
from math import prod

import tensorflow as tf

from experiment.settings.datasets import DATASETS, length_of
from experiment.settings.words import (
    beta_norm,
    describe_levels,
    describe_loss,
    describe_network,
    describe_precision,
    describe_prior,
    describe_training,
    nats_of,
    remarks_on,
)
from experiment.training.devices import ONE_DEVICE
from experiment.training.execution import has_units_for
from experiment.training.loop import plan_steps
from models.catalog import OBJECTIVES

SLOW = "this machine has no units for {}, so it is slow; --precision float32 is the fast one here"


def audit(config, model, dataset, run, devices=ONE_DEVICE):
    """The lines of the audit: (name, text) pairs."""
    height, width, channels = config.image_shape
    sizes = " / ".join(f"{len(split.images):,}" for split in (dataset.train, dataset.validation, dataset.test))
    gpus = tf.config.list_physical_devices("GPU")
    one_dnn = "off" if os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0" else "on"
    device = f"{len(gpus)} GPU" if gpus else f"CPU, {os.cpu_count()} cores, oneDNN {one_dnn}"
    if devices.count > 1:
        workers = f" of {devices.num_workers} workers" if devices.num_workers > 1 else ""
        device += f", {devices.count} devices{workers} share every batch"
    condition = f", given {len(config.label_names)} labels" if config.traits.is_conditional else ""
    pixels = f"{height} x {width} x {channels} = {prod(config.image_shape):,} pixels"
    return [
        (
            "model",
            f"{config.model.upper()}, {describe_network(config)}, {model.count_params():,} parameters{condition}",
        ),
        ("data", f"{config.dataset}, {sizes} images to train / validate / test"),
        ("source", DATASETS[config.dataset].source),
        *(("", note) for note in dataset.notes),
        ("dimensions", f"{pixels}, {config.num_units} latent units"),
        *([("levels", describe_levels(config))] if config.traits.has_levels else []),
        *([("prior", describe_prior(config))] if config.prior != "standard" else []),
        ("likelihood", f"{config.likelihood}, binarisation {config.binarization}"),
        ("nats", nats_of(config)),
        *(("remark", remark) for remark in remarks_on(config)),
        *(lines_of_training(config, plan_steps(dataset.train, config)) if config.num_epochs else []),
        ("device", f"{device}, {describe_precision(config) if config.num_epochs else 'float32'}"),
        *([("remark", SLOW.format(config.precision))] if lacks_units(config) else []),
        *(
            [("weights", f"{'begins with ' if config.num_epochs else ''}{config.load_weights}")]
            if config.load_weights
            else []
        ),
        ("writes to", f"{run.checkpoints}/ and {run.outputs}/" if config.num_epochs else f"{run.outputs}/"),
    ]


def lacks_units(config):
    """Whether a run is trained in a precision for which the machine has no units."""
    return config.num_epochs > 0 and config.precision.startswith("mixed") and not has_units_for(config.precision)


def lines_of_training(config, plan):
    """The lines of what training descends, and how."""
    loss = describe_loss(config)
    if OBJECTIVES[config.objective].is_weighted_sum:
        loss += f" (beta_norm {beta_norm(config):.3g}, its value if both terms were means, over pixels and over units)"
    epochs = f"{config.num_epochs:,}, of {plan.steps_per_epoch:,} steps each"
    if (length := length_of(vars(config))) and not config.load_weights:
        epochs += f"; without --num_epochs as many as make about {length.num_steps:,} steps"
        epochs += f", from {length.min_epochs} to 1,000"
    return [("loss", loss), ("training", describe_training(config)), ("epochs", epochs)]
