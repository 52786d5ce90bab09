"""What the codes of a data set hold: active units, information, and what a linear probe reads from them."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiment.preprocessing import make_batch
from models.distributions import Stream, noise_seed

ACTIVE_VARIANCE = 0.01
IMAGES_AT_ONCE = 200
PROBE_IMAGES = 10_000


class ShiftVariances:
    """Var_x((E_q[z] - E_p[z]) / stddev_p) of every unit of a level: how far an image moves the posterior off the prior.

    With the prior N(0, I) it is the Var_x(E_q[z]) of Burda et al. (2016), section 5.2, who call a unit active where it
    exceeds 0.01. At a level with a learned prior, E_q[z] varies with the levels above even if the level itself says
    nothing, so it is measured from the prior. Added up batch by batch, in a memory that does not grow.
    """

    def __init__(self):
        self._num_images, self._sums, self._squares = 0, 0.0, 0.0

    def add(self, shifts):
        """Standardised shifts [B, ...] of the posterior means of a batch."""
        shifts = np.reshape(shifts, (len(shifts), -1)).astype(np.float64)
        self._num_images += len(shifts)
        self._sums += shifts.sum(axis=0)
        self._squares += np.square(shifts).sum(axis=0)

    @property
    def is_active(self):
        """Whether each unit is active."""
        means = self._sums / self._num_images
        return self._squares / self._num_images - means**2 > ACTIVE_VARIANCE

    @property
    def active(self):
        """How many units are active."""
        return int(np.sum(self.is_active))


def encode_split(model, split):
    """Codes of a Split, all levels side by side, top level first: [N, units]."""

    @tf.function(reduce_retracing=True)
    def encode(images, labels):
        codes = model.encode(make_batch(images, labels))
        return tf.concat([tf.reshape(each, (len(images), -1)) for each in codes], axis=1)

    def of(start):
        rows = slice(start, start + IMAGES_AT_ONCE)
        return encode(split.images[rows], None if split.labels is None else split.labels[rows]).numpy()

    return np.concatenate([of(start) for start in range(0, len(split.images), IMAGES_AT_ONCE)])


def unit_statistics(model, split, seed):
    """The mean rate of each unit over a Split, nats [units], and whether it is active; all levels, top first.

    Rates are at samples of the levels above, as in the ELBO; activity is at their means, as in `ShiftVariances`.
    """

    @tf.function(reduce_retracing=True)
    def infer(images, labels, batch_seed):
        batch = make_batch(images, labels)
        features = model.bottom_up(batch)
        sampled = model.infer(features, batch.labels, batch_seed).latents
        rates = [each.posterior.kl_divergence(each.prior) for each in sampled]
        means = model.infer(features, batch.labels, batch_seed, temperature=0.0).latents
        shifts = [(each.posterior.mean - each.prior.mean) / each.prior.stddev for each in means]
        return [tf.concat([tf.reshape(each, (len(images), -1)) for each in level], axis=1) for level in (rates, shifts)]

    rates, variances = [], ShiftVariances()
    for index, start in enumerate(range(0, len(split.images), IMAGES_AT_ONCE)):
        rows = slice(start, start + IMAGES_AT_ONCE)
        labels = None if split.labels is None else split.labels[rows]
        rate, shifts = infer(split.images[rows], labels, noise_seed(seed, Stream.EVALUATION_POSTERIOR, index))
        rates.append(rate)
        variances.add(shifts)
    return np.concatenate(rates).mean(axis=0), variances.is_active


def top_posteriors(model, split):
    """Mean and log variance of the top level's posterior for each image of a Split: [N, units] each."""

    @tf.function(reduce_retracing=True)
    def infer(images, labels):
        batch = make_batch(images, labels)
        posterior = model.infer(model.bottom_up(batch), batch.labels, (0, 0), 0.0).latents[0].posterior
        return [tf.reshape(each, (len(images), -1)) for each in (posterior.mean, posterior.log_var)]

    def of(start):
        rows = slice(start, start + IMAGES_AT_ONCE)
        return infer(split.images[rows], None if split.labels is None else split.labels[rows])

    pairs = [of(start) for start in range(0, len(split.images), IMAGES_AT_ONCE)]
    return tuple(np.concatenate(each).astype(np.float64) for each in zip(*pairs, strict=True))


class Information(NamedTuple):
    """E_x KL(q(z|x) || p(z)) = mutual_information + marginal_kl, for p(z) = N(0, I): nats."""

    mutual_information: float  # I_q(x; z) of an image drawn from the N, at most log N
    marginal_kl: float  # KL(q(z) || p(z)), q(z) = 1/N sum_n q(z|x_n)


def information(mean, log_var, seed):
    """How much of the rate tells images apart, and how much is the aggregate posterior's distance from the prior.

    I_q(x; z) = E log q(z|x) - log q(z), one sample for each image, and the whole mixture of N posteriors for q(z).
    Hoffman & Johnson (2016), eq. 7.

    Args: mean and log_var of the posteriors, [N, L].
    """
    z = mean + np.exp(0.5 * log_var) * np.random.default_rng(seed).standard_normal(mean.shape)
    precision = np.exp(-log_var)
    constant = -0.5 * np.sum(np.log(2 * np.pi) + log_var + mean**2 * precision, axis=1)
    log_q = np.empty(len(z))
    for start in range(0, len(z), IMAGES_AT_ONCE):
        rows = slice(start, start + IMAGES_AT_ONCE)
        # sum_j (z_j - m_j)^2 / v_j, expanded into two products of matrices
        log_q_each = constant - 0.5 * (z[rows] ** 2) @ precision.T + z[rows] @ (mean * precision).T
        log_q[rows] = logsumexp(log_q_each, axis=1) - np.log(len(mean))
    log_q_own = -0.5 * np.sum(np.log(2 * np.pi) + log_var + (z - mean) ** 2 * precision, axis=1)
    mutual_information = np.mean(log_q_own - log_q)
    rate = 0.5 * np.mean(np.sum(np.exp(log_var) + mean**2 - 1.0 - log_var, axis=1))
    return Information(float(mutual_information), float(rate - mutual_information))


def linear_probe_accuracy(train_codes, train_classes, test_codes, test_classes):
    """The accuracy on test images of a logistic regression from codes [N, units] to classes [N]."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(probe.fit(train_codes, train_classes).score(test_codes, test_classes))
