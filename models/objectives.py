"""Objectives: the losses that training minimises, each a function (Forward, Weights) -> a scalar in nats per image.

A new one is a function here and an entry in `models.catalog.OBJECTIVES`.
"""

from math import log
from typing import NamedTuple

import tensorflow as tf

from models.bounds import log_weight
from models.catalog import OBJECTIVES, code_of
from models.distributions import DiagonalGaussian

KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Weights(NamedTuple):
    """What an objective weighs its terms with; those that change over training are tensors."""

    beta: float = 1.0  # a scalar, or for the ELBO the weight of each level, top first
    free_nats: float = 0.0  # of each level
    capacity: float = 0.0  # nats
    num_samples: int = 1  # K, rows of a Forward for each image
    num_images: int = 1  # of the training set
    prior_seed: tuple[int, int] = (0, 0)


def loss_of(objective, forward, weights):
    """What a step of training minimises: the loss of an objective's name, and the penalty of the model itself."""
    loss = code_of(OBJECTIVES[objective].loss)(forward, weights)
    return loss + tf.reduce_mean(forward.output.penalty)


def elbo_loss(forward, weights):
    """mean distortion + sum over levels of beta * max(free_nats, mean rate).

    Means are over the batch. With beta = 1 and no free nats it is the negative ELBO. beta is a scalar (Higgins et al.
    2017) or the weight of each level; free_nats is the rate that each level is given for nothing (Kingma et al. 2016,
    eq. 15, with a level as a group).
    """
    rate = tf.maximum(tf.reduce_mean(forward.terms.rate, axis=0), weights.free_nats)
    return tf.reduce_mean(forward.terms.distortion) + tf.reduce_sum(weights.beta * rate)


def iwae_loss(forward, weights):
    """-log 1/K sum_k w_k, w_k = p(x, z_k) / q(z_k|x), a mean over images. Burda et al. (2016), eq. 8."""
    log_w = tf.reshape(log_weight(forward.output, forward.images), (-1, weights.num_samples))
    return log(weights.num_samples) - tf.reduce_mean(tf.reduce_logsumexp(log_w, axis=1))


def beta_tc_loss(forward, weights):
    """mean distortion + mutual information + beta * total correlation + dimension-wise KL: the beta-TCVAE.

    Chen, Li, Grosse & Duvenaud (2018), eq. 4, with alpha = gamma = 1; see `decomposed_rate`.
    """
    information, total_correlation, dimension_wise = decomposed_rate(forward.output.latents[0], weights.num_images)
    distortion = forward.terms.distortion
    return tf.reduce_mean(distortion + information + weights.beta * total_correlation + dimension_wise)


def capacity_loss(forward, weights):
    """mean distortion + beta * |mean rate - capacity|, with the rate of all levels together.

    Burgess et al. (2018), eq. 8, where beta is gamma; the capacity rises during training.
    """
    rate = tf.reduce_sum(tf.reduce_mean(forward.terms.rate, axis=0))
    return tf.reduce_mean(forward.terms.distortion) + weights.beta * tf.abs(rate - weights.capacity)


def mmd_loss(forward, weights):
    """mean distortion + beta * MMD^2(q(z), p(z)): the aggregate posterior is held to the prior, not each posterior.

    The Wasserstein autoencoder of Tolstikhin, Bousquet, Gelly & Schoelkopf (2018), algorithm 2; the InfoVAE of Zhao,
    Song & Ermon (2019) with alpha = 1.
    """
    (latent,) = forward.output.latents
    distance = squared_mmd(latent.z, latent.prior.sample(weights.prior_seed))
    return tf.reduce_mean(forward.terms.distortion) + weights.beta * distance


def decomposed_rate(latent, num_images):
    """log q(z|x) - log p(z) at the samples, in three parts that sum to it: nats [B] each.

    Index-code mutual information log q(z|x) - log q(z), total correlation log q(z) - sum_j log q(z_j), and
    dimension-wise KL sum_j (log q(z_j) - log p(z_j)). The aggregate posterior q(z) = 1/N sum_n q(z|x_n) of a data set
    of N = num_images is estimated from the batch by minibatch-weighted sampling, 1/(NB) sum_b q(z|x_b). Chen, Li,
    Grosse & Duvenaud (2018), eq. 2 and 5.

    Args: latent, a Latent of vectors [B, L] whose prior is the same for all images, with independent units.
    """
    z, posterior, prior = latent
    by_posterior = DiagonalGaussian(posterior.mean[tf.newaxis], posterior.log_var[tf.newaxis])
    pairs = by_posterior.unit_log_prob(z[:, tf.newaxis])  # [B samples, B posteriors, L]
    log_count = tf.math.log(float(num_images)) + tf.math.log(tf.cast(tf.shape(z)[0], tf.float32))
    log_q = tf.reduce_logsumexp(tf.reduce_sum(pairs, axis=-1), axis=1) - log_count
    log_q_of_units = tf.reduce_sum(tf.reduce_logsumexp(pairs, axis=1) - log_count, axis=-1)
    return posterior.log_prob(z) - log_q, log_q - log_q_of_units, log_q_of_units - prior.log_prob(z)


def squared_mmd(x, y):
    """The unbiased estimate of MMD^2 between the distributions of two samples [B, L]: a scalar, 0 where they are one.

    Means over pairs, none of an element with itself, of k(x, x') + k(y, y') - 2 k(x, y) (Gretton et al. 2012, lemma 6).
    The kernel is a sum of inverse multiquadratics C / (C + |a - b|^2), C = 2 L s for scales s from 0.1 to 10: 2 L is
    the mean squared distance of two draws of N(0, I) (Tolstikhin et al. 2018).
    """

    def mean_kernel(a, b, num_pairs):
        squared_distance = tf.reduce_sum(tf.square(a[:, tf.newaxis] - b), axis=-1)
        widths = [2.0 * a.shape[1] * scale for scale in KERNEL_SCALES]
        total = tf.reduce_sum(tf.add_n([width / (width + squared_distance) for width in widths]))
        return (total - (size * size - num_pairs) * len(KERNEL_SCALES)) / num_pairs  # k(a, a) is 1 at every scale

    size = tf.cast(tf.shape(x)[0], tf.float32)
    others = size * (size - 1.0)
    return mean_kernel(x, x, others) + mean_kernel(y, y, others) - 2.0 * mean_kernel(x, y, size * size)
