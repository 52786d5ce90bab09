"""Base classes of the models: encode, decode, sample and reconstruct, given how a subclass infers and generates."""

import keras
import tensorflow as tf

from models.distributions import Batch, VAEOutput, repeat_rows
from models.estimators import USUAL


class LatentVariableModel(keras.Model):
    """Base class of all models: p(x, z) = p(z_L) ... p(z_l|z_>l) ... p(x|z), with approximate posteriors.

    A VAE has one level. A subclass defines num_levels and
    - bottom_up(batch) -> features: a nest of tensors of B rows, all that inference takes from the images;
    - infer(features, labels, seed, temperature, estimator) -> VAEOutput with z ~ q(z|x);
    - generate(num_images, labels, seed, temperature, codes) -> VAEOutput with z ~ p(z); given codes replace the draws.

    The model knows no optimizer, no beta and no logger. It draws noise only from the seeds that it is given.
    """

    def get_config(self, *arguments, **options):
        """Keras would save a model by it. Raises NotImplementedError: a model is described by its Config."""
        raise NotImplementedError(
            f"{self.name}: Keras cannot save this model whole; save_model_weights(model, config, folder) writes what "
            "load_weights(folder) reads, and --export writes files for other programs"
        )

    save = export = get_config  # before Keras opens a file; and what it would export is `call`, which draws noise

    def __call__(self, batch, *arguments, **options):
        """`call`, for images that the model is made for."""
        batch.refuse_other_images()
        return super().__call__(batch, *arguments, **options)

    def call(self, batch, seed=(0, 0), num_samples=1, training=False, estimator=USUAL):
        """One reparameterised pass: encode, draw z, decode.

        Args:
            batch: a Batch of B images.
            seed: an int32 pair; the same pair gives the same noise.
            num_samples: K, samples of z for each image.
            training: whether normalisation uses the statistics of the batch. Keras passes it on to every layer.
            estimator: see `forward`.

        Returns:
            A VAEOutput of B K rows. The K samples of an image follow one another.

        Reference: Kingma & Welling (2014), eq. 10.
        """
        features, labels = self.bottom_up(batch), batch.labels
        if num_samples > 1:
            features, labels = repeat_rows((features, labels), num_samples)
        return self.infer(features, labels, seed, estimator=estimator)

    def encode(self, batch):
        """Codes of a Batch, top level first: the mean of each posterior, given the means of the levels above."""
        batch.refuse_other_images()
        return tuple(latent.z for latent in self.infer(self.bottom_up(batch), batch.labels, (0, 0), 0.0).latents)

    def decode(self, codes, labels=None):
        """p(x|z) for given codes.

        Args:
            codes: a tuple, top level first. Levels below the given ones take the means of their priors.
            labels: [B, Y], or None.

        Returns:
            A likelihood over [B, H, W, C].
        """
        return self.generate(tf.shape(codes[0])[0], labels, (0, 0), temperature=0.0, codes=codes).likelihood

    def sample(self, num_images, seed, labels=None, temperature=1.0, codes=()):
        """Generate images: the means of p(x|z) for z ~ p(z).

        Args:
            num_images: how many images to draw.
            seed: an int32 pair.
            labels: [num_images, Y], or None.
            temperature: factor on the standard deviations of the priors.
            codes: codes of the top levels, which keep them; the levels below are drawn.

        Returns:
            [num_images, H, W, C] in [0, 1].
        """
        return self.generate(num_images, labels, seed, temperature, codes).likelihood.mean

    def reconstruct(self, batch, seed):
        """Reconstructions: the means of p(x|z) for z ~ q(z|x), [B, H, W, C] in [0, 1]."""
        return self(batch, seed).likelihood.mean


class OneLevelModel(LatentVariableModel):
    """Base class of the models with one level: p(x, z) = p(z) p(x|z).

    A subclass defines prior_layer (see models/priors.py), likelihood_of(z, labels) and bottom_up(batch), which returns
    q(z|x) itself as a DiagonalGaussian.
    """

    num_levels = 1

    def prior(self, num_images, labels):
        """p(z), or p(z|y): a distribution over [num_images, L]."""
        return self.prior_layer.of(num_images, labels, self.bottom_up)

    def encode(self, batch):
        """Codes of a Batch: the mean of the posterior, in a tuple."""
        batch.refuse_other_images()
        return (self.bottom_up(batch).mean,)

    def decode(self, codes, labels=None):
        """p(x|z) for given codes, a tuple of one. The prior, which may be costly, takes no part."""
        return self.likelihood_of(codes[0], labels)

    def infer(self, features, labels, seed, temperature=1.0, estimator=USUAL):
        """Draw z ~ q(z|x). The features are q(z|x) itself."""
        posterior = estimator.posterior(lambda: features)
        prior = self.prior(tf.shape(posterior.mean)[0], labels)
        z = posterior.sample(seed, temperature)
        return VAEOutput(self.likelihood_of(z, labels), (self.prior_layer.latent(z, posterior, prior),))

    def generate(self, num_images, labels, seed, temperature=1.0, codes=()):
        """Draw z ~ p(z), or take the given codes."""
        prior = self.prior(num_images, labels)
        z = codes[0] if codes else prior.sample(seed, temperature)
        return VAEOutput(self.likelihood_of(z, labels), (self.prior_layer.latent(z, prior, prior),))


def dummy_batch(image_shape, num_labels):
    """A Batch of one black image with no label set. A model creates its weights on it.

    No part of it is None: Keras 3.12, the last for Python 3.10, asks each for its shape when it creates weights.
    """
    image = tf.zeros((1, *image_shape))
    return Batch(image, tf.zeros((1, num_labels)), seen=image)
