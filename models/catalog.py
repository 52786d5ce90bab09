"""What can be chosen, one entry each: objectives, likelihoods, networks and models. Imports no TensorFlow.

An entry holds all that the program knows of a choice: its code, its settings and its words. The command line reads
these tables before it imports TensorFlow, so an entry names its code as "module:name", and `code_of` imports it.
Settings are differences from the defaults of `Config`.
"""

from pkgutil import resolve_name
from typing import Any, NamedTuple

code_of = resolve_name


class Objective(NamedTuple):
    """A loss that training can minimise."""

    loss: str  # a function (Forward, Weights) -> scalar, nats per image
    summary: str  # for --help
    formula: str
    reads: tuple[str, ...]  # the settings that this loss uses and some other loss does not
    settings: dict[str, Any] = {}
    weights: str = ""  # the settings of the loss in words, as a format string
    least: dict[str, int] = {}  # the smallest allowed values of settings
    least_images: int = 1  # the smallest number of images in a batch
    suits_levels: bool = True  # whether it is defined for a hierarchy
    is_weighted_sum: bool = False  # whether it is distortion + beta rate
    compares_codes: bool = False  # whether it compares codes of different images, and them with N(0, I)
    discriminator: str = ""  # a layer that is trained beside the model, see models/discriminator.py
    estimator: str = "models.estimators:Reparameterized"  # of its gradient
    keeps_rows_apart: bool = False  # whether the decoder must not mix the rows of a batch


IWAE = Objective(
    loss="models.objectives:iwae_loss",
    summary="the negative importance-weighted bound of --num_importance_samples",
    formula="negative importance-weighted bound",
    reads=("num_importance_samples", "growing_samples"),
    settings={"num_importance_samples": 5},
    weights="K = {num_importance_samples}",
    least={"num_importance_samples": 2},
)
OBJECTIVES = {
    "elbo": Objective(
        loss="models.objectives:elbo_loss",
        summary="reconstruction loss + beta KL",
        formula="distortion + beta rate",
        reads=("beta", "beta_schedule", "level_betas", "free_nats"),
        is_weighted_sum=True,
    ),
    "iwae": IWAE,
    "dreg": IWAE._replace(
        summary="the same bound with doubly reparameterised gradients, which have less noise",
        formula="negative importance-weighted bound, doubly reparameterised",
        estimator="models.estimators:DoublyReparameterized",
        keeps_rows_apart=True,
    ),
    "beta_tc": Objective(
        loss="models.objectives:beta_tc_loss",
        summary="beta on the total correlation alone",
        formula="distortion + mutual information + beta total correlation + dimension-wise KL",
        reads=("beta", "beta_schedule"),
        settings={"beta": 6.0},  # Chen et al. (2018), on dSprites
        least_images=2,
        suits_levels=False,
        compares_codes=True,
    ),
    "factor_vae": Objective(
        loss="models.objectives:factor_vae_loss",
        summary="the ELBO and beta on the total correlation, which a discriminator estimates",
        formula="distortion + rate + beta total correlation by a discriminator",
        reads=("beta", "beta_schedule"),
        settings={"beta": 35.0},  # 10 to 100 in Locatello et al. (2019), who call it gamma, as Kim & Mnih (2018) do
        least_images=4,
        suits_levels=False,
        compares_codes=True,
        discriminator="models.discriminator:Discriminator",
    ),
    "capacity": Objective(
        loss="models.objectives:capacity_loss",
        summary="beta on how far the KL is from --capacity",
        formula="distortion + beta |rate - capacity|",
        reads=("beta", "beta_schedule", "capacity", "capacity_epochs"),
        settings={"beta": 100.0, "capacity": 25.0, "beta_schedule": "constant"},  # Burgess et al. (2018): 1000 and 25
        weights="capacity rising to {capacity:g} nats over {capacity_epochs:g} epochs",
    ),
    "mmd": Objective(
        loss="models.objectives:mmd_loss",
        summary="beta on how far the aggregate posterior is from the prior; a Wasserstein autoencoder",
        formula="distortion + beta MMD of q(z) and p(z)",
        reads=("beta", "beta_schedule"),
        settings={"beta": 1000.0},
        least_images=2,
        suits_levels=False,
        compares_codes=True,
    ),
}


class Likelihood(NamedTuple):
    """A density of images, p(x|z)."""

    density: str  # a class, see models/likelihoods.py
    summary: str
    nats: dict[str, str]  # what a nat means, for each --binarization that goes with it
    is_of_8_bits: bool = False  # whether it gives probabilities of 8-bit values, so that bits per dimension are honest
    has_one_variance: bool = False  # whether it is a Gaussian with the same variance for all pixels
    begins_at_data: bool = False  # whether its weights begin at what the variance of the training pixels says
    remark: str = ""  # what it costs, and what mends it, for the audit


LIKELIHOODS = {
    "bernoulli": Likelihood(
        density="models.likelihoods:Bernoulli",
        summary="cross-entropy of binary pixels",
        nats={
            "dynamic": "log-probability of binary pixels, drawn from the grey values",
            "static": "log-probability of the data set's own binary pixels",
            "none": "cross-entropy of grey values: no log-likelihood, comparable only with itself",
        },
    ),
    "mse": Likelihood(
        density="models.likelihoods:UnitGaussian",
        summary="Gaussian of unit variance",
        nats={"none": "log-density of pixels in [0, 1] under unit variance: half the squared error plus a constant"},
        has_one_variance=True,
        remark="a variance of 1 is far above the error of pixels in [0, 1]: little KL, blurred reconstructions; "
        "--likelihood gaussian learns the variance",
    ),
    "gaussian": Likelihood(
        density="models.likelihoods:Gaussian",
        summary="Gaussian of one learned variance",
        nats={"none": "log-density of pixels in [0, 1] under one learned variance; either sign is possible"},
        has_one_variance=True,
        begins_at_data=True,
    ),
    "discretized_logistic": Likelihood(
        density="models.likelihoods:DiscretizedLogistic",
        summary="8-bit values, and bits per dimension",
        nats={"none": "log-probability of the 8-bit values"},
        is_of_8_bits=True,
    ),
    "logistic_mixture": Likelihood(
        density="models.likelihoods:LogisticMixture",
        summary="the same with several components and channels that depend on each other",
        nats={"none": "log-probability of the 8-bit values"},
        is_of_8_bits=True,
    ),
}


class Network(NamedTuple):
    """The kind of layers that encoder and decoder consist of."""

    trunk: str  # a class, see models/networks.py
    summary: str
    settings: dict[str, Any]  # all settings of this network; those of other networks do not apply to it
    is_dense: bool = False
    is_activated: bool = True  # whether its layers have the activation function; residual blocks have it anyway


NETWORKS = {
    "mlp": Network(
        trunk="models.networks:MLP",
        summary="dense layers",
        settings={"hidden_sizes": (400, 400), "activation": "relu"},
        is_dense=True,
    ),
    "gated": Network(
        trunk="models.networks:GatedMLP",
        summary="dense layers with a gate on each unit",
        settings={"hidden_sizes": (400, 400), "activation": "relu"},
        is_dense=True,
        is_activated=False,
    ),
    "conv": Network(
        trunk="models.networks:Conv",
        summary="convolutions of stride 2",
        settings={
            "hidden_sizes": (32, 64),
            "activation": "silu",
            "encoder_normalization": "none",
            "decoder_normalization": "none",
            "upsampling": "transposed",
            "num_features": 256,
        },
    ),
    "residual": Network(
        trunk="models.residual:Residual",
        summary="bottleneck blocks, for deep hierarchies of maps",
        settings={"hidden_sizes": (64, 64, 128, 128), "activation": "silu", "num_features": 256},
    ),
}
NETWORK_SETTINGS = {name for network in NETWORKS.values() for name in network.settings}


class Prior(NamedTuple):
    """The prior of a model with one level."""

    layer: str  # a class, see models/priors.py
    summary: str
    symbol: str  # for captions
    needs_labels: bool = False
    is_mixture: bool = False  # whether it has components, and its rate no closed form
    encodes: bool = False  # whether it encodes images of its own, without labels


PRIORS = {
    "standard": Prior("models.priors:StandardPrior", "N(0, I)", "N(0, I)"),
    "class": Prior("models.priors:ClassPrior", "a Gaussian for each label", "p(z|y)", needs_labels=True),
    "mixture": Prior("models.priors:MixturePrior", "a mixture of Gaussians", "p(z)", is_mixture=True),
    "vamp": Prior(
        "models.priors:VampPrior", "the codes of learned pseudo-inputs", "p(z)", is_mixture=True, encodes=True
    ),
}


class Model(NamedTuple):
    """A model: p(x, z) and its approximate posterior."""

    model: str  # a class, see models/base.py
    chosen_by: dict[str, Any]  # the settings that select it
    prior: str = ""  # the prior of all codes together, for captions, where PRIORS do not name it
    is_conditional: bool = False  # whether it is given labels
    has_levels: bool = False
    is_top_down: bool = True  # whether it works from the top level down, and every level reaches the image
    runs_in_page: bool = False  # whether its decoder is a plain list of layers from z (and y) to the image
    settings: dict[str, Any] = {}
    finds_labels: bool = False  # whether it has a classifier of its own, and learns without labels, too
    objectives: tuple[str, ...] = ()  # those that it can be trained with, where not with all


GIVEN = "N"  # in `chosen_by`, every value of a setting but None

TOP_DOWN = {
    "latent_size": (64, 32),
    # The settings from here on keep all levels in use.
    "num_blocks": 1,
    "beta_schedule": "linear",
    "beta_epochs": 2.0,
    "free_nats": 0.5,
    "clip_norm": 200.0,
    "ema": 0.999,
    "max_skipped_steps": 20,
}

MODELS = {
    "vae": Model("models.vae:VAE", chosen_by={}, runs_in_page=True),
    "cvae": Model("models.cvae:CVAE", chosen_by={"is_cvae": True}, is_conditional=True, runs_in_page=True),
    "m2": Model(
        "models.m2:M2",
        chosen_by={"is_cvae": True, "labelled": GIVEN},
        is_conditional=True,
        runs_in_page=True,
        finds_labels=True,
        objectives=("elbo",),
    ),
    "hvae": Model(
        "models.hvae:HVAE", chosen_by={"hierarchical": True}, prior="p(z)", has_levels=True, settings=TOP_DOWN
    ),
    "chvae": Model(
        "models.chvae:CHVAE",
        chosen_by={"hierarchical": True, "is_cvae": True},
        prior="p(z|y)",
        is_conditional=True,
        has_levels=True,
        settings=TOP_DOWN,
    ),
    "chain": Model(
        "models.chain:ChainHVAE",
        chosen_by={"hierarchical": True, "hierarchy": "chain"},
        prior="N(0, I) at every level",
        has_levels=True,
        is_top_down=False,
        settings={"latent_size": (64, 32)},
    ),
}


def name_of_model(settings):
    """The name of the model that settings (a dict) select: of all whose `chosen_by` fits, the one with most entries."""
    choosing = choices_of(settings).items()
    fitting = [name for name, model in MODELS.items() if model.chosen_by.items() <= choosing]
    return max(fitting, key=lambda name: len(MODELS[name].chosen_by))


def choices_of(settings):
    """Settings (a dict) as `chosen_by` names them."""
    is_given = {name for model in MODELS.values() for name, value in model.chosen_by.items() if value == GIVEN}
    return {name: GIVEN if name in is_given and value is not None else value for name, value in settings.items()}


SELECTORS = {name for model in MODELS.values() for name in model.chosen_by}


def values_that_choose(setting):
    """The values of a setting that select a model."""
    return tuple(dict.fromkeys(m.chosen_by[setting] for m in MODELS.values() if setting in m.chosen_by))
