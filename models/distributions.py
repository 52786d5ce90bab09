"""The distributions of codes, and the records that carry them between functions.

Dimension key: B images in a batch, H x W pixels, C channels, L units of a latent, Y labels. Log densities and
divergences are in nats. They are summed over pixels, channels and units, never averaged.
"""

from math import log, pi, prod
from typing import Any, NamedTuple

import tensorflow as tf

from models.noise import standard_normal


class Batch(NamedTuple):
    """The input of a model."""

    images: tf.Tensor  # [B, H, W, C] float32 in [0, 1]
    labels: tf.Tensor | None = None  # [B, Y] float32, one-hot or multi-hot; None for a model without labels
    seen: tf.Tensor | None = None  # [B, H, W, C], what inference sees in training in place of the images

    def as_seen(self):
        """The Batch that inference sees."""
        return self if self.seen is None else Batch(self.seen, self.labels)

    def refuse_other_images(self):
        """Raise ValueError unless the images are float32 [B, H, W, C] in [0, 1]; a graph knows no values to look at."""
        images = tf.convert_to_tensor(self.images)
        is_float = images.dtype == tf.float32 and images.shape.rank == 4
        if is_float and (not tf.executing_eagerly() or tf.reduce_all((images >= 0.0) & (images <= 1.0))):
            return
        found = f"{images.dtype.name} {images.shape}"
        if tf.executing_eagerly() and tf.size(images) > 0:
            found += f" from {tf.reduce_min(images).numpy():g} to {tf.reduce_max(images).numpy():g}"
        raise ValueError(f"images {found}: expected float32 [B, H, W, C] from 0 to 1; make_batch makes them of uint8")


class DiagonalGaussian(NamedTuple):
    """N(z; mean, diag(exp(log_var)))."""

    mean: tf.Tensor  # [B, L]
    log_var: tf.Tensor  # [B, L]

    @classmethod
    def from_parameters(cls, parameters, log_var_bound):
        """The Gaussian that a network's output describes.

        Args:
            parameters: [B, 2 L], split into a mean and a log variance, [B, L] each.
            log_var_bound: the log variance stays within +- this bound.
        """
        mean, log_var = tf.split(parameters, 2, axis=-1)
        return cls(mean, log_var_bound * tf.tanh(log_var / log_var_bound))

    def shifted(self, parameters, log_var_bound):
        """The Gaussian that differs from this one by a network's output: the residual posterior of a prior.

            N(mean + change of mean, exp(log_var + change of log_var))

        A network that outputs 0 costs no rate (KL). For the prior N(0, I) the result is the posterior of a VAE.

        Args:
            parameters: [B, 2 L], the two changes.
            log_var_bound: the change of the log variance stays within +- this bound.

        Reference: Vahdat & Kautz (2020), eq. 2.
        """
        change = DiagonalGaussian.from_parameters(parameters, log_var_bound)
        return DiagonalGaussian(self.mean + change.mean, self.log_var + change.log_var)

    @classmethod
    def standard(cls, shape):
        """N(0, I) over `shape` = [B, L]."""
        return cls(tf.zeros(shape), tf.zeros(shape))

    @property
    def stddev(self):
        """The standard deviations exp(log_var / 2): [B, L]."""
        return tf.exp(0.5 * self.log_var)

    def sample(self, seed, temperature=1.0):
        """A reparameterised sample.

            z = mean + temperature * stddev * noise,  noise ~ N(0, I)

        Args:
            seed: an int32 pair, see `noise_seed`.
            temperature: factor on the standard deviations.

        Returns:
            z, [B, L].

        Reference: Kingma & Welling (2014).
        """
        noise = standard_normal(tf.shape(self.mean), seed)
        return self.mean + temperature * self.stddev * noise

    def log_prob(self, z):
        """log N(z; mean, diag(exp(log_var))), summed over units: nats [B]."""
        return sum_over_dims(self.unit_log_prob(z))

    def unit_log_prob(self, z):
        """log N(z_j; mean_j, exp(log_var_j)) of every unit: nats [B, L]."""
        squared_error = tf.square(z - self.mean) * tf.exp(-self.log_var)
        return -0.5 * (log(2.0 * pi) + self.log_var + squared_error)

    def kl_divergence(self, prior):
        """KL(self || prior) of every unit: nats [B, L].

            0.5 (log_var_p - log_var_q + (exp(log_var_q) + (mean_q - mean_p)^2) / exp(log_var_p) - 1)

        Here q is self and p the prior.

        Reference: Kingma & Welling (2014), appendix B, for the prior N(0, I).
        """
        log_ratio = self.log_var - prior.log_var
        squared_distance = tf.square(self.mean - prior.mean) * tf.exp(-prior.log_var)
        return 0.5 * (tf.math.expm1(log_ratio) - log_ratio + squared_distance)


class Latent(NamedTuple):
    """One level of a model on one batch: a sample of its codes, their posterior and their prior.

    A level whose prior or posterior is not Gaussian is a subclass that computes its own rate.
    """

    z: tf.Tensor  # [B, L], a sample of the posterior
    posterior: Any  # q(z_l | x, z_>l), such as a DiagonalGaussian
    prior: Any  # p(z_l | z_>l)

    @property
    def rate_per_unit(self):
        """The rate of every unit, KL(q(z_l|x,z_>l) || p(z_l|z_>l)), in closed form: nats [B, L]."""
        return self.posterior.kl_divergence(self.prior)

    @property
    def rate(self):
        """The rate (KL) of the level: nats [B]."""
        return sum_over_dims(self.rate_per_unit)

    @property
    def log_ratio(self):
        """log p(z_l|z_>l) - log q(z_l|x,z_>l) at the sample: nats [B]."""
        return self.prior.log_prob(self.z) - self.posterior.log_prob(self.z)

    @property
    def shift(self):
        """The distance of the posterior's mean from the prior's, in standard deviations of the prior: [B, L]."""
        return (self.posterior.mean - self.prior.mean) / self.prior.stddev


class VAEOutput(NamedTuple):
    """What every model returns: p(x|z) at the sampled z, and its levels, top level first."""

    likelihood: Any  # a density of models/likelihoods.py over [B, H, W, C]
    latents: tuple[Latent, ...]
    penalty: tf.Tensor | float = 0.0  # nats [B] added to every loss, such as that of a codebook; never evaluated


def repeat_rows(structure, times):
    """Repeat every row of each tensor in a nest `times` times. None, for images without labels, stays None."""
    return tf.nest.map_structure(lambda each: None if each is None else tf.repeat(each, times, axis=0), structure)


def sum_over_dims(terms):
    """Sum over all dimensions except the batch: [B, ...] -> [B].

    The sum is a product with ones, which all cores share. On a CPU, XLA joins a plain sum with the mean over the batch
    that follows, and a single core then makes both.
    """
    num_dims = prod(terms.shape[1:])
    return tf.linalg.matvec(tf.reshape(terms, (-1, num_dims)), tf.ones(num_dims, terms.dtype))
