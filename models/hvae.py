"""The hierarchical variational autoencoder: levels z_L ... z_1, each given the levels above it."""

from functools import partial
from itertools import pairwise

import tensorflow as tf
from keras import Sequential, layers

from models.base import LatentVariableModel
from models.distributions import DiagonalGaussian, Latent, VAEOutput
from models.estimators import USUAL
from models.likelihoods import Likelihood
from models.networks import build_trunk
from models.noise import level_seed
from models.precision import TrunkPolicy


class Level(layers.Layer):
    """Base class of the levels: prior(state, num_images), posterior(features, state, prior) and absorb(state, z)."""

    def __init__(self, shape, trunk, stage):
        super().__init__()
        self.shape, self.width = shape, trunk.shape(stage)[-1]
        self.log_var_bound = trunk.config.log_var_bound
        self.built = True  # Keras never calls it, and all weights are in its sub-layers


class TopLevel(Level):
    """The top level L: p(z_L) = N(0, I) and q(z_L|x), as in a VAE."""

    def __init__(self, shape, trunk, stage):
        super().__init__(shape, trunk, stage)
        self.posterior_head = layers.Dense(2 * shape[-1])
        self.lift = Sequential(trunk.lift(stage))

    def prior(self, state, num_images):
        """p(z_L). No level is above it, so there is no state."""
        return DiagonalGaussian.standard((num_images, *self.shape))

    def posterior(self, features, state, prior):
        """q(z_L|x)."""
        return prior.shifted(self.posterior_head(features), self.log_var_bound)

    def absorb(self, state, z):
        """The state that holds z_L."""
        return self.lift(z)


class LowerLevel(Level):
    """A level l < L: a learned prior p(z_l|z_>l) and a posterior q(z_l|x,z_>l), given as its difference from the prior.

    The embedding of its codes acts on the last axis. On maps it is a convolution of one pixel.
    """

    def __init__(self, shape, trunk, stage):
        super().__init__(shape, trunk, stage)
        self.prior_head = Sequential(trunk.prior_head(stage, 2 * shape[-1]))
        self.join = layers.Concatenate()
        self.posterior_head = Sequential(trunk.posterior_head(stage, 2 * shape[-1]))
        self.embed = layers.Dense(self.width, dtype=TrunkPolicy())

    def prior(self, state, num_images):
        """p(z_l|z_>l)."""
        return DiagonalGaussian.from_parameters(self.prior_head(state), self.log_var_bound)

    def posterior(self, features, state, prior):
        """q(z_l|x,z_>l)."""
        return prior.shifted(self.posterior_head(self.join([features, state])), self.log_var_bound)

    def absorb(self, state, z):
        """The state with z_l added to the levels above it."""
        return state + self.embed(z)


class HVAE(LatentVariableModel):
    """A hierarchical VAE: p(z_L) ... p(z_l|z_>l) ... p(x|z) and q(z_L|x) ... q(z_l|x,z_>l).

    A deterministic bottom-up pass gives every level its features. Inference and generation share the top-down pass. It
    carries a state that holds all levels so far, so every level reaches the image. A level is a vector, or a map of one
    of the network's resolutions. With one level the model is a VAE.

    Reads from its config: image_shape, level_shapes (the level next to the image first), likelihood, log_var_bound and
    the settings of its network.

    Reference: Sonderby et al. (2016), with the residual posterior of Vahdat & Kautz (2020) and the state of Child
    (2021).
    """

    def __init__(self, config):
        super().__init__(name=config.model)
        self.num_levels = len(config.level_shapes)
        self.likelihood = Likelihood(config)
        trunk = build_trunk(config, self.likelihood.num_parameters)
        stages = trunk.stages_of(config.level_shapes)
        self.steps_up = [Sequential(trunk.climb(below, above)) for below, above in pairwise([0, *stages])]
        kinds = [LowerLevel] * (self.num_levels - 1) + [TopLevel]
        levels = [
            kind(shape, trunk, stage) for kind, shape, stage in zip(kinds, config.level_shapes, stages, strict=True)
        ]
        self.levels = levels[::-1]
        self.steps_down = [Sequential(trunk.descend(above, below)) for above, below in pairwise([*stages[::-1], 0])]

    def seen(self, batch):
        """The input of the bottom-up pass: [B, H, W, C]."""
        return batch.images

    def condition(self, state, labels, index):
        """Add the label to the state of a level. This model has no labels, so the state stays the same."""
        return state

    def bottom_up(self, batch):
        """The features of every level, top level first: a tuple."""
        features = [self.seen(batch)]
        for step in self.steps_up:
            features.append(step(features[-1]))
        return tuple(features[:0:-1])

    def infer(self, features, labels, seed, temperature=1.0, estimator=USUAL):
        """Draw z_l ~ q(z_l|x,z_>l), from the top level down."""

        def choose(index, level, state, prior):
            posterior = estimator.posterior(partial(level.posterior, features[index]), state, prior)
            return Latent(posterior.sample(level_seed(seed, index), temperature), posterior, prior)

        return self.top_down(tf.shape(features[0])[0], labels, choose)

    def generate(self, num_images, labels, seed, temperature=1.0, codes=()):
        """Draw z_l ~ p(z_l|z_>l), from the top level down, or take the given codes."""

        def choose(index, level, state, prior):
            z = codes[index] if index < len(codes) else prior.sample(level_seed(seed, index), temperature)
            return Latent(z, prior, prior)

        return self.top_down(num_images, labels, choose)

    def top_down(self, num_images, labels, choose):
        """The pass that inference and generation share; `choose` returns the Latent of each level."""
        state, latents = (), ()
        for index, (level, step) in enumerate(zip(self.levels, self.steps_down, strict=True)):
            latent = choose(index, level, state, level.prior(state, num_images))
            state = step(self.condition(level.absorb(state, latent.z), labels, index))
            latents += (latent,)
        return VAEOutput(self.likelihood(state), latents)
