"""The loss of held-out images. It decides which weights of a run are kept."""

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

# The noise of evaluation depends on its seed and the index of a batch. So the batch size depends on the image size
# alone: 500 images of 28x28, fewer of larger ones, but enough to keep a CPU busy.
PIXELS_PER_BATCH = 500 * 28 * 28
MIN_BATCH = 8


def evaluation_batch_size(image_shape):
    """The batch size of evaluation for images of shape (H, W, C)."""
    return max(MIN_BATCH, PIXELS_PER_BATCH // prod(image_shape))


class LossEvaluator:
    """The training loss on held-out images, with all schedules at their end and without free nats.

    For --objective elbo with beta 1 it is the negative ELBO. For iwae and dreg it is the negative importance-weighted
    bound with as many samples as in training, so its best epoch can differ from that of the ELBO. The program is
    compiled once.
    """

    def __init__(self, model, config, plan, discriminator=None):
        self._config = config
        settled = replace(config, beta_schedule="constant", free_nats=0.0)

        @compiled_for_any_batch
        def evaluate(images, labels, batch_seed):
            weights = weights_at(tf.constant(plan.num_steps), settled, plan, discriminator)
            weights = weights._replace(capacity=config.capacity)
            passed = forward(model, make_batch(images, labels), batch_seed, weights.num_samples)
            return loss_of(config.objective, passed, weights)

        self._evaluate = evaluate

    @np.errstate(invalid="ignore", over="ignore")  # the caller handles a model that diverged
    def __call__(self, split):
        """The mean loss over the images of a Split, nats per image.

        The loss of a batch is not always a mean over its images, so all batches are as equal in size as possible.

        Args:
            split: a Split, already binarised if the run binarises.
        """

        def loss_of_batch(index, images, labels):
            seed = noise_seed(self._config.seed, Stream.EVALUATION_POSTERIOR, index)
            return self._evaluate(images, labels, seed).numpy(), len(images)

        size = evaluation_batch_size(split.images.shape[1:]) // self._config.num_importance_samples
        rows = cut_evenly(len(split.images), max(1, size))
        losses, sizes = zip(*over_batches(loss_of_batch, (split.images, split.labels), rows), strict=True)
        return float(np.average(np.float64(losses), weights=sizes))
