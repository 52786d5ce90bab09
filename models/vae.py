"""The variational autoencoder of Kingma & Welling (2014)."""

from keras import layers

from models.base import OneLevelModel
from models.distributions import DiagonalGaussian
from models.likelihoods import Likelihood
from models.networks import build_decoder, build_encoder
from models.priors import build_prior


class VAE(OneLevelModel):
    """A VAE: q(z|x) = N(mean(x), diag(exp(log_var(x)))), p(z) a prior, p(x|z) = likelihood(decoder(z)).

    Reads from its config: image_shape, latent_size, prior, likelihood and the settings of its network.
    """

    def __init__(self, config):
        super().__init__(name="vae")
        self.log_var_bound = config.log_var_bound
        self.encoder = build_encoder(config)
        self.posterior = layers.Dense(2 * config.num_units, name="posterior")
        self.prior_layer = build_prior(config)
        self.likelihood = Likelihood(config)
        self.decoder = build_decoder(config, self.likelihood.num_parameters)

    def bottom_up(self, batch):
        """q(z|x): Batch -> DiagonalGaussian over [B, L]."""
        return DiagonalGaussian.from_parameters(self.posterior(self.encoder(batch.images)), self.log_var_bound)

    def likelihood_of(self, z, labels=None):
        """p(x|z): codes [B, L] -> a likelihood over [B, H, W, C]. It does not use labels."""
        return self.likelihood(self.decoder(z))
