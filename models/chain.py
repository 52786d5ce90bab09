"""The hierarchy of the UC Merced land-use project: a chain of codes, x -> z_1 -> z_2 -> x."""

from functools import partial
from itertools import pairwise

import tensorflow as tf
from keras import Sequential, layers

from models.base import LatentVariableModel
from models.distributions import DiagonalGaussian, Latent, VAEOutput
from models.estimators import USUAL
from models.likelihoods import Likelihood
from models.networks import build_decoder, build_encoder, build_trunk
from models.noise import level_seed


class ChainHVAE(LatentVariableModel):
    """A chain: q(z_1|x) q(z_2|z_1) ... q(z_L|z_L-1), p(z_l) = N(0, I) for every level, and p(x|z_L).

    Its ELBO belongs to a joint density in which all levels are independent and the image depends on the top level
    alone. So the rate (KL) of the lower levels buys nothing that the decoder sees. HVAE fixes this. The chain is kept
    for comparison.

    Reads from its config: image_shape, level_shapes (the level next to the image first), likelihood, log_var_bound and
    the settings of its network.
    """

    def __init__(self, config):
        super().__init__(name=config.model)
        self.level_shapes, self.log_var_bound = config.level_shapes, config.log_var_bound
        self.num_levels = len(config.level_shapes)
        self.likelihood = Likelihood(config)
        self.encoder = build_encoder(config)
        self.decoder = build_decoder(config, self.likelihood.num_parameters)
        trunk = build_trunk(config)
        hidden = [Sequential(trunk.lift(trunk.top)) for _ in pairwise(config.level_shapes)]
        heads = [layers.Dense(2 * size) for (size,) in config.level_shapes]
        self.posteriors = [
            heads[0],
            *(Sequential([trunk, head]) for trunk, head in zip(hidden, heads[1:], strict=True)),
        ]

    def bottom_up(self, batch):
        """q(z_1|x): Batch -> DiagonalGaussian over [B, L]."""
        return DiagonalGaussian.from_parameters(self.posteriors[0](self.encoder(batch.images)), self.log_var_bound)

    def infer(self, features, labels, seed, temperature=1.0, estimator=USUAL):
        """Draw z_1 ~ q(z_1|x), then z_l ~ q(z_l|z_l-1). The features are q(z_1|x) itself."""

        def posterior_of(index, below):
            return DiagonalGaussian.from_parameters(self.posteriors[index](below), self.log_var_bound)

        posterior, latents = estimator.posterior(lambda: features), ()
        for index in range(self.num_levels):
            if latents:
                posterior = estimator.posterior(partial(posterior_of, index), latents[0].z)
            z = posterior.sample(level_seed(seed, index), temperature)
            latents = (Latent(z, posterior, DiagonalGaussian.standard(tf.shape(z))), *latents)
        return VAEOutput(self.likelihood(self.decoder(latents[0].z)), latents)

    def generate(self, num_images, labels, seed, temperature=1.0, codes=()):
        """Draw z_l ~ N(0, I) for every level, or take the given codes. The image depends on the top level alone."""
        priors = [DiagonalGaussian.standard((num_images, *shape)) for shape in reversed(self.level_shapes)]
        samples = [prior.sample(level_seed(seed, index), temperature) for index, prior in enumerate(priors)]
        latents = tuple(
            Latent(z, prior, prior) for z, prior in zip([*codes, *samples[len(codes) :]], priors, strict=True)
        )
        return VAEOutput(self.likelihood(self.decoder(latents[0].z)), latents)
