"""One inference pass over a split, from which all measures are computed: bounds, units and codes."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data_utils import cut, over_batches
from experiment.training.execution import compiled_for_any_batch
from experiment.training.preprocessing import make_batch
from experiment.training.validation import evaluation_batch_size
from models.bounds import ElboTerms, elbo_terms
from models.noise import Stream, noise_seed

ACTIVE_VARIANCE = 0.01


class Inferred(NamedTuple):
    """What a model infers from the images of a Split. Units are counted through all levels, top level first."""

    distortion: np.ndarray  # nats [N], float64: the reconstruction loss
    rate: np.ndarray  # nats [N, levels], float64: the KL of each level
    rate_per_unit: np.ndarray  # nats [units], means over images
    is_active: np.ndarray  # [units], see `ShiftVariances`
    codes: np.ndarray  # [num_codes, units], posterior means, given the means of the levels above
    top_posterior: tuple[np.ndarray, np.ndarray]  # mean and log variance of the top level, [num_codes, units] each

    @property
    def elbo(self):
        """The ELBO of every image, nats [N]."""
        return ElboTerms(self.distortion, self.rate).elbo.numpy()

    @property
    def num_images(self):
        return len(self.distortion)


class InferredBatch(NamedTuple):
    """What a model infers from the B images of a batch: float32 arrays."""

    terms: ElboTerms  # nats [B] and [B, levels]
    rate_per_unit: np.ndarray  # nats [units], a sum over images
    shift: np.ndarray  # [B, units], of posterior means from prior means, see `Latent.shift`
    codes: np.ndarray  # [B, units], posterior means
    top_posterior: tuple[np.ndarray, np.ndarray]  # mean and log variance of the top level


class Inference:
    """The inference pass of one model. Its program is compiled once, and used after every epoch and at the end.

    The ELBO and its rates use samples of the codes. Codes, and whether a unit is active, use posterior means.
    """

    def __init__(self, model, seed):
        self.model, self._seed = model, seed

        @compiled_for_any_batch
        def infer(images, labels, batch_seed):
            batch = make_batch(images, labels)
            features = model.bottom_up(batch)
            means = model.infer(features, batch.labels, batch_seed, temperature=0.0).latents
            output = model.infer(features, batch.labels, batch_seed)
            top = means[0].posterior
            return InferredBatch(
                elbo_terms(output, batch.images),
                tf.reduce_sum(flat(latent.rate_per_unit for latent in output.latents), axis=0),
                flat(latent.shift for latent in means),
                flat(latent.z for latent in means),
                (flat([top.mean]), flat([top.log_var])),
            )

        self._infer = infer

    def batches(self, split):
        """The InferredBatch of each batch of a Split, one after the other: memory does not grow with its images."""

        def of_batch(index, images, labels):
            inferred = self._infer(images, labels, noise_seed(self._seed, Stream.EVALUATION_POSTERIOR, index))
            return tf.nest.map_structure(lambda each: each.numpy(), inferred)

        rows = cut(len(split.images), evaluation_batch_size(split.images.shape[1:]))
        return over_batches(of_batch, (split.images, split.labels), rows)

    @np.errstate(invalid="ignore", over="ignore")  # the caller handles a model that diverged
    def __call__(self, split, num_codes=0):
        """Run the pass over a Split.

        Args:
            split: a Split of uint8 images, already binarised if the run binarises.
            num_codes: keep the codes of this many images, from the first on; the others take no memory.

        Returns:
            Inferred.
        """
        terms, codes, posteriors, rates, shifts = [], [], [], 0.0, ShiftVariances()
        wanted = num_codes
        for batch in self.batches(split):
            terms.append(batch.terms)
            rates = rates + batch.rate_per_unit.astype(np.float64)
            shifts.add(batch.shift)
            codes.append(batch.codes[:wanted])
            posteriors.append([values[:wanted] for values in batch.top_posterior])
            wanted = max(0, wanted - len(batch.codes))
        distortion, rate = (np.concatenate(each).astype(np.float64) for each in zip(*terms, strict=True))
        return Inferred(
            distortion,
            rate,
            rates / len(split.images),
            shifts.is_active,
            np.concatenate(codes),
            tuple(map(np.concatenate, zip(*posteriors, strict=True))),
        )


def flat(levels):
    """Concatenate the tensors [B, ...] of all levels: [B, units]."""
    return tf.concat([tf.reshape(each, (tf.shape(each)[0], -1)) for each in levels], axis=1)


class ShiftVariances:
    """The variance over images of each unit's shift, which decides whether the unit is active.

        Var_x((E_q[z] - E_p[z]) / stddev_p)

    It says how far images move the posterior away from the prior. A unit is active where it exceeds 0.01. With the
    prior N(0, I) it is Var_x(E_q[z]). At a level with a learned prior, E_q[z] varies with the levels above even if the
    level itself carries nothing, so the shift is measured from the prior. The sums grow batch by batch, in constant
    memory.

    Reference: Burda et al. (2016), section 5.2.
    """

    def __init__(self):
        self._num_images, self._sums, self._squares = 0, 0.0, 0.0

    def add(self, shifts):
        """Add the shifts [B, units] of a batch, see `Latent.shift`."""
        shifts = shifts.astype(np.float64)
        self._num_images += len(shifts)
        self._sums += shifts.sum(axis=0)
        self._squares += np.square(shifts).sum(axis=0)

    @property
    def is_active(self):
        """Whether each unit is active: bool [units]."""
        means = self._sums / self._num_images
        return self._squares / self._num_images - means**2 > ACTIVE_VARIANCE
