"""What changes during training, as functions of the step alone: beta, the capacity, the learning rate."""

from math import pi

import keras
import tensorflow as tf

from models.noise import Stream, noise_seed
from models.objectives import Weights


def weights_at(step, config, plan, discriminator=None):
    """The Weights of the loss at a step, with the discriminator of its TrainingState."""
    return Weights(
        beta=beta_at(step, config, plan.steps_per_epoch),
        free_nats=config.free_nats,
        capacity=capacity_at(step, config, plan.steps_per_epoch),
        num_samples=config.num_importance_samples,
        num_images=plan.num_images,
        prior_seed=noise_seed(config.seed, Stream.TRAIN_PRIOR, step),
        permutation_seed=noise_seed(config.seed, Stream.TRAIN_PERMUTATIONS, step),
        discriminator=discriminator,
    )


def beta_at(step, config, steps_per_epoch):
    """beta at a step: a scalar, or [levels] with --level_betas (the weight of each level's KL, top level first).

    Within the first beta_epochs beta rises from 0 to its value, linearly or as half a cosine. `cyclical` starts again
    every beta_epochs and rises in the first half of each cycle.

    Reference: Sonderby et al. (2016) for linear; Fu et al. (2019) for cyclical.
    """
    progress = tf.cast(step, tf.float32) / (config.beta_epochs * steps_per_epoch)
    ramps = {
        "constant": lambda: tf.ones(()),
        "linear": lambda: tf.minimum(progress, 1.0),
        "cosine": lambda: 0.5 - 0.5 * tf.cos(pi * tf.minimum(progress, 1.0)),
        "cyclical": lambda: tf.minimum(2.0 * (progress % 1.0), 1.0),
    }
    level_betas = tf.constant(config.level_betas[::-1], tf.float32) if config.level_betas else 1.0
    return config.beta * ramps[config.beta_schedule]() * level_betas


def capacity_at(step, config, steps_per_epoch):
    """The capacity at a step, the target of the KL in nats. It rises linearly from 0 (Burgess et al. 2018)."""
    progress = tf.cast(step, tf.float32) / (config.capacity_epochs * steps_per_epoch)
    return config.capacity * tf.minimum(progress, 1.0)


def num_samples_in(epoch, config):
    """K in an epoch, counted from 0. It may grow: 1, 2, 4 ... config.num_importance_samples.

    The stages are of equal length, to within an epoch. Few samples are cheap, and keep units in
    use while the network is far from its end.
    """
    most = config.num_importance_samples
    if not config.growing_samples:
        return most
    numbers = [*(2**power for power in range((most - 1).bit_length())), most]
    return numbers[epoch * len(numbers) // config.num_epochs]


def ema_decay_at(step, config):
    """The decay of the moving averages of weights. Early on they average over a twentieth of the steps so far."""
    step = tf.cast(step, tf.float32)
    return tf.minimum(config.ema, step / (20.0 + step))


def make_optimizer(config, num_steps):
    """The Keras optimizer of a run of `num_steps` steps."""
    learning_rate = config.learning_rate
    if config.learning_rate_schedule == "cosine":  # reaches 0 at the last step (Loshchilov & Hutter 2017)
        learning_rate = keras.optimizers.schedules.CosineDecay(learning_rate, num_steps)
    return keras.optimizers.get(
        {
            "class_name": config.optimizer,
            "config": {
                "learning_rate": learning_rate,
                "global_clipnorm": config.clip_norm or None,
                "weight_decay": config.weight_decay or None,  # decoupled, as in Loshchilov & Hutter (2019)
            },
        }
    )
