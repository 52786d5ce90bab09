"""The state of a run between two steps: what is saved, and restored to the same bits."""

from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from experiment.training.execution import precision_of
from experiment.training.schedules import make_optimizer
from models.build import build_discriminator


class TrainingState:
    """The whole state of a run: weights, their moving averages, optimizer, steps made and skipped, lowest loss.

    Where the objective needs a discriminator, it is part of the state, not of the model.
    """

    def __init__(self, model, config, num_steps):
        self.model = model
        self.precision = precision_of(config)
        self.optimizer = make_optimizer(config, num_steps)
        if self.precision == "mixed_float16":  # without a factor on the loss, small gradients are 0 in float16
            self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer)
        self.discriminator = build_discriminator(config)
        self.optimizer.build(self.trainable_variables)
        self.optimizer._all_reduce_sum_gradients = lambda pairs: pairs  # `train_step` sums them, then looks at the sum
        self.averages = [tf.Variable(weight) for weight in model.variables] if config.ema else []
        self.step = tf.Variable(0, dtype=tf.int64)
        self.num_skipped = tf.Variable(0, dtype=tf.int64)
        # The running mean of the logarithm of the gradient's norm, where the run skips unusual ones.
        self.mean_log_norm = tf.Variable(0.0) if config.skip_above else None
        self.lowest_loss = tf.Variable(np.inf, dtype=tf.float32)  # of the validation images

    def variables(self):
        """All variables by name; numbered, because Keras's own names depend on what else the process has built."""
        lists = {
            "model": self.model.variables,
            "discriminator": self.discriminator.variables if self.discriminator else [],
            "optimizer": self.optimizer.variables,
            "averages": self.averages,
        }
        return {
            "step": self.step,
            "num_skipped": self.num_skipped,
            "lowest_loss": self.lowest_loss,
            **({} if self.mean_log_norm is None else {"mean_log_norm": self.mean_log_norm}),
            **{f"{name}/{index}": each for name, variables in lists.items() for index, each in enumerate(variables)},
        }

    @property
    def trainable_variables(self):
        """What the optimizer updates: the weights of the model, then those of the discriminator."""
        of_discriminator = self.discriminator.trainable_variables if self.discriminator else []
        return [*self.model.trainable_variables, *of_discriminator]

    @property
    def loss_scale(self):
        """The factor on the loss whose gradients are taken: a scalar tensor, or 1."""
        is_scaled = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
        return self.optimizer.dynamic_scale.value if is_scaled else 1.0

    def lower_loss_scale(self):
        """Halve the loss scale, down to 1, after a gradient that is not finite.

        Returns:
            How many steps count as skipped: 1, but 0 where it was the scale that made the gradient overflow.
        """
        scale = self.loss_scale
        if not tf.is_tensor(scale):
            return tf.constant(1, tf.int64)
        is_at_fault = scale > 1.0
        self.optimizer.dynamic_scale.assign(tf.maximum(0.5 * scale, 1.0))
        self.optimizer.step_counter.assign(0)
        return tf.where(is_at_fault, tf.constant(0, tf.int64), tf.constant(1, tf.int64))

    @contextmanager
    def averaged(self):
        """Within the block, the model has the moving averages of its weights, if the run keeps them."""
        weights = self.model.variables[: len(self.averages)]
        of_training = [weight.numpy() for weight in weights]
        assign(weights, self.averages)
        try:
            yield
        finally:
            assign(weights, of_training)


def assign(variables, values):
    """Assign values to variables, pair by pair."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
