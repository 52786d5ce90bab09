"""What every latent-variable model with one Gaussian latent does, once it can encode and decode."""

import keras
import tensorflow as tf

from models.distributions import Batch, DiagonalGaussian, Latent, VAEOutput


class LatentVariableModel(keras.Model):
    """p(x, z) = p(z) p(x|z) with the approximate posterior q(z|x) and the prior p(z) = N(0, I).

    A subclass sets latent_size and defines encode(batch) -> DiagonalGaussian over [B, L] and
    decode(z, labels) -> a likelihood over [B, H, W, C]; sampling, reconstruction and the forward pass follow. The model
    knows no optimizer, no beta and no logger, and draws no noise that was not handed to it as a seed.
    """

    num_levels = 1

    def call(self, batch, seed, training=False):
        """One reparameterised pass: Batch, int32 seed pair -> VAEOutput.

        Kingma & Welling (2014), eq. 10, with one sample of z for each image. `training` says whether normalisation
        uses the statistics of the batch; Keras hands it on to every layer.
        """
        posterior = self.encode(batch)
        z = posterior.sample(seed)
        prior = DiagonalGaussian.standard(tf.shape(z))
        return VAEOutput(self.decode(z, batch.labels), (Latent(z, posterior, prior),))

    def sample(self, num_images, seed, labels=None, temperature=1.0):
        """Means of p(x|z) for z ~ N(0, temperature^2 I): [num_images, H, W, C] in [0, 1]."""
        prior = DiagonalGaussian.standard((num_images, self.latent_size))
        return self.decode(prior.sample(seed, temperature), labels).mean

    def reconstruct(self, batch, seed):
        """Means of p(x|z) for z ~ q(z|x): [B, H, W, C] in [0, 1]."""
        return self(batch, seed).likelihood.mean


def dummy_batch(image_shape, num_labels):
    """A Batch of one black image (and no label set), on which a model creates its weights."""
    return Batch(tf.zeros((1, *image_shape)), tf.zeros((1, num_labels)))
