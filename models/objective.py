"""The evidence lower bound and its terms, in nats per image. Signs: the ELBO is a lower bound, higher is better."""

from typing import NamedTuple

import tensorflow as tf

from models.distributions import sum_over_dims


class ElboTerms(NamedTuple):
    """elbo = -distortion - sum over levels of rate, for every image."""

    distortion: tf.Tensor  # [B], -log p(x|z)
    rate: tf.Tensor  # [B, levels], KL of every level, top first

    @property
    def elbo(self):
        """A lower bound of log p(x): nats [B]. beta never enters it."""
        return -self.distortion - tf.reduce_sum(self.rate, axis=-1)


def elbo_terms(output, images):
    """E_q log p(x|z) - sum_l KL(q(z_l|x,z_>l) || p(z_l|z_>l)), term by term.

    Kingma & Welling (2014), eq. 10; for several levels Sonderby et al. (2016). The KL of a level is analytic given
    the levels above it, the distortion a one-sample estimate.

    Args: output, a VAEOutput; images [B, H, W, C] in [0, 1].
    Returns: ElboTerms in nats per image, summed over pixels, channels and units.
    """
    rate = [sum_over_dims(latent.posterior.kl_divergence(latent.prior)) for latent in output.latents]
    return ElboTerms(-output.likelihood.log_prob(images), tf.stack(rate, axis=-1))


def negative_elbo(terms, beta, free_nats=0.0):
    """mean distortion + sum over levels of beta * max(free_nats, mean rate): the loss, a scalar in nats.

    Means are over the batch. With beta = 1 and no free nats it is the negative ELBO.

    Args: beta, a scalar (Higgins et al. 2017) or the weight of each level, top first; free_nats, the rate that each
    level is given for nothing (Kingma et al. 2016, eq. 15, with a level as a group).
    """
    rate = tf.maximum(tf.reduce_mean(terms.rate, axis=0), free_nats)
    return tf.reduce_mean(terms.distortion) + tf.reduce_sum(beta * rate)


def log_weight(output, images):
    """log w = log p(x|z) + log p(z) - log q(z|x) at the sampled z: nats [B].

    Its expectation is the ELBO, and logsumexp over K samples minus log K the importance-weighted bound of
    Burda et al. (2016), eq. 8. The analytic KL of `elbo_terms` must not stand in for it there.
    """
    log_ratio = [latent.prior.log_prob(latent.z) - latent.posterior.log_prob(latent.z) for latent in output.latents]
    return output.likelihood.log_prob(images) + tf.add_n(log_ratio)
