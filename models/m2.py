"""M2: a conditional VAE that learns from images with and without labels.

Reference: Kingma, Mohamed, Rezende & Welling (2014), "Semi-supervised Learning with Deep Generative Models".
"""

from math import log
from typing import Any, NamedTuple

import tensorflow as tf
from keras import layers

from models.cvae import CVAE
from models.distributions import Batch, Latent, repeat_rows
from models.estimators import USUAL
from models.networks import build_encoder


class M2(CVAE):
    """A CVAE whose label is latent, too: p(x, y, z) = p(y) p(z|y) p(x|y, z), with a classifier q(y|x).

    An image with a label has the bound L(x, y) of log p(x, y), one without the bound U(x) of log p(x):

        L(x, y) = log p(y) + E_q(z|x,y) [log p(x|y,z) + log p(z|y) - log q(z|x,y)]
        U(x)    = sum_y q(y|x) (L(x, y) - log q(y|x))

    Both are sums over all Y labels, with a weight of 1 for a known label. p(y) is uniform. The loss is the mean of -L
    and -U, where beta weighs the KL of label and codes together, plus `label_weight` times the mean cross-entropy of
    the classifier on images with labels. Where labels are given, as in evaluation, the model is a CVAE, and bounds
    log p(x|y).

    Reads from its config what the CVAE reads, and label_weight.

    Reference: Kingma, Mohamed, Rezende & Welling (2014), eq. 6, 7 and 9.
    """

    def __init__(self, config):
        super().__init__(config)
        self.label_weight, self.num_labels = config.label_weight, len(config.label_names)
        self.classifier = build_encoder(config)
        self.label_posterior = layers.Dense(self.num_labels, name="label_posterior")

    def log_label_posterior(self, images):
        """log q(y|x) of images [B, H, W, C]: nats [B, Y]."""
        return tf.nn.log_softmax(self.label_posterior(self.classifier(images)))

    def call(self, batch, seed=(0, 0), num_samples=1, training=False, estimator=USUAL):
        """One pass. In training it decodes an image with each label, and a row of zeros stands for no label.

        Args and errors are those of `LatentVariableModel.call`.
        """
        log_q = self.log_label_posterior(batch.images)
        share_known = tf.reduce_mean(tf.reduce_sum(batch.labels, axis=1))
        cross_entropy = -tf.reduce_sum(batch.labels * log_q, axis=1)
        penalty = self.label_weight * tf.math.divide_no_nan(cross_entropy, share_known)
        if not training:
            output = super().call(batch, seed, num_samples, training, estimator)
            return output._replace(penalty=tf.repeat(penalty, num_samples))
        is_unknown = 1.0 - tf.reduce_sum(batch.labels, axis=1, keepdims=True)
        posterior = batch.labels + is_unknown * tf.exp(log_q)
        label_rate = log(self.num_labels) + is_unknown[:, 0] * tf.reduce_sum(tf.exp(log_q) * log_q, axis=1)
        every_label = tf.tile(tf.eye(self.num_labels), (tf.shape(batch.images)[0], 1))
        # One sample and the usual estimator: it is trained with the ELBO alone.
        output = super().call(Batch(repeat_rows(batch.images, self.num_labels), every_label), seed, 1, training)
        return output._replace(
            likelihood=Expected(output.likelihood, posterior),
            latents=(LatentWithLabel(output.latents[0], posterior, label_rate),),
            penalty=penalty,
        )


class Expected(NamedTuple):
    """The likelihood of B images under each of Y labels, as an expectation over q(y|x)."""

    likelihood: Any  # of B Y rows; the Y rows of an image follow one another
    posterior: tf.Tensor  # q(y|x), [B, Y]

    def log_prob(self, images):
        """E_q(y|x) log p(x|y,z): nats [B]."""
        return expected(self.likelihood.log_prob(repeat_rows(images, self.posterior.shape[1])), self.posterior)


class LatentWithLabel(NamedTuple):
    """The codes of B images under each of Y labels, together with the label itself."""

    latent: Latent  # of B Y rows
    posterior: tf.Tensor  # q(y|x), [B, Y]; one for a known label
    label_rate: tf.Tensor  # KL(q(y|x) || p(y)), nats [B]

    @property
    def rate(self):
        """The rate (KL) of codes and label together: nats [B]."""
        return self.label_rate + expected(self.latent.rate, self.posterior)

    @property
    def log_ratio(self):
        """E_q(y|x) of log p(y, z) - log q(y, z|x): nats [B]."""
        return expected(self.latent.log_ratio, self.posterior) - self.label_rate


def expected(values, posterior):
    """The mean of values [B Y] over q(y|x) [B, Y]: [B]."""
    return tf.reduce_sum(posterior * tf.reshape(values, tf.shape(posterior)), axis=1)
