"""The pure functions of a model that other programs run: encoder, decoder, classifier. All noise is an input."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from experiment.settings.words import level_names
from models.distributions import Batch
from models.noise import GivenNoise


class Program(NamedTuple):
    """A pure function of named tensors, float32 with N rows each, for any N."""

    name: str
    function: Callable  # a tf.function: tensors in the order of `inputs` -> a dict of tensors
    inputs: dict[str, tuple[int, ...]]  # name -> shape of a row
    outputs: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, name, function, inputs, outputs):
        """The Program of a function (a dict of inputs) -> dict of outputs."""

        def positional(*tensors):
            return function(dict(zip(inputs, tensors, strict=True)))

        signature = [tf.TensorSpec((None, *shape), tf.float32, each) for each, shape in inputs.items()]
        return cls(name, tf.function(positional, input_signature=signature), inputs, outputs)


def programs_of(model, config):
    """The encoder and the decoder of a model, and its classifier, if it has one: a tuple of Programs."""
    classifier = (classifier_of(model, config),) if config.traits.finds_labels else ()
    return encoder_of(model, config), decoder_of(model, config), *classifier


def encoder_of(model, config):
    """Images (and labels) -> the mean and the log variance of the posterior of each level.

        mean_l, log_var_l of q(z_l|x, z),  z = mean + exp(log_var / 2) * noise

    The posterior of a level is conditional on the codes z that are inferred before it: those above it in a top-down
    hierarchy, those below it in a chain. So the noise of these levels is an input. Noise of N(0, 1) gives the posterior
    as the model defines it, at codes that are drawn; noise of 0 gives it at the means, as a model's `encode` does. The
    level that is inferred last needs no noise.

    In a top-down hierarchy, decoder_noise_l of a level below the top is its code z_l as the decoder takes it, in
    standard deviations from the mean of its prior. The code of the last level is its mean.

        decoder_noise_l = (z_l - mean) / stddev,  with the mean and the standard deviation of p(z_l|z_>l)
    """
    levels, is_top_down = _levels(config), config.traits.is_top_down
    drawn = [*levels] if is_top_down else [*levels][::-1]
    inputs = {"images": config.image_shape, **_labels(config)} | {f"noise_{name}": levels[name] for name in drawn[:-1]}
    outputs = {f"{kind}_{name}": shape for name, shape in levels.items() for kind in ("mean", "log_var")}
    lower = [*levels][1:] if is_top_down else []
    outputs |= {f"decoder_noise_{name}": levels[name] for name in lower}

    def encode(given):
        labels = given.get("labels")
        features = model.bottom_up(Batch(given["images"], labels))
        latents = dict(zip(levels, model.infer(features, labels, _noise(given, drawn)).latents, strict=True))
        means = {f"mean_{name}": latent.posterior.mean for name, latent in latents.items()}
        log_vars = {f"log_var_{name}": latent.posterior.log_var for name, latent in latents.items()}
        return means | log_vars | {f"decoder_noise_{name}": _noise_of(latents[name]) for name in lower}

    return Program.of("encoder", encode, inputs, outputs)


def decoder_of(model, config):
    """Codes of the top level (and labels) -> images in [0, 1], the means of p(x|z).

        z_l = mean + stddev * noise_l,  with the mean and the standard deviation of p(z_l|z_>l)

    In a top-down hierarchy the noise of the levels below the top is an input: of N(0, 1) to draw them from their
    priors, of 0 for the means. In a chain the image depends on the top level alone.
    """
    levels = _levels(config)
    top, *lower = levels
    inputs = {top: levels[top], **_labels(config)}
    if config.traits.is_top_down:
        inputs |= {f"noise_{name}": levels[name] for name in lower}

    def decode(given):
        codes, noise = (given[top],), _noise(given, levels)
        generated = model.generate(tf.shape(given[top])[0], given.get("labels"), noise, codes=codes)
        return {"images": generated.likelihood.mean}

    return Program.of("decoder", decode, inputs, {"images": config.image_shape})


def classifier_of(model, config):
    """Images -> the probabilities q(y|x) of all labels."""

    def classify(given):
        return {"probabilities": tf.exp(model.log_label_posterior(given["images"]))}

    outputs = {"probabilities": (len(config.label_names),)}
    return Program.of("classifier", classify, {"images": config.image_shape}, outputs)


def _levels(config):
    """Name -> shape of the codes of each level, top level first."""
    return dict(zip(level_names(len(config.level_shapes)), reversed(config.level_shapes), strict=True))


def _labels(config):
    return {"labels": (len(config.label_names),)} if config.traits.is_conditional else {}


def _noise(given, drawn):
    """The noise of all levels in the order in which they are drawn, 0 where it is no input."""
    return GivenNoise(tuple(given.get(f"noise_{name}", 0.0) for name in drawn))


def _noise_of(latent):
    """The noise with which the prior of a level gives its code."""
    return (latent.z - latent.prior.mean) / latent.prior.stddev
