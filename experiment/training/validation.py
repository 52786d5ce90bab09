"""The loss of held-out images: what decides which weights of a run are kept."""

from dataclasses import replace
from math import prod

import numpy as np
import tensorflow as tf

from data_utils import cut_evenly, over_batches
from experiment.training.execution import compiled_for_any_batch
from experiment.training.preprocessing import make_batch
from experiment.training.schedules import weights_at
from models.bounds import forward
from models.noise import Stream, noise_seed
from models.objectives import loss_of

# The noise of evaluation is a function of its seed and the position of a batch, so the size of a batch is settled by
# the size of an image alone: 500 images of 28x28, fewer of larger ones, but not so few that a CPU waits for each.
PIXELS_PER_BATCH = 500 * 28 * 28
MIN_BATCH = 8


def evaluation_batch_size(image_shape):
    """Images of a shape (H, W, C) that evaluation takes at once."""
    return max(MIN_BATCH, PIXELS_PER_BATCH // prod(image_shape))


class LossEvaluator:
    """The loss that a run minimises, as it is when its schedules have ended, and without free nats; compiled once.

    For --objective elbo with beta 1 it is the negative ELBO, for iwae the negative bound of as many samples as in
    training: weights of another epoch than that of the best ELBO.
    """

    def __init__(self, model, config, plan):
        self._config = config
        settled = replace(config, beta_schedule="constant", free_nats=0.0)

        @compiled_for_any_batch
        def evaluate(images, labels, batch_seed):
            weights = weights_at(tf.constant(plan.num_steps), settled, plan)._replace(capacity=config.capacity)
            passed = forward(model, make_batch(images, labels), batch_seed, weights.num_samples)
            return loss_of(config.objective, passed, weights)

        self._evaluate = evaluate

    @np.errstate(invalid="ignore", over="ignore")  # a model that diverged: the caller judges
    def __call__(self, split):
        """The mean over the images of a Split, binarised beforehand where they are to be: nats per image.

        The loss of a batch is not always a mean over its images, so batches are as alike in size as can be.
        """

        def loss_of_batch(index, images, labels):
            seed = noise_seed(self._config.seed, Stream.EVALUATION_POSTERIOR, index)
            return self._evaluate(images, labels, seed).numpy(), len(images)

        size = evaluation_batch_size(split.images.shape[1:]) // self._config.num_importance_samples
        rows = cut_evenly(len(split.images), max(1, size))
        losses, sizes = zip(*over_batches(loss_of_batch, (split.images, split.labels), rows), strict=True)
        return float(np.average(np.float64(losses), weights=sizes))
