"""Objectives: the losses that training minimises, each a function (Forward, Weights) -> a scalar in nats per image.

To add one, write a function here and an entry in `models.catalog.OBJECTIVES`.
"""

from math import log
from typing import Any, NamedTuple

import tensorflow as tf

from models.catalog import OBJECTIVES, code_of
from models.distributions import DiagonalGaussian
from models.noise import uniform

KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Weights(NamedTuple):
    """The weights of the terms of a loss. Those that change over training are tensors."""

    beta: float = 1.0  # a scalar, or for the ELBO a weight for each level, top level first
    free_nats: float = 0.0  # nats of KL (rate) of each level that cost nothing
    capacity: float = 0.0  # target of the KL (rate) of all levels together, nats
    num_samples: int = 1  # K, samples of z (rows of a Forward) for each image
    num_images: int = 1  # N, in the training set
    prior_seed: tuple[int, int] = (0, 0)
    permutation_seed: tuple[int, int] = (0, 0)
    discriminator: Any = None  # a Discriminator, where the objective trains one


def loss_of(objective, forward, weights):
    """The loss of the objective of this name, plus the mean penalty of the model: a scalar in nats per image."""
    loss = code_of(OBJECTIVES[objective].loss)(forward, weights)
    return loss + tf.reduce_mean(forward.penalty)


def estimator_of(objective):
    """A new estimator of the gradient of the objective of this name, for one pass."""
    return code_of(OBJECTIVES[objective].estimator)()


def elbo_loss(forward, weights):
    """The negative ELBO with beta and free nats: reconstruction loss plus weighted KL.

        mean distortion + sum over levels of beta * max(free_nats, mean rate)

    Means are over the batch. With beta = 1 and no free nats it is the negative ELBO. beta is a scalar, or a weight for
    each level. free_nats is the rate (KL) of each level that costs nothing.

    Reference: Higgins et al. (2017) for beta; Kingma et al. (2016), eq. 15, for free nats, with a level as a group.
    """
    rate = tf.maximum(tf.reduce_mean(forward.terms.rate, axis=0), weights.free_nats)
    return tf.reduce_mean(forward.terms.distortion) + tf.reduce_sum(weights.beta * rate)


def iwae_loss(forward, weights):
    """The negative importance-weighted bound, a mean over images.

        -log 1/K sum_k w_k,  w_k = p(x, z_k) / q(z_k|x)

    Reference: Burda et al. (2016), eq. 8.
    """
    log_w = tf.reshape(forward.log_weight, (-1, weights.num_samples))
    return log(weights.num_samples) - tf.reduce_mean(tf.reduce_logsumexp(log_w, axis=1))


def beta_tc_loss(forward, weights):
    """The loss of the beta-TCVAE; `decomposed_rate` gives its last three terms.

        mean distortion + mutual information + beta * total correlation + dimension-wise KL

    Reference: Chen, Li, Grosse & Duvenaud (2018), eq. 4, with alpha = gamma = 1.
    """
    information, total_correlation, dimension_wise = decomposed_rate(forward.latents[0], weights.num_images)
    distortion = forward.terms.distortion
    return tf.reduce_mean(distortion + information + weights.beta * total_correlation + dimension_wise)


def factor_vae_loss(forward, weights):
    """The loss of the FactorVAE, in which a discriminator D estimates the total correlation.

        mean distortion + mean rate + beta * mean D(z)

    `discriminator_loss` is added with its gradient alone, so one step trains both: D's weights are fixed in the terms
    above, and the codes in it.

    Reference: Kim & Mnih (2018), eq. 2 and algorithm 2, where beta is called gamma and D has an optimizer of its own.
    """
    (latent,), (distortion, rate) = forward.latents, forward.terms
    total_correlation = weights.discriminator(latent.z, is_fixed=True)
    loss = tf.reduce_mean(distortion + rate[:, 0] + weights.beta * total_correlation)
    return loss + gradient_alone(discriminator_loss(weights.discriminator, latent.z, weights.permutation_seed))


def discriminator_loss(discriminator, z, seed):
    """The cross-entropy by which a discriminator D learns to tell codes from codes of independent units.

        mean log(1 + exp(-D(z))) + mean log(1 + exp(D(z')))

    z is one half of the codes. z' is the other half, with each unit permuted over the images on its own: a sample of
    prod_j q(z_j).

    Args:
        discriminator: see Discriminator.
        z: codes [B, L], which get no gradient.
        seed: an int32 pair, for the permutations.

    Returns:
        A scalar, nats.

    Reference: Kim & Mnih (2018), algorithms 1 and 2, where the halves are two batches.
    """
    codes = tf.stop_gradient(z)
    half = tf.shape(codes)[0] // 2
    of_q, of_units = discriminator(codes[:half]), discriminator(permute_units(codes[half:], seed))
    return tf.reduce_mean(tf.nn.softplus(-of_q)) + tf.reduce_mean(tf.nn.softplus(of_units))


def permute_units(z, seed):
    """Codes [B, L] with each unit permuted over the images on its own, a function of the seed (an int32 pair)."""
    units = tf.transpose(z)
    order = tf.argsort(uniform(tf.shape(units), seed), axis=1)
    return tf.transpose(tf.gather(units, order, batch_dims=1))


def gradient_alone(loss):
    """A loss without its value: zero, with its gradient.

    Devices that share a step sum the gradients of what each computes from its own images. This one comes from the
    codes of all of them, so each device gives its share.
    """
    share = loss / tf.distribute.get_replica_context().num_replicas_in_sync
    return share - tf.stop_gradient(share)


def capacity_loss(forward, weights):
    """Reconstruction loss plus beta times the distance of the KL (rate) from a capacity.

        mean distortion + beta * |mean rate - capacity|

    The rate is summed over all levels. The capacity rises during training.

    Reference: Burgess et al. (2018), eq. 8, where beta is called gamma.
    """
    rate = tf.reduce_sum(tf.reduce_mean(forward.terms.rate, axis=0))
    return tf.reduce_mean(forward.terms.distortion) + weights.beta * tf.abs(rate - weights.capacity)


def mmd_loss(forward, weights):
    """Reconstruction loss plus beta times MMD^2: the Wasserstein autoencoder.

        mean distortion + beta * MMD^2(q(z), p(z))

    It holds the aggregate posterior to the prior, not each posterior.

    Reference: Tolstikhin, Bousquet, Gelly & Schoelkopf (2018), algorithm 2; the InfoVAE of Zhao, Song & Ermon (2019)
    with alpha = 1.
    """
    (latent,) = forward.latents
    distance = squared_mmd(latent.z, latent.prior.sample(weights.prior_seed))
    return tf.reduce_mean(forward.terms.distortion) + weights.beta * distance


def decomposed_rate(latent, num_images):
    """Split log q(z|x) - log p(z) at the samples into three parts that sum to it.

        index-code mutual information = log q(z|x) - log q(z)
        total correlation = log q(z) - sum_j log q(z_j)
        dimension-wise KL = sum_j (log q(z_j) - log p(z_j))

    The aggregate posterior of N images is q(z) = 1/N sum_n q(z|x_n). Its density, and that of each unit, is estimated
    from the batch with `stratified_log_weights`. The logarithm of an estimate lies below that of q(z) on average, less
    so in larger batches.

    Args:
        latent: a Latent of vectors [B, L], B at least 2. Its prior is the same for all images and has independent
            units.
        num_images: N, the size of the data set.

    Returns:
        The three parts in this order, nats [B] each.

    Reference: Chen, Li, Grosse & Duvenaud (2018), eq. 2.
    """
    z, posterior, prior = latent
    by_posterior = DiagonalGaussian(posterior.mean[tf.newaxis], posterior.log_var[tf.newaxis])
    pairs = by_posterior.unit_log_prob(z[:, tf.newaxis])  # [B samples, B posteriors, L]
    log_weights = stratified_log_weights(tf.shape(z)[0], num_images)
    log_q = tf.reduce_logsumexp(tf.reduce_sum(pairs, axis=-1) + log_weights, axis=1)
    log_q_of_units = tf.reduce_sum(tf.reduce_logsumexp(pairs + log_weights[..., tf.newaxis], axis=1), axis=-1)
    return posterior.log_prob(z) - log_q, log_q - log_q_of_units, log_q_of_units - prior.log_prob(z)


def stratified_log_weights(batch_size, num_images):
    """Logarithms of the weights of minibatch-stratified sampling: sum_c weight_bc q(z|x_c) estimates q(z) at z of x_b.

        weight_bc = 1/N for c = b,  (N - 1) / (N (B - 1)) for every other c

    An image is always in the batch that its own z is compared with, so its posterior has the weight that it has among
    all N. The others of the batch stand for the other N - 1. The mean over all batches that hold x_b is q(z): the
    estimate is unbiased. Chen et al. give one of the others another weight than the rest; this is the mean over whose
    turn it is, with as little bias and no more variance.

    Args:
        batch_size: B, at least 2; the images of a batch are drawn without replacement.
        num_images: N, at least B.

    Returns:
        [B samples, B posteriors].

    Reference: Chen, Li, Grosse & Duvenaud (2018), appendix C.2.
    """
    size, everything = tf.cast(batch_size, tf.float32), tf.cast(num_images, tf.float32)
    of_others = (everything - 1.0) / (everything * (size - 1.0))
    return tf.math.log(tf.where(tf.eye(batch_size, dtype=tf.bool), 1.0 / everything, of_others))


def squared_mmd(x, y):
    """The unbiased estimate of MMD^2 between the distributions of two samples.

        mean k(x, x') + mean k(y, y') - 2 mean k(x, y)
        k(a, b) = sum over s of C / (C + |a - b|^2),  C = 2 L s

    The means are over pairs; no element is paired with itself. The kernel is a sum of inverse multiquadratics, with
    scales s from 0.1 to 10. 2 L is the mean squared distance between two draws of N(0, I).

    Args:
        x: a sample [B, L].
        y: a sample [B, L].

    Returns:
        A scalar. MMD^2 is 0 where the two distributions are equal.

    Reference: Gretton et al. (2012), lemma 6; Tolstikhin et al. (2018) for the kernel.
    """

    def mean_kernel(a, b, num_pairs):
        squared_distance = tf.reduce_sum(tf.square(a[:, tf.newaxis] - b), axis=-1)
        widths = [2.0 * a.shape[1] * scale for scale in KERNEL_SCALES]
        total = tf.reduce_sum(tf.add_n([width / (width + squared_distance) for width in widths]))
        return (total - (size * size - num_pairs) * len(KERNEL_SCALES)) / num_pairs  # k(a, a) is 1 at every scale

    size = tf.cast(tf.shape(x)[0], tf.float32)
    others = size * (size - 1.0)
    return mean_kernel(x, x, others) + mean_kernel(y, y, others) - 2.0 * mean_kernel(x, y, size * size)
