"""A session of training: from the run's current step to its last epoch, or until the user stops it."""

import time
from contextlib import ExitStack, closing
from math import isfinite

import numpy as np
from tqdm.auto import tqdm

from experiment.evaluation.likelihood import estimate_elbo
from experiment.files.checkpoints import (
    restore_state,
    save_config,
    save_model_weights,
    save_state,
    weights_checksum,
)
from experiment.files.names import how_to_resume
from experiment.files.records import MetricsLog, write_figure
from experiment.files.tensorboard import Board
from experiment.pictures.always import draw_reconstructions, draw_samples
from experiment.pictures.codes import by_level
from experiment.settings.config import DATA, MODEL, TRAINING, names_in
from experiment.settings.refusals import ConfigError
from experiment.training.devices import ONE_DEVICE
from experiment.training.loop import TrainingError, fit, plan_steps
from experiment.training.preprocessing import binarize_once
from experiment.training.state import TrainingState
from experiment.training.terminal import IN_NOTEBOOK, SHOWN, Interruption
from experiment.training.validation import LossEvaluator
from image_data.splits import take
from models.catalog import OBJECTIVES
from models.noise import Stream

HISTOGRAM_IMAGES = 2_000
WIDTH = 79  # of a line on the screen


def train(model, config, dataset, run, infer, trackers, resumed=None, devices=ONE_DEVICE):
    """Train to the last epoch, with saves on the way. Returns False if the user stopped it.

    Args:
        model: newly built, or with the weights to start from.
        config: its Config.
        dataset: a Dataset.
        run: the Run whose folders are written to.
        infer: the Inference of the model.
        trackers: what also gets the metrics, a Board or Tracked each.
        resumed: the Run to continue, or None.
        devices: the Devices that share every step, in whose scope the model was made.

    Raises:
        ConfigError: the run has made more epochs than --num_epochs.
        CheckpointError: the state of the resumed run cannot be restored.
        TrainingError: the loss, its gradient or the validation ELBO is not finite.
        WorkerLost: another worker ended.
    """
    plan, state = begin(model, config, dataset, resumed, devices)
    first_step = int(state.step.numpy())
    if resumed:
        is_finished = first_step == plan.num_steps
        print(
            f"{run.name}: "
            + (
                "already finished; it is evaluated again"
                if is_finished
                else f"continues at {place_of(first_step, plan)}"
            )
        )
    save_config(config, run.checkpoints)
    save_state(state, config, run.checkpoints)
    run.outputs.mkdir(parents=True, exist_ok=True)
    boards = [each for each in trackers if isinstance(each, Board)]
    after_epoch = AfterEpoch(state, config, dataset, run, infer, boards)
    with ExitStack() as opened:
        interruption = opened.enter_context(Interruption())  # first: to measure the first weights takes a while
        # A new discriminator sees no total correlation; without validation images the last weights are kept.
        are_compared = not state.discriminator and not config.train_on_validation
        if config.load_weights and first_step == 0 and are_compared:
            after_epoch.enter_first_weights()
        log = opened.enter_context(closing(MetricsLog(run.outputs, first_step, trackers)))
        screen = opened.enter_context(closing(Screen(config, first_step, plan)))
        last_save = time.monotonic()
        for progress in fit(state, dataset.train, config, devices):
            is_stopped = devices.agree(interruption.requested)
            if progress.num_made:
                log.append_training(progress)
            screen.show(progress)
            if progress.is_epoch_end:
                screen.end_epoch(progress, *after_epoch(progress, log))
            is_due = time.monotonic() - last_save > config.save_seconds
            if progress.is_epoch_end or is_due or is_stopped:
                log.sync()
                save_state(state, config, run.checkpoints)
                last_save = time.monotonic()
            if is_stopped:
                break
    return report_end(state, plan, config, run)


def begin(model, config, dataset, resumed, devices):
    """The Plan and the TrainingState of a session, which is new, or that of the resumed Run."""
    plan = plan_steps(dataset.train, config)
    with devices.together():
        state = TrainingState(model, config, plan.num_steps)
    if resumed:
        restore_state(state, config, resumed.checkpoints, devices.is_chief)
    num_made = int(state.step.numpy())
    devices.refuse_differences({"a state of steps": num_made})
    if not 0 <= num_made <= plan.num_steps:
        raise ConfigError(
            f"--num_epochs {config.num_epochs}: {resumed.name} has made {num_made // plan.steps_per_epoch} epochs "
            "already; expected at least as many, or --load_weights to train anew from its weights"
        )
    return plan, state


def shared_by_workers(config, resumed):
    """What all workers of a run must have alike: words -> value."""
    names = names_in(MODEL, DATA, TRAINING) - {"data_dir", "cache_dir", "labels"} | {"steps_per_call"}
    weights = config.load_weights if not resumed else None
    return {
        **{f"--{name}": getattr(config, name) for name in sorted(names)},
        "images of the checksum": config.data_fingerprint,
        "weights of the checksum": weights and weights_checksum(weights),
        "a run to continue": resumed and resumed.name,
    }


def work(model, config, dataset, devices, resumed=None):
    """What the workers other than the chief do: the same steps, and nothing else. Returns False if one was stopped.

    Args and errors are those of `train`.
    """
    plan, state = begin(model, config, dataset, resumed, devices)
    print(f"worker {devices.worker} of {devices.num_workers}: trains from step {int(state.step.numpy()):,} on")
    with Interruption() as interruption:
        for _ in fit(state, dataset.train, config, devices):
            if devices.agree(interruption.requested):
                break
    print(f"worker {devices.worker} of {devices.num_workers}: ends at step {int(state.step.numpy()):,}")
    return int(state.step.numpy()) == plan.num_steps


class AfterEpoch:
    """What happens after each epoch: validation, saved weights, and pictures if they are asked for."""

    def __init__(self, state, config, dataset, run, infer, boards):
        self._state, self._config, self._run, self._infer, self._boards = state, config, run, infer, boards
        self._images = dataset.validation
        self._binary_images = binarize_once(dataset.validation, config.binarization, Stream.VALIDATION_BINARIZATION)
        self._loss_of = LossEvaluator(state.model, config, plan_steps(dataset.train, config), state.discriminator)

    def __call__(self, progress, log):
        """Validate, save and draw with the averages of the weights, where these are kept; (ElboEstimate, loss)."""
        with self._state.averaged():
            estimate, loss = self.validate(progress.step)
            log.append_validation(progress, estimate, loss)
            save_model_weights(self._state.model, self._config, self._run.checkpoints, tag="last")
            if loss < self._state.lowest_loss.numpy() or self._config.train_on_validation:
                self.keep_as_best(loss)
            if self._config.every_epoch or self._boards:
                self.draw(progress)
        return estimate, loss

    def enter_first_weights(self):
        """Let the loaded weights compete with those of training for the lowest validation loss."""
        loss = self._loss_of(self._binary_images)
        print(f"validation loss of the loaded weights: {loss:.2f} nats; they are kept unless training gets below it")
        self.keep_as_best(loss)

    def validate(self, step):
        """The ElboEstimate and the loss of the validation images. Raises TrainingError if one is not finite."""
        inferred = self._infer(self._binary_images)
        estimate = estimate_elbo(inferred, self._config.level_sizes[::-1])
        loss = self._loss_of(self._binary_images)
        for name, value in (("ELBO", estimate.elbo), ("loss", loss)):
            if not isfinite(value):
                raise TrainingError(
                    f"the validation {name} became {value} after {step} steps: expected a finite number; train anew "
                    "with a lower --learning_rate"
                )
        return estimate, loss

    def keep_as_best(self, loss):
        """Save the current weights as those of the lowest validation loss so far."""
        self._state.lowest_loss.assign(loss)
        save_model_weights(self._state.model, self._config, self._run.checkpoints)

    def draw(self, progress):
        """Draw pictures with the weights of this epoch. With --every_epoch also save the weights."""
        model, config, run = self._state.model, self._config, self._run
        figures = {
            "samples": draw_samples(model, config, self._images),
            "reconstructions": draw_reconstructions(
                model, config, self._images, self._binary_images, split_name="validation"
            ),
        }
        if config.every_epoch:
            tag = f"epoch_{progress.epoch:03}"
            save_model_weights(model, config, run.checkpoints, tag)
            for name, figure in figures.items():
                write_figure(run.outputs / "epochs", f"{tag}_{name}", figure)
        if self._boards:
            some = take(self._binary_images, slice(HISTOGRAM_IMAGES))
            codes = self._infer(some, num_codes=HISTOGRAM_IMAGES).codes
            for board in self._boards:
                board.draw_epoch(progress.step, figures, by_level(config, codes))


class Screen:
    """What a user sees of training: a bar that moves, and a line for each epoch; in a file, the lines alone.

    A loss that is a sum is shown as one: loss = reconstruction loss + beta x KL, in nats per image.
    """

    def __init__(self, config, first_step, plan):
        self._config, self._is_compiled = config, False
        self._sums, self._num_steps = np.zeros(3), 0
        self._bar = tqdm(
            initial=first_step * plan.batch_size,
            total=plan.num_steps * plan.batch_size,
            desc="compiling",
            bar_format="{desc} {percentage:3.0f}% |{bar}| {rate_fmt}{postfix}",
            unit=" images",
            unit_scale=True,
            ncols=None if IN_NOTEBOOK else WIDTH,
            **SHOWN,
        )

    def show(self, progress):
        """Move the bar, and write the latest means beside it."""
        terms = _terms_of(progress)
        if progress.num_made:
            self._sums += progress.num_made * np.array(terms)
            self._num_steps += progress.num_made
        self._bar.set_description_str(f"epoch {self._epoch(progress)}", refresh=False)
        self._bar.set_postfix_str(f"loss {_terms(self._config, *terms)}", refresh=False)
        if self._is_compiled:
            self._bar.update(progress.num_images)
        else:
            self._begin_rate(progress.num_images)

    def _begin_rate(self, num_images):
        """Move the bar by its first call, whose time is that of the compiler and has no part in the rate."""
        self._is_compiled = True
        self._bar.n += num_images
        self._bar.initial = self._bar.last_print_n = self._bar.n
        self._bar.unpause()
        self._bar.refresh()

    def end_epoch(self, progress, estimate, loss):
        """A line with the means of an epoch's training steps, and the validation numbers after it."""
        training = _terms(self._config, *self._sums / max(1, self._num_steps))
        validation = f"validation {_nats(loss)}, KL {_nats(estimate.rate)}"
        tqdm.write(f"epoch {self._epoch(progress)}: loss {training}; {validation}")
        self._sums, self._num_steps = np.zeros(3), 0

    def close(self):
        self._bar.close()

    def _epoch(self, progress):
        return f"{progress.epoch + (not progress.is_epoch_end)}/{self._config.num_epochs}"


def _terms(config, loss, distortion, rate):
    """'130.2 = 110.1 + 0.40 x 50.2' where the loss is such a sum, else '130.2 (reconstr. 110.1, KL 50.2)'."""
    is_sum = OBJECTIVES[config.objective].is_weighted_sum and not config.traits.finds_labels
    if not is_sum or config.level_betas or config.free_nats:
        return f"{_nats(loss)} (reconstr. {_nats(distortion)}, KL {_nats(rate)})"
    beta = (loss - distortion) / rate if rate else 1.0  # while it rises, too
    weight = "" if abs(beta - 1) < 0.005 else f"{beta:.2f} x "
    return f"{_nats(loss)} = {_nats(distortion)} + {weight}{_nats(rate)}"


def _nats(value):
    """'130.2', or '-11,439' where nobody looks at tenths."""
    return f"{value:.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def _terms_of(progress):
    return progress.loss, progress.distortion, sum(progress.rate_per_level)


def report_end(state, plan, config, run):
    """Print how many steps were skipped and how to continue a stopped run. Returns whether the run is finished."""
    step, num_skipped = int(state.step.numpy()), int(state.num_skipped.numpy())
    if num_skipped:
        print(f"skipped {num_skipped} of {step:,} steps, whose loss or gradient was not finite")
    if step < plan.num_steps:
        print(f"stopped at {place_of(step, plan)}; continue with: {how_to_resume(run, config)}")
    return step == plan.num_steps


def place_of(step, plan):
    """'step 31 of 372, in epoch 3 of 31', or 'step 24 of 372, after epoch 2 of 31'."""
    epoch, within = divmod(step, plan.steps_per_epoch)
    words = f"in epoch {epoch + 1}" if within or step == 0 else f"after epoch {epoch}"
    return f"step {step:,} of {plan.num_steps:,}, {words} of {plan.num_steps // plan.steps_per_epoch}"
