"""The loop over training steps. `fit` is a generator of Progress; its caller draws and saves."""

import time
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data_utils import batch_order, labelled_order
from experiment.training.devices import ONE_DEVICE
from experiment.training.execution import compiled, plan_execution
from experiment.training.preprocessing import add_input_noise, changes_of, make_batch, perturb
from experiment.training.schedules import num_samples_in, weights_at
from experiment.training.step import StepMetrics, train_step
from image_data.splits import with_few_labels
from models.noise import Stream, noise_seed


class TrainingError(ValueError):
    """Training that cannot go on. One line: what happened, and what to do."""


def compile_train_steps(state, config, plan, jit_compile, num_samples):
    """A compiled program that makes many training steps over a stack of batches, with K = num_samples.

    The program takes uint8 images [S, B, H, W, C], labels [S, B, Y] or None, and the number of steps (at most S); where
    several devices share a step, each has its own part of every batch. It returns the number of steps made (skipped
    steps do not count) and the means of StepMetrics over them.
    """
    zero = StepMetrics(0.0, 0.0, 0.0, tf.zeros([state.model.num_levels]))

    def batch_of(images, labels, index):
        batch = make_batch(images[index], None if labels is None else labels[index])
        return add_input_noise(batch, state.step, config)

    def perturbed(images):
        steps = tf.cast(state.step, tf.int32) + tf.range(tf.shape(images)[0])
        return tf.map_fn(lambda at: perturb(*at, config), (images, steps), fn_output_signature=tf.uint8)

    @compiled(jit_compile=jit_compile)
    def descend(images, labels, num_steps):
        def body(index, num_made, sums):
            batch = tf.distribute.get_strategy().run(batch_of, (images, labels, index))
            seed = noise_seed(config.seed, Stream.TRAIN_POSTERIOR, state.step)
            weights = weights_at(state.step, config, plan, state.discriminator)._replace(num_samples=num_samples)
            metrics, is_made = train_step(state, batch, seed, config, weights)
            sums = tf.nest.map_structure(lambda total, each: total + tf.where(is_made, each, 0.0), sums, metrics)
            return index + 1, num_made + tf.cast(is_made, tf.float32), sums

        _, num_made, sums = tf.while_loop(lambda index, *_: index < num_steps, body, (0, 0.0, zero))
        return num_made, tf.nest.map_structure(lambda total: total / num_made, sums)

    # Perturb the images outside XLA. XLA would draw the noise again for each use of the pixels.
    @compiled
    def train_steps(images, labels, num_steps):
        if changes_of(config):
            images = tf.distribute.get_strategy().run(perturbed, (images,))
        return descend(images, labels, num_steps)

    return train_steps


class Progress(NamedTuple):
    """What one call of the compiled program did. Means are over the images of the steps made, in nats per image."""

    step: int  # steps completed
    epoch: int  # epochs completed
    is_epoch_end: bool
    gradient_norm: float
    loss: float  # with beta and free nats
    distortion: float  # the reconstruction loss
    rate_per_level: tuple[float, ...]  # the KL of each level, top level first
    num_made: int  # steps that were not skipped; with none, the means are NaN
    num_images: int
    images_per_second: float


class Plan(NamedTuple):
    """The length of a run, in images and steps."""

    batch_size: int  # config.batch_size, or the number of training images if that is smaller
    steps_per_epoch: int
    num_steps: int
    num_images: int  # in the training set; those that fill no batch of an epoch are in others


def plan_steps(split, config):
    """The Plan of a run: how a Split is divided into steps."""
    batch_size = min(config.batch_size, len(split.images))
    steps_per_epoch = len(split.images) // batch_size
    return Plan(batch_size, steps_per_epoch, steps_per_epoch * config.num_epochs, len(split.images))


def batches_of(split, plan, config, epoch):
    """The image indices of every batch of an epoch: [steps, images].

    With --labelled each batch holds a quarter more images, all of them with labels, which would be too rare in it.
    """
    order = batch_order(len(split.images), plan.batch_size, config.seed, epoch)
    if not config.traits.finds_labels:
        return order
    shape = (len(order), max(1, plan.batch_size // 4))
    return np.concatenate([order, labelled_order(split.labels, shape, config.seed, epoch)], axis=1)


def fit(state, split, config, devices=ONE_DEVICE):
    """Train `state` from its current step to the end of the run: a generator, one Progress per call.

    Between two calls the state is complete: it can be evaluated, saved, or left. A restored state continues to the same
    bits, because the noise depends only on (seed, step) and the batch order only on (seed, epoch).

    Args:
        state: a TrainingState.
        split: the Split of the training images; with --labelled only so many of its labels are used.
        config: a Config.
        devices: the Devices that share every step, in whose scope `state` was made.

    Raises:
        TrainingError: the loss or its gradient was not finite in more than config.max_skipped_steps steps. The state
            must not be saved then.
        WorkerLost: another worker ended.
    """
    plan, execution = plan_steps(split, config), plan_execution(config, devices.count)
    program_of = lru_cache(maxsize=1)(partial(compile_train_steps, state, config, plan, execution.jit_compile))
    if config.traits.finds_labels:
        split = with_few_labels(split, config.labelled, config.seed)
    batches_in = lru_cache(maxsize=1)(partial(batches_of, split, plan, config))  # every call of an epoch asks for them
    stack_size = min(execution.steps_per_call, plan.steps_per_epoch)

    step = int(state.step.numpy())
    while step < plan.num_steps:
        epoch, step_in_epoch = divmod(step, plan.steps_per_epoch)
        batches = batches_in(epoch)[step_in_epoch : step_in_epoch + stack_size]
        # The stack always has its full size; otherwise the last call of an epoch would compile the program again.
        # The program ignores batches beyond the number of steps.
        stack = np.resize(batches, (stack_size, batches.shape[1]))
        train_steps = program_of(num_samples_in(epoch, config))
        started = time.perf_counter()
        images, labels = (devices.shares_of(each, stack) for each in (split.images, split.labels))
        with devices.together():
            num_made, means = train_steps(images, labels, tf.constant(len(batches)))
            num_made = int(num_made)  # waits for the program
        seconds = time.perf_counter() - started
        num_skipped = int(state.num_skipped.numpy())
        if num_skipped > config.max_skipped_steps:
            raise TrainingError(
                f"the loss or its gradient was not finite in {num_skipped} steps up to step {step + len(batches)}: "
                f"expected at most {config.max_skipped_steps} (--max_skipped_steps); train anew, or on from "
                "--load_weights, with a lower --learning_rate"
            )
        step, num_images = step + len(batches), len(batches) * plan.batch_size
        yield Progress(
            step=step,
            epoch=step // plan.steps_per_epoch,
            is_epoch_end=step % plan.steps_per_epoch == 0,
            gradient_norm=float(means.gradient_norm),
            loss=float(means.loss),
            distortion=float(means.distortion),
            rate_per_level=tuple(means.rate_per_level.numpy().tolist()),
            num_made=num_made,
            num_images=num_images,
            images_per_second=num_images / seconds,
        )
