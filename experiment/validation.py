"""The loss of held-out images: what decides which weights of a run are kept."""

from dataclasses import replace

import numpy as np
import tensorflow as tf

from experiment.evaluation.likelihood import MIN_BATCH, PIXELS_PER_BATCH
from experiment.preprocessing import make_batch
from experiment.training import weights_at
from models.distributions import Stream, noise_seed
from models.losses import loss_of
from models.objective import elbo_terms


class LossEvaluator:
    """The loss that a run descends, as it is when its schedules have ended, and without free nats; compiled once.

    For --objective elbo with beta 1 it is the negative ELBO, for iwae the negative bound of as many samples as in
    training: weights of another epoch than that of the best ELBO.
    """

    def __init__(self, model, config, plan):
        self._config = config
        settled = replace(config, beta_schedule="constant", free_nats=0.0)

        @tf.function(reduce_retracing=True)
        def evaluate(images, labels, batch_seed):
            weights = weights_at(tf.constant(plan.num_steps), settled, plan)._replace(capacity=config.capacity)
            batch = make_batch(images, labels)
            output = model(batch, batch_seed, num_samples=weights.num_samples)
            images = tf.repeat(batch.images, weights.num_samples, axis=0)
            return loss_of(config.objective, elbo_terms(output, images), output, images, weights)

        self._evaluate = evaluate

    @np.errstate(invalid="ignore", over="ignore")  # a model that diverged: the caller judges
    def __call__(self, images, labels):
        """The mean of uint8 images [N, H, W, C], binarised beforehand where they are to be: nats per image.

        The loss of a batch is not always a mean over its images, so batches are as alike in size as can be.
        """
        batch_size = max(MIN_BATCH, PIXELS_PER_BATCH // images[0].size) // self._config.num_importance_samples
        batches = np.array_split(np.arange(len(images)), -(-len(images) // max(1, batch_size)))
        losses = [
            self._evaluate(
                images[rows],
                None if labels is None else labels[rows],
                noise_seed(self._config.seed, Stream.EVALUATION_POSTERIOR, index),
            ).numpy()
            for index, rows in enumerate(batches)
        ]
        return float(np.average(np.float64(losses), weights=[len(rows) for rows in batches]))
