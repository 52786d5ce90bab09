"""What every latent-variable model does once it can infer and generate."""

import keras
import tensorflow as tf

from models.distributions import Batch, DiagonalGaussian, Latent, VAEOutput, repeat_rows


class LatentVariableModel(keras.Model):
    """p(x, z) = p(z_L) ... p(z_l|z_>l) ... p(x|z), and approximate posteriors; a VAE has one level.

    A subclass defines num_levels and
    - bottom_up(batch) -> features: all that inference takes from the images, a nest of tensors of B rows;
    - infer(features, labels, seed, temperature) -> VAEOutput with z ~ q(z|x);
    - generate(num_images, labels, seed, temperature, codes) -> VAEOutput with z ~ p(z), but for given codes.
    The model knows no optimizer, no beta and no logger, and draws no noise that was not handed to it as a seed.
    """

    def __call__(self, batch, *arguments, **options):
        """`call`, for images that the model is made for."""
        batch.refuse_other_images()
        return super().__call__(batch, *arguments, **options)

    def call(self, batch, seed, num_samples=1, training=False):
        """One reparameterised pass: Batch, int32 seed pair -> VAEOutput.

        Kingma & Welling (2014), eq. 10, with num_samples samples of z for each image, which follow one another in the
        rows of the output. `training` says whether normalisation uses the statistics of the batch; Keras hands it on
        to every layer.
        """
        features, labels = self.bottom_up(batch), batch.labels
        if num_samples > 1:
            features, labels = repeat_rows((features, labels), num_samples)
        return self.infer(features, labels, seed)

    def encode(self, batch):
        """Codes of images, top level first: the means of each posterior, given those of the levels above."""
        batch.refuse_other_images()
        return tuple(latent.z for latent in self.infer(self.bottom_up(batch), batch.labels, (0, 0), 0.0).latents)

    def decode(self, codes, labels=None):
        """p(x|z): codes, top level first -> a likelihood over [B, H, W, C].

        Levels below the codes that are given take the means of their priors.
        """
        return self.generate(tf.shape(codes[0])[0], labels, (0, 0), temperature=0.0, codes=codes).likelihood

    def sample(self, num_images, seed, labels=None, temperature=1.0, codes=()):
        """Means of p(x|z), z ~ p(z) with stddevs times temperature: [num_images, H, W, C] in [0, 1].

        Top levels whose codes are given keep them.
        """
        return self.generate(num_images, labels, seed, temperature, codes).likelihood.mean

    def reconstruct(self, batch, seed):
        """Means of p(x|z) for z ~ q(z|x): [B, H, W, C] in [0, 1]."""
        return self(batch, seed).likelihood.mean


class OneLevelModel(LatentVariableModel):
    """p(x, z) = p(z) p(x|z), with p(z) = N(0, I) unless a subclass says otherwise.

    A subclass defines latent_shape, bottom_up(batch) -> DiagonalGaussian, which is q(z|x) itself, and
    likelihood_of(z, labels).
    """

    num_levels = 1
    latent = Latent  # the kind of level: a subclass of Latent where the rate has no closed form

    def prior(self, num_images, labels):
        """p(z), or p(z|y): a distribution over [num_images, L]."""
        return DiagonalGaussian.standard((num_images, *self.latent_shape))

    def infer(self, posterior, labels, seed, temperature=1.0):
        """z ~ q(z|x)."""
        prior = self.prior(tf.shape(posterior.mean)[0], labels)
        z = posterior.sample(seed, temperature)
        return VAEOutput(self.likelihood_of(z, labels), (self.latent(z, posterior, prior),))

    def generate(self, num_images, labels, seed, temperature=1.0, codes=()):
        """z ~ p(z), or the codes that are given."""
        prior = self.prior(num_images, labels)
        z = codes[0] if codes else prior.sample(seed, temperature)
        return VAEOutput(self.likelihood_of(z, labels), (self.latent(z, prior, prior),))


def dummy_batch(image_shape, num_labels):
    """A Batch of one black image (and no label set), on which a model creates its weights."""
    return Batch(tf.zeros((1, *image_shape)), tf.zeros((1, num_labels)))
