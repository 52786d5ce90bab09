"""The evidence lower bound and its terms, in nats per image. Signs: the ELBO is a lower bound, higher is better."""

from typing import NamedTuple

import tensorflow as tf

from models.distributions import VAEOutput


class ElboTerms(NamedTuple):
    """elbo = -distortion - sum over levels of rate, for every image."""

    distortion: tf.Tensor  # [B], -log p(x|z): the reconstruction loss
    rate: tf.Tensor  # [B, levels], the KL of every level, top first

    @property
    def elbo(self):
        """A lower bound of log p(x): nats [B]. beta never enters it."""
        return -self.distortion - tf.reduce_sum(self.rate, axis=-1)


def elbo_terms(output, images):
    """E_q log p(x|z) - sum_l KL(q(z_l|x,z_>l) || p(z_l|z_>l)), term by term.

    Kingma & Welling (2014), eq. 10; for several levels Sonderby et al. (2016). The distortion is a one-sample
    estimate; the rate of a level is what its Latent says, in closed form where both distributions are Gaussian.

    Args:
        output: a VAEOutput.
        images: [B, H, W, C] in [0, 1].

    Returns:
        ElboTerms in nats per image, summed over pixels, channels and units.
    """
    rate = tf.stack([latent.rate for latent in output.latents], axis=-1)
    return ElboTerms(-output.likelihood.log_prob(images), rate)


def log_weight(output, images):
    """log w = log p(x|z) + log p(z) - log q(z|x) at the sampled z: nats [B].

    Its expectation is the ELBO, and logsumexp over K samples minus log K the importance-weighted bound of
    Burda et al. (2016), eq. 8. The analytic KL of `elbo_terms` must not stand in for it there.
    """
    return output.likelihood.log_prob(images) + tf.add_n([latent.log_ratio for latent in output.latents])


class Forward(NamedTuple):
    """One pass of a model over a batch: what every objective is a function of. K rows for each of B images."""

    images: tf.Tensor  # [B K, H, W, C]
    output: VAEOutput
    terms: ElboTerms


def forward(model, batch, seed, num_samples=1, training=False):
    """Infer, sample, generate: Batch of B images, K = num_samples -> Forward."""
    output = model(batch, seed, num_samples=num_samples, training=training)
    images = tf.repeat(batch.images, num_samples, axis=0)
    return Forward(images, output, elbo_terms(output, images))
