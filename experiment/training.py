"""The training step and the loop over it: `fit` is a generator of metrics, and others draw and save them."""

import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data_utils import batch_order
from experiment.preprocessing import binarize, flip_horizontally, make_batch
from experiment.schedules import beta_at, capacity_at, ema_decay_at, make_optimizer
from models.distributions import Stream, noise_seed
from models.losses import Weights, loss_of
from models.objective import elbo_terms


class TrainingError(ValueError):
    """A training that cannot go on. One line: what happened, and what to do."""


class TrainingState:
    """The whole state of a run: weights, their moving averages, optimizer, steps made and left out, lowest loss."""

    def __init__(self, model, config, num_steps):
        self.model = model
        self.optimizer = make_optimizer(config, num_steps)
        self.optimizer.build(model.trainable_variables)
        self.averages = [tf.Variable(weight) for weight in model.variables] if config.ema else []
        self.step = tf.Variable(0, dtype=tf.int64)
        self.num_skipped = tf.Variable(0, dtype=tf.int64)
        self.lowest_loss = tf.Variable(np.inf, dtype=tf.float32)  # of the validation images

    def variables(self):
        """Name -> variable. Numbered, because Keras's own names depend on what else a process has built."""
        lists = {"model": self.model.variables, "optimizer": self.optimizer.variables, "averages": self.averages}
        return {
            "step": self.step,
            "num_skipped": self.num_skipped,
            "lowest_loss": self.lowest_loss,
            **{f"{name}/{index}": each for name, variables in lists.items() for index, each in enumerate(variables)},
        }

    @contextmanager
    def averaged(self):
        """While the block lasts, the model has the moving averages of its weights, where they are kept."""
        weights = self.model.variables[: len(self.averages)]
        of_training = [weight.numpy() for weight in weights]
        _assign(weights, self.averages)
        try:
            yield
        finally:
            _assign(weights, of_training)


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class Execution(NamedTuple):
    """How the loop over training steps runs."""

    jit_compile: bool
    steps_per_call: int


def plan_execution(config):
    """XLA or not, and how many steps a call of the compiled program makes: the one place that decides it.

    On a CPU, XLA fuses dense networks into fewer passes over memory, but its convolutions are slower than oneDNN's; on
    a GPU it serves both. A call lasts about half a second on 2 cores, so that Python is out of the loop and the
    progress bar moves.
    """
    is_dense = config.network == "mlp"
    pixels_per_call = 10_000_000 if is_dense else 1_500_000
    pixels_per_step = config.batch_size * config.num_importance_samples * int(np.prod(config.image_shape[:2]))
    jit_compile = is_dense or bool(tf.config.list_physical_devices("GPU"))
    return Execution(jit_compile, max(1, pixels_per_call // pixels_per_step))


def train_step(state, batch, seed, config, weights):
    """One step of gradient descent on the objective, left out where the loss or its gradient is not finite.

    Args: weights, the Weights of the loss at this step.

    Returns: the loss (scalar, nats), ElboTerms, the global norm of the gradient, and whether the step was made.
    """
    statistics = state.model.non_trainable_variables  # of normalisation, which a pass in training moves
    before = [tf.identity(each) for each in statistics]
    with tf.GradientTape() as tape:
        output = state.model(batch, seed, num_samples=weights.num_samples, training=True)
        images = tf.repeat(batch.images, weights.num_samples, axis=0)
        terms = elbo_terms(output, images)
        loss = loss_of(config.objective, terms, output, images, weights)
    variables = state.model.trainable_variables
    gradients = tape.gradient(loss, variables)
    gradient_norm = tf.linalg.global_norm(gradients)
    is_made = tf.math.is_finite(loss) & tf.math.is_finite(gradient_norm)

    def descend():
        state.optimizer.apply(gradients, variables)
        share = 1.0 - ema_decay_at(state.step, config)
        for average, variable in zip(state.averages, state.model.variables[: len(state.averages)], strict=True):
            average.assign_sub(share * (average - variable))
        return tf.constant(0, tf.int64)

    def leave_out():  # one gradient of NaN would make every weight NaN
        _assign(statistics, before)
        return tf.constant(1, tf.int64)

    state.num_skipped.assign_add(tf.cond(is_made, descend, leave_out))
    state.step.assign_add(1)
    return loss, terms, gradient_norm, is_made


def weights_at(step, config, plan):
    """The Weights of the loss at a step."""
    return Weights(
        beta=beta_at(step, config, plan.steps_per_epoch),
        free_nats=config.free_nats,
        capacity=capacity_at(step, config, plan.steps_per_epoch),
        num_samples=config.num_importance_samples,
        num_images=plan.steps_per_epoch * plan.batch_size,
        prior_seed=noise_seed(config.seed, Stream.TRAIN_PRIOR, step),
    )


def compile_train_steps(state, config, plan, jit_compile):
    """A compiled program that makes many training steps over a stack of batches.

    The program takes uint8 images [S, B, H, W, C], labels [S, B, Y] or None, and the number of steps (at most S), and
    returns how many of them were made, and means over these: gradient norm, loss, distortion, rate of each level.
    """

    @tf.function(jit_compile=jit_compile)
    def descend(images, labels, num_steps):
        def body(index, num_made, sums):
            batch = make_batch(images[index], None if labels is None else labels[index])
            seed = noise_seed(config.seed, Stream.TRAIN_POSTERIOR, state.step)
            weights = weights_at(state.step, config, plan)
            loss, terms, gradient_norm, is_made = train_step(state, batch, seed, config, weights)
            means = [gradient_norm, loss, tf.reduce_mean(terms.distortion)]
            means = tf.concat([means, tf.reduce_mean(terms.rate, axis=0)], axis=0)
            return index + 1, num_made + tf.cast(is_made, tf.float32), sums + tf.where(is_made, means, 0.0)

        start = (0, 0.0, tf.zeros([3 + state.model.num_levels]))
        _, num_made, sums = tf.while_loop(lambda index, *_: index < num_steps, body, start)
        return tf.concat([[num_made], sums / num_made], axis=0)

    def perturb(images, step):
        if config.horizontal_flip:
            images = flip_horizontally(images, noise_seed(config.seed, Stream.TRAIN_FLIPS, step))
        if config.binarization == "dynamic":
            images = binarize(images, noise_seed(config.seed, Stream.TRAIN_BINARIZATION, step))
        return images

    # What perturbs the images stays outside XLA, which would draw its noise again for each of the pixels' uses.
    @tf.function
    def train_steps(images, labels, num_steps):
        if config.horizontal_flip or config.binarization == "dynamic":
            steps = tf.cast(state.step, tf.int32) + tf.range(len(images))
            images = tf.map_fn(lambda at: perturb(*at), (images, steps), fn_output_signature=tf.uint8)
        return descend(images, labels, num_steps)

    return train_steps


class Progress(NamedTuple):
    """What one call of the compiled program did; means are over the images of the steps made, in nats per image."""

    step: int  # steps completed
    epoch: int  # epochs completed
    is_epoch_end: bool
    gradient_norm: float
    loss: float  # with beta and free nats
    distortion: float
    rate_per_level: tuple[float, ...]  # top level first
    num_made: int  # steps that were not left out; without any, the means are NaN
    num_images: int
    images_per_second: float


class Plan(NamedTuple):
    """The lengths of a run, in images and steps."""

    batch_size: int  # config.batch_size, or all images where there are fewer
    steps_per_epoch: int
    num_steps: int


def plan_steps(split, config):
    """How a run over a Split is divided into steps."""
    batch_size = min(config.batch_size, len(split.images))
    steps_per_epoch = len(split.images) // batch_size
    return Plan(batch_size, steps_per_epoch, steps_per_epoch * config.num_epochs)


def fit(state, split, config):
    """Train `state` from its step to the end of the run: a generator of Progress, one a call.

    Between two calls the state is whole: it can be evaluated, saved, or left. A state that is restored continues to
    the same bits, because the noise is a function of (seed, step) and the batch order of (seed, epoch).

    Raises: TrainingError where the loss was not finite too often; the state is then not to be saved.
    """
    plan, execution = plan_steps(split, config), plan_execution(config)
    train_steps = compile_train_steps(state, config, plan, execution.jit_compile)
    stack_size = min(execution.steps_per_call, plan.steps_per_epoch)

    step = int(state.step.numpy())
    while step < plan.num_steps:
        epoch, step_in_epoch = divmod(step, plan.steps_per_epoch)
        order = batch_order(len(split.images), plan.batch_size, config.seed, epoch)
        batches = order[step_in_epoch : step_in_epoch + stack_size]
        # The stack is always full, or it would be compiled anew for the last call of an epoch; what is beyond the
        # number of steps is never looked at.
        stack = np.resize(batches, (stack_size, plan.batch_size))
        started = time.perf_counter()
        labels = None if split.labels is None else split.labels[stack]
        means = train_steps(split.images[stack], labels, tf.constant(len(batches))).numpy()
        seconds = time.perf_counter() - started
        num_skipped = int(state.num_skipped.numpy())
        if num_skipped > config.max_skipped_steps:
            raise TrainingError(
                f"the loss or its gradient was not finite in {num_skipped} steps up to step {step + len(batches)}: "
                f"expected at most {config.max_skipped_steps} (--max_skipped_steps); train anew, or on from "
                "--load_weights, with a lower --learning_rate"
            )
        num_made, gradient_norm, loss, distortion, *rate_per_level = map(float, means)
        step += len(batches)
        yield Progress(
            step=step,
            epoch=step // plan.steps_per_epoch,
            is_epoch_end=step % plan.steps_per_epoch == 0,
            gradient_norm=gradient_norm,
            loss=loss,
            distortion=distortion,
            rate_per_level=tuple(rate_per_level),
            num_made=int(num_made),
            num_images=batches.size,
            images_per_second=batches.size / seconds,
        )
