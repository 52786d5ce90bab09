"""Settings in words: for the audit, the protocol and the titles of pictures. Imports neither TensorFlow nor numpy."""

from itertools import groupby
from math import prod
from typing import NamedTuple

from models.catalog import LIKELIHOODS, OBJECTIVES, PRIORS


def name_of(config):
    """'CVAE on mnist', for titles."""
    return f"{config.model.upper()} on {config.dataset}"


def level_names(num_levels):
    """z3, z2, z1: top level first, z1 next to the image. A single level is z."""
    return [f"z{level}" for level in range(num_levels, 0, -1)] if num_levels > 1 else ["z"]


class Group(NamedTuple):
    """The top level, or neighbouring levels of one shape below it; counted from the top level, which is 0."""

    first: int
    last: int
    shape: tuple[int, ...]
    name: str  # 'z4', or 'z4 to z2'


def groups_of(config):
    """The levels of a model in Groups, top level first."""
    shapes = config.level_shapes[::-1]
    names, groups = level_names(len(shapes)), []
    for (_, shape), same in groupby(range(len(shapes)), key=lambda level: (level == 0, shapes[level])):
        first, *_, last = [*same] * 2
        name = " to ".join(dict.fromkeys([names[first], names[last]]))
        groups.append(Group(first, last, shape, name))
    return groups


def nats_of(config):
    """The meaning of a nat, for this likelihood and these pixels."""
    return LIKELIHOODS[config.likelihood].nats[config.binarization]


def evidence_of(config):
    """What the ELBO bounds: 'log p(x)', or 'log p(x|y)' of a conditional model."""
    return "log p(x|y)" if config.traits.is_conditional else "log p(x)"


def beta_norm(config):
    """The normalised beta of a Config: beta * L / D, with L latent units and D pixels times channels.

    It is the beta with the same effect if both terms were averaged, over pixels and over units, instead of summed.

    Reference: Higgins et al. (2017).
    """
    return config.beta * config.num_units / prod(config.image_shape)


def describe_network(config):
    """The network in words: 'mlp (400 400, relu)'."""
    parts = [" ".join(map(str, config.hidden_sizes))]
    if config.has_activation:
        parts.append(config.activation)
    if config.num_blocks:
        parts.append(f"{config.num_blocks} residual block{'s' if config.num_blocks > 1 else ''} at each resolution")
    if config.encoder_normalization:
        parts += [f"normalisation {config.encoder_normalization} / {config.decoder_normalization}", config.upsampling]
    return f"{config.network} ({', '.join(parts)})"


def remarks_on(config):
    """What the choices of a project that is replaced here cost, and which flag mends it: a list of sentences."""
    remarks = [LIKELIHOODS[config.likelihood].remark]
    if "instance" in (config.encoder_normalization, config.decoder_normalization):
        remarks.append(
            "instance normalisation takes the brightness of each image away, so reconstructions stay grey for long; "
            "--decoder_normalization batch keeps it"
        )
    return list(filter(None, remarks))


def describe_levels(config):
    """The levels of a hierarchy and their order, in words."""
    if config.traits.is_top_down:
        sizes = [f"{group.name} {'x'.join(map(str, group.shape))}" for group in groups_of(config)]
        return f"{', '.join(sizes)}, each given those before it"
    sizes = [f"z{level} {size}" for level, (size,) in enumerate(config.level_shapes, 1)]
    return f"x -> {' -> '.join(sizes)} -> x, prior {config.prior_symbol}"


def describe_prior(config):
    """The prior of a model with one level in words, and how its rate is computed."""
    prior = PRIORS[config.prior]
    if not prior.is_mixture:
        return prior.summary
    return f"{prior.summary}, {config.num_components} of them; the KL is that of one sample"


def describe_loss(config):
    """The loss and its weights in words."""
    objective = OBJECTIVES[config.objective]
    words = [f"beta {config.beta:g}"] if "beta" in objective.reads else []
    if config.level_betas:
        words.append(f"times {' '.join(f'{beta:g}' for beta in config.level_betas)} from z1 up")
    if config.beta_schedule != "constant":
        words.append(f"{config.beta_schedule} over {config.beta_epochs:g} epochs")
    if config.free_nats:
        words.append(f"{config.free_nats:g} free nats a level")
    if config.traits.finds_labels:
        words.append(f"labels of {config.labelled} training images, cross-entropy times {config.label_weight:g}")
    if objective.weights:
        words.append(objective.weights.format(**vars(config)))
    if config.growing_samples:
        words.append("growing from 1 by doubling")
    return f"{objective.formula}; {', '.join(words)}"


def describe_training(config):
    """How the loss is minimised, in words."""
    schedule = "" if config.learning_rate_schedule == "constant" else f" falling to 0 ({config.learning_rate_schedule})"
    words = [f"{config.optimizer}, learning rate {config.learning_rate:g}{schedule}"]
    if config.clip_norm:
        words.append(f"gradients clipped at norm {config.clip_norm:g}")
    if config.skip_above:
        words.append(f"steps of more than {config.skip_above:g} times the usual gradient norm skipped")
    if config.weight_decay:
        words.append(f"weight decay {config.weight_decay:g}")
    if config.ema:
        words.append(f"weights averaged with decay {config.ema:g}")
    if changes := describe_augmentation(config):
        words.append(f"training images {changes}")
    if config.input_noise:
        words.append(f"the encoder sees {config.input_noise:.1%} of the pixels inverted")
    return ", ".join(words)


def describe_augmentation(config):
    """What is done to training images, in words; '' for nothing."""
    words = {
        "mirrored": config.horizontal_flip,
        "turned by quarters": config.quarter_turns,
        f"moved by up to {config.shift} pixels": config.shift,
    }
    return ", ".join(word for word, is_done in words.items() if is_done)


def describe_precision(config):
    """In which precision a run is trained and evaluated, in words."""
    mixed = config.precision != "float32"
    return f"trained in {config.precision}, evaluated in float32" if mixed else "float32"
