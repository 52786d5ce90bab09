"""The training step."""

from math import log
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from experiment.training.devices import of_all_devices, summed_over_devices
from experiment.training.schedules import ema_decay_at
from experiment.training.state import assign
from models.bounds import forward
from models.noise import share_of_noise
from models.objectives import estimator_of, loss_of
from models.precision import trunks_in

SMALLEST = np.finfo(np.float32).tiny  # the logarithm of a norm of 0 would stay in the mean for ever


class StepMetrics(NamedTuple):
    """The numbers of one step: means over its batch, in nats per image."""

    gradient_norm: tf.Tensor
    loss: tf.Tensor  # with beta and free nats
    distortion: tf.Tensor  # the reconstruction loss, without beta
    rate_per_level: tf.Tensor  # [levels], the KL, without beta; top level first


def train_step(state, batch, seed, config, weights):
    """One step of gradient descent on the objective. A loss or gradient that is not finite skips it.

    Args:
        state: a TrainingState, which the step updates.
        batch: a Batch of B images; where several devices share the step, its part for each.
        seed: an int32 pair, for the noise of the posterior.
        config: a Config.
        weights: the Weights of the loss at this step.

    Returns:
        StepMetrics, and whether the step was made (not skipped).
    """
    strategy = tf.distribute.get_strategy()
    statistics = copy_statistics(state.model)
    gradients, metrics = strategy.run(differentiate, (state, batch, seed, config, weights))
    metrics = tf.nest.map_structure(lambda each: strategy.experimental_local_results(each)[0], metrics)  # all are equal
    is_finite = tf.math.is_finite(metrics.loss) & tf.math.is_finite(metrics.gradient_norm)
    is_usual = has_usual_norm(metrics.gradient_norm, is_finite, state, config)
    apply_if(is_finite & is_usual, is_finite, state, gradients, config, statistics)
    return metrics, is_finite & is_usual


def differentiate(state, batch, seed, config, weights):
    """The gradients of the loss of the whole batch, and its StepMetrics; each device works on its own images."""
    with tf.GradientTape() as tape:
        with trunks_in(state.precision):
            passed = forward(
                state.model,
                batch,
                share_of_noise(seed),
                weights.num_samples,
                training=True,
                estimator=estimator_of(config.objective),
            )
        passed = of_all_devices(passed, config.objective)
        loss = loss_of(config.objective, passed, weights)
        scaled_loss = state.optimizer.scale_loss(loss)
    gradients = summed_over_devices(tape.gradient(scaled_loss, state.trainable_variables))
    gradient_norm = tf.linalg.global_norm(gradients) / state.loss_scale
    distortion, rate = passed.terms
    return gradients, StepMetrics(gradient_norm, loss, tf.reduce_mean(distortion), tf.reduce_mean(rate, axis=0))


def copy_statistics(model):
    """A copy of the running statistics of normalisation, which a training pass changes."""
    return [tf.identity(each) for each in model.non_trainable_variables]


def has_usual_norm(norm, is_finite, state, config):
    """Whether the norm of a gradient is at most config.skip_above times its running geometric mean; 0 is no limit.

    The first hundred steps all count as usual. A skipped step moves the mean, too, so norms that stay large become
    usual: at exp(G) times the mean within 100 log(G / log(skip_above)) steps. A fixed limit can skip all steps.

    Reference: Child (2021), section 3.2, where the limit is fixed.
    """
    if not config.skip_above:
        return tf.constant(True)
    distance = tf.math.log(tf.maximum(norm, SMALLEST)) - state.mean_log_norm
    share = tf.maximum(0.01, 1.0 / tf.cast(state.step + 1, tf.float32))
    state.mean_log_norm.assign_add(tf.where(is_finite, share * distance, 0.0))
    return (distance <= log(config.skip_above)) | (state.step < 100)


def apply_if(is_made, is_finite, state, gradients, config, statistics):
    """Apply the gradients, or restore the running statistics: one gradient of NaN would make every weight NaN.

    Only gradients that are not finite count as skipped steps, of which a run allows a number.
    """

    def descend():
        tf.distribute.get_strategy().run(state.optimizer.apply, (gradients, state.trainable_variables))
        average_weights(state, config)
        return tf.constant(0, tf.int64)

    def skip():
        assign(state.model.non_trainable_variables, statistics)
        return tf.cond(is_finite, lambda: tf.constant(0, tf.int64), state.lower_loss_scale)

    state.num_skipped.assign_add(tf.cond(is_made, descend, skip))
    state.step.assign_add(1)


def average_weights(state, config):
    """Move the averages towards the weights by 1 - decay of the distance, if the run keeps averages."""
    share = 1.0 - ema_decay_at(state.step, config)
    for average, variable in zip(state.averages, state.model.variables[: len(state.averages)], strict=True):
        average.assign_sub(share * (average - variable))
