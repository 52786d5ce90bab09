"""The protocol of a run: how its numbers were measured. It stands beside them in results.json."""

from experiment.settings.words import (
    describe_loss,
    describe_network,
    describe_precision,
    describe_prior,
    describe_training,
    evidence_of,
    nats_of,
)
from experiment.training.loop import plan_steps
from experiment.training.preprocessing import BINARIZATION_SEED

CHOSEN_BY_VALIDATION = "validation loss"


def protocol_of(config, dataset, origin):
    """The card that goes with the numbers: a dict.

    Args:
        config: the Config of the run.
        dataset: its Dataset.
        origin: a dict of what made the run: command, the line as it was typed, and the `environment`.
    """
    return {
        "bound": f"ELBO of {evidence_of(config)}, one sample of z for each image, no beta",
        "unit": f"nats per image: {nats_of(config)}",
        "dataset": config.dataset,
        "split": "test" if config.limit is None else f"first {len(dataset.test.images)} images of test",
        "limit": config.limit,
        "training_images": len(dataset.train.images),
        "validation_images": len(dataset.validation.images),
        "chosen_on": chosen_on(config),
        "binarization": config.binarization,
        "binarization_seed": BINARIZATION_SEED if config.binarization == "dynamic" else None,
        "seed": config.seed,
        "model": config.model,
        "network": describe_network(config),
        "latent_size": list(config.latent_size),
        **({"prior": describe_prior(config)} if config.prior != "standard" else {}),
        **training_of(config, plan_steps(dataset.train, config).batch_size),
        "first_weights": config.load_weights if config.num_epochs else None,
        **origin,
    }


def chosen_on(config):
    """What the weights of the run were chosen by, for the protocol."""
    return "nothing: the weights of the last epoch" if config.train_on_validation else CHOSEN_BY_VALIDATION


def training_of(config, batch_size):
    """What the protocol says of training. For loaded weights, the config.json beside them says it.

    Args:
        config: a Config.
        batch_size: images in a batch, at most as many as there are to train on.
    """
    if config.num_epochs == 0:
        return {"training": "none; that of the weights is beside them"}
    loss = f"{describe_loss(config)}; {describe_training(config)}"
    return {
        "training": loss,
        "epochs": config.num_epochs,
        "batch_size": batch_size,
        "precision": describe_precision(config),
    }
