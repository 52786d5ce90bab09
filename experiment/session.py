"""A session of training: from where a run stands to its last epoch, or to where the user stops it."""

import time
from contextlib import closing
from math import isfinite

from tqdm import tqdm

from experiment.board import Board
from experiment.checkpoints import restore_state, save_config, save_model_weights, save_state
from experiment.evaluation.latents import encode_split
from experiment.evaluation.likelihood import ElboEvaluator
from experiment.gallery import draw_reconstructions, draw_samples
from experiment.interruption import Interruption
from experiment.preprocessing import binarize_once
from experiment.records import MetricsLog, write_figures
from experiment.refusals import ConfigError
from experiment.training import TrainingError, TrainingState, fit, plan_steps
from experiment.units import by_level
from experiment.validation import LossEvaluator
from image_data.records import take
from models.distributions import Stream

HISTOGRAM_IMAGES = 2_000


def train(model, config, dataset, run, resumed=None):
    """Train to the last epoch, saving on the way. Returns False where the user stopped it."""
    plan = plan_steps(dataset.train, config)
    state = TrainingState(model, config, plan.num_steps)
    if resumed:
        restore_state(state, config, run.checkpoints)
    first_step = int(state.step.numpy())
    if not 0 <= first_step <= plan.num_steps:
        raise ConfigError(
            f"--num_epochs {config.num_epochs}: {run.name} has made {first_step // plan.steps_per_epoch} epochs "
            "already; expected at least as many, or --load_weights to train anew from its weights"
        )
    save_config(config, run.checkpoints)
    save_state(state, config, run.checkpoints)
    run.outputs.mkdir(parents=True, exist_ok=True)

    validation = binarize_once(dataset.validation, config.binarization, Stream.VALIDATION_BINARIZATION)
    evaluator, loss_of_validation = ElboEvaluator(model, config.seed), LossEvaluator(model, config, plan)
    if config.load_weights and first_step == 0:
        loss = loss_of_validation(validation.images, validation.labels)
        print(f"validation loss of the weights it begins with: {loss:.2f} nats; they are kept where none is lower")
        state.lowest_loss.assign(loss)
        save_model_weights(model, config, run.checkpoints)
    board = Board(run.outputs, config) if config.tensorboard else None
    last_save = time.monotonic()
    with (
        closing(MetricsLog(run.outputs, first_step, board)) as log,
        progress_bar(first_step, plan) as bar,
        Interruption() as interruption,
    ):
        for progress in fit(state, dataset.train, config):
            if progress.num_made:
                log.append_training(progress)
            show(bar, progress)
            if progress.is_epoch_end:
                with state.averaged():
                    estimate = evaluator(validation.images, validation.labels)
                    loss = loss_of_validation(validation.images, validation.labels)
                    for name, value in (("ELBO", estimate.elbo), ("loss", loss)):
                        if not isfinite(value):
                            raise TrainingError(
                                f"the validation {name} became {value} after {progress.step} steps: expected a "
                                "finite number; train anew with a lower --learning_rate"
                            )
                    log.append_validation(progress, estimate, loss)
                    save_epoch(state, loss, config, run)
                    if config.every_epoch or board:
                        pictures = draw_epoch(model, config, dataset.validation, validation)
                    if config.every_epoch:
                        keep_epoch(model, config, run, f"epoch_{progress.epoch:03}", pictures)
                    if board:
                        codes = encode_split(model, take(validation, slice(HISTOGRAM_IMAGES)))
                        board.draw_epoch(progress.step, pictures, by_level(config, codes))
            is_due = time.monotonic() - last_save > config.save_seconds
            if progress.is_epoch_end or is_due or interruption.requested:
                log.sync()
                save_state(state, config, run.checkpoints)
                last_save = time.monotonic()
            if interruption.requested:
                break
    step, num_skipped = int(state.step.numpy()), int(state.num_skipped.numpy())
    if num_skipped:
        print(f"left out {num_skipped} of {step:,} steps, whose loss or gradient was not finite")
    if step < plan.num_steps:
        print(
            f"stopped at step {step:,} of {plan.num_steps:,}; continue with: python assignment.py --resume {run.name}"
        )
    return step == plan.num_steps


def progress_bar(first_step, plan):
    """A bar over images, from where the run stands."""
    return tqdm(
        initial=first_step * plan.batch_size,
        total=plan.num_steps * plan.batch_size,
        unit=" images",
        unit_scale=True,
        dynamic_ncols=True,
    )


def show(bar, progress):
    """Move the bar, and write the latest means beside it."""
    bar.set_description_str(f"epoch {progress.epoch}", refresh=False)
    bar.set_postfix_str(
        f"loss {progress.loss:.1f}, distortion {progress.distortion:.1f}, rate {sum(progress.rate_per_level):.1f} nats",
        refresh=False,
    )
    bar.update(progress.num_images)


def save_epoch(state, loss, config, run):
    """Weights after every epoch, and at the lowest validation loss so far."""
    save_model_weights(state.model, config, run.checkpoints, tag="last")
    if loss < state.lowest_loss.numpy():
        state.lowest_loss.assign(loss)
        save_model_weights(state.model, config, run.checkpoints)


def draw_epoch(model, config, validation, binary_validation):
    """Pictures of what the weights of an epoch make."""
    return {
        "samples": draw_samples(model, config, validation),
        "reconstructions": draw_reconstructions(model, config, validation, binary_validation, "validation"),
    }


def keep_epoch(model, config, run, tag, pictures):
    """The weights of this epoch, and its pictures: outputs/<run>/epochs/."""
    save_model_weights(model, config, run.checkpoints, tag)
    write_figures(run.outputs / "epochs", {f"{tag}_{name}": figure for name, figure in pictures.items()})
