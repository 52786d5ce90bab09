"""The one pass over a split that everything is measured from: bounds, units and codes."""

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
    """What a model infers of the images of a Split. Units run through all levels, the top one first."""

    distortion: np.ndarray  # [N] nats, float64
    rate: np.ndarray  # [N, levels] nats, float64
    rate_per_unit: np.ndarray  # [units] nats, means over images
    is_active: np.ndarray  # [units], see `ShiftVariances`
    codes: np.ndarray  # [num_codes, units], posterior means given those of the levels above
    top_posterior: tuple[np.ndarray, np.ndarray]  # mean and log variance of the top level, [num_codes, units] each

    @property
    def elbo(self):
        """Of every image, nats [N]."""
        return ElboTerms(self.distortion, self.rate).elbo.numpy()

    @property
    def num_images(self):
        return len(self.distortion)


class Inference:
    """The pass of one model; its program is compiled once, and used after every epoch and at the end.

    Rates are at samples of the codes, as in the ELBO. Codes, and whether a unit is active, are at their means.
    """

    def __init__(self, model, seed):
        self._seed = seed

        @compiled_for_any_batch
        def infer(images, labels, batch_seed):
            batch = make_batch(images, labels)
            features = model.bottom_up(batch)
            means = model.infer(features, batch.labels, batch_seed, temperature=0.0).latents
            output = model.infer(features, batch.labels, batch_seed)
            top = means[0].posterior
            return (
                elbo_terms(output, batch.images),
                tf.reduce_sum(flat(latent.rate_per_unit for latent in output.latents), axis=0),
                flat(latent.shift for latent in means),
                flat(latent.z for latent in means),
                (flat([top.mean]), flat([top.log_var])),
            )

        self._infer = infer

    @np.errstate(invalid="ignore", over="ignore")  # a model that diverged has infinite terms: the caller judges
    def __call__(self, split, num_codes=0):
        """Inferred of a Split whose uint8 images are binarised where they are to be.

        Args: num_codes, of how many images the codes are kept, the first ones; the rest needs no memory for them.
        """

        def of_batch(index, images, labels):
            return self._infer(images, labels, noise_seed(self._seed, Stream.EVALUATION_POSTERIOR, index))

        rows = cut(len(split.images), evaluation_batch_size(split.images.shape[1:]))
        terms, codes, posteriors, rates, shifts = [], [], [], 0.0, ShiftVariances()
        wanted = num_codes
        for each in over_batches(of_batch, (split.images, split.labels), rows):
            of_images, rate_per_unit, shift, code, posterior = tf.nest.map_structure(lambda each: each.numpy(), each)
            terms.append(of_images)
            rates = rates + rate_per_unit.astype(np.float64)
            shifts.add(shift)
            codes.append(code[:wanted])
            posteriors.append([values[:wanted] for values in posterior])
            wanted = max(0, wanted - len(code))
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
    """Tensors [B, ...] of each level, side by side: [B, units]."""
    return tf.concat([tf.reshape(each, (tf.shape(each)[0], -1)) for each in levels], axis=1)


class ShiftVariances:
    """Var_x((E_q[z] - E_p[z]) / stddev_p) of every unit: how far an image moves the posterior off the prior.

    With the prior N(0, I) it is the Var_x(E_q[z]) of Burda et al. (2016), section 5.2, who call a unit active where it
    exceeds 0.01. At a level with a learned prior, E_q[z] varies with the levels above even if the level itself says
    nothing, so it is measured from the prior. Added up batch by batch, in a memory that does not grow.
    """

    def __init__(self):
        self._num_images, self._sums, self._squares = 0, 0.0, 0.0

    def add(self, shifts):
        """Shifts [B, units] of a batch, see `Latent.shift`."""
        shifts = shifts.astype(np.float64)
        self._num_images += len(shifts)
        self._sums += shifts.sum(axis=0)
        self._squares += np.square(shifts).sum(axis=0)

    @property
    def is_active(self):
        """Whether each unit is active."""
        means = self._sums / self._num_images
        return self._squares / self._num_images - means**2 > ACTIVE_VARIANCE
