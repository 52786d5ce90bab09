"""The conditional variational autoencoder: encoder and decoder are given a label y.

Reference: Sohn, Lee & Yan (2015), with their relaxed prior, which does not depend on y, or with a prior of each y.
Where every label is known, this is also M2 of Kingma, Mohamed, Rezende & Welling (2014).
"""

from math import sqrt

import tensorflow as tf
from keras import layers

from models.base import OneLevelModel
from models.distributions import DiagonalGaussian
from models.likelihoods import Likelihood
from models.networks import build_decoder, build_encoder, build_label_channel
from models.priors import build_prior


class CVAE(OneLevelModel):
    """A conditional VAE: q(z|x,y) and p(x|z,y) with p(z|y) = N(0, I) or another prior. z holds what y does not say.

    The label joins the image as one more channel, a learned linear map of y. It joins the codes after multiplication by
    sqrt(L). Both networks stay those of the VAE. The factor makes a one-hot y as long as a code (E|z|^2 = L). A shorter
    label is drowned out by z early in training, and z then learns to hold what the label says.

    Reads from its config: image_shape, label_names, latent_size, prior, likelihood and the settings of its network.
    """

    def __init__(self, config):
        super().__init__(name=config.model)
        self.log_var_bound = config.log_var_bound
        self.label_channel = build_label_channel(config)
        self.encoder = build_encoder(config)
        self.posterior = layers.Dense(2 * config.num_units, name="posterior")
        self.prior_layer = build_prior(config)
        self.likelihood = Likelihood(config)
        self.decoder = build_decoder(config, self.likelihood.num_parameters)

    def bottom_up(self, batch):
        """q(z|x,y): Batch -> DiagonalGaussian over [B, L]."""
        images_and_label = tf.concat([batch.images, self.label_channel(batch.labels)], axis=-1)
        return DiagonalGaussian.from_parameters(self.posterior(self.encoder(images_and_label)), self.log_var_bound)

    def likelihood_of(self, z, labels):
        """p(x|z,y): codes [B, L] and labels [B, Y] -> a likelihood over [B, H, W, C]."""
        return self.likelihood(self.decoder(tf.concat([z, sqrt(z.shape[-1]) * labels], axis=-1)))
