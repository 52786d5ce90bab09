"""The evidence lower bound (ELBO) and its terms, in nats per image. The ELBO is a lower bound: higher is better."""

from typing import NamedTuple

import tensorflow as tf

from models.distributions import Latent
from models.estimators import USUAL


class ElboTerms(NamedTuple):
    """The terms of the ELBO of every image: elbo = -distortion - sum over levels of rate."""

    distortion: tf.Tensor  # nats [B], the reconstruction loss -log p(x|z)
    rate: tf.Tensor  # nats [B, levels], the KL of every level, top level first

    @property
    def elbo(self):
        """A lower bound of log p(x): nats [B]. beta never enters it."""
        return -self.distortion - tf.reduce_sum(self.rate, axis=-1)


def elbo_terms(output, images):
    """The terms of the ELBO: distortion (reconstruction loss) and rate (KL).

        elbo = E_q log p(x|z) - sum_l KL(q(z_l|x,z_>l) || p(z_l|z_>l))

    The distortion is a one-sample estimate. The rate comes from the Latent of each level, in closed form where both
    distributions are Gaussian.

    Args:
        output: a VAEOutput.
        images: [B, H, W, C] in [0, 1].

    Returns:
        ElboTerms in nats per image, summed over pixels, channels and units.

    Reference: Kingma & Welling (2014), eq. 10; for several levels Sonderby et al. (2016).
    """
    rate = tf.stack([latent.rate for latent in output.latents], axis=-1)
    return ElboTerms(-output.likelihood.log_prob(images), rate)


def log_weight(output, images):
    """The log importance weight at the sampled z.

        log w = log p(x|z) + log p(z) - log q(z|x)

    Its expectation is the ELBO. logsumexp over K samples minus log K is the importance-weighted bound. That bound must
    not use the analytic KL of `elbo_terms`.

    Args:
        output: a VAEOutput.
        images: [B, H, W, C] in [0, 1].

    Returns:
        nats [B].

    Reference: Burda et al. (2016), eq. 8.
    """
    return output.likelihood.log_prob(images) + _log_ratio(output)


def _log_ratio(output):
    return tf.add_n([latent.log_ratio for latent in output.latents])


class Forward(NamedTuple):
    """One pass of a model over B images with K samples of z each: the input of every objective."""

    terms: ElboTerms  # nats [B K] and [B K, levels]
    log_ratio: tf.Tensor  # log p(z) - log q(z|x) at the samples of all levels, nats [B K]
    penalty: tf.Tensor | float  # nats [B K], see VAEOutput
    latents: tuple[Latent, ...]  # [B K, ...], top level first

    @property
    def log_weight(self):
        """The log importance weights, see `log_weight`: nats [B K]."""
        return self.log_ratio - self.terms.distortion


def forward(model, batch, seed, num_samples=1, training=False, estimator=USUAL):
    """Run a model on a batch and compute the terms of its ELBO.

    Where inference sees noise in the images, q(z|x) is a mixture over the noise. The entropy of a mixture is at least
    the mean entropy of its parts, so these terms, of one draw of the noise, are a lower bound of its ELBO.

    Args:
        model: a LatentVariableModel.
        batch: a Batch of B images.
        seed: an int32 pair.
        num_samples: K, samples of z for each image.
        training: whether normalisation uses the statistics of the batch.
        estimator: how the gradient reaches the posteriors, see models/estimators.py.

    Returns:
        A Forward of B K rows.

    Reference: Im, Ahn, Memisevic & Bengio (2017), for noise in what inference sees.
    """
    output = model(batch.as_seen(), seed, num_samples=num_samples, training=training, estimator=estimator)
    images = tf.repeat(batch.images, num_samples, axis=0)
    passed = Forward(elbo_terms(output, images), _log_ratio(output), output.penalty, output.latents)
    estimator.weigh(passed.log_weight, num_samples)
    return passed
