"""The state of a run between two steps: what is saved, and restored to the same bits."""

from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from experiment.training.schedules import make_optimizer


class TrainingState:
    """The whole state of a run: weights, their moving averages, optimizer, steps made and skipped, lowest loss."""

    def __init__(self, model, config, num_steps):
        self.model = model
        self.optimizer = make_optimizer(config, num_steps)
        self.optimizer.build(model.trainable_variables)
        self.optimizer._all_reduce_sum_gradients = lambda pairs: pairs  # `train_step` sums them, then looks at the sum
        self.averages = [tf.Variable(weight) for weight in model.variables] if config.ema else []
        self.step = tf.Variable(0, dtype=tf.int64)
        self.num_skipped = tf.Variable(0, dtype=tf.int64)
        self.lowest_loss = tf.Variable(np.inf, dtype=tf.float32)  # of the validation images

    def variables(self):
        """All variables by name; numbered, because Keras's own names depend on what else the process has built."""
        lists = {"model": self.model.variables, "optimizer": self.optimizer.variables, "averages": self.averages}
        return {
            "step": self.step,
            "num_skipped": self.num_skipped,
            "lowest_loss": self.lowest_loss,
            **{f"{name}/{index}": each for name, variables in lists.items() for index, each in enumerate(variables)},
        }

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
