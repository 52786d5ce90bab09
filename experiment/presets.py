"""What the settings of data sets, objectives and published runs change against the defaults, and where from."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """Settings are differences from the defaults of `Config`; a flag on the command line overrides them."""

    settings: dict[str, Any]
    source: str
    hierarchical: dict[str, Any] = {}  # more of them, for --hierarchical
    top_down: dict[str, Any] = {}  # and for its default, --hierarchy top_down, on the preset's own network


# What hierarchies of every data set begin with, and what keeps all levels of the default one in use.
HIERARCHICAL = {"latent_size": (64, 32)}
TOP_DOWN = {
    "num_blocks": 1,
    "beta_schedule": "linear",
    "beta_epochs": 2.0,
    "free_nats": 0.5,
    "clip_norm": 200.0,
    "ema": 0.999,
    "max_skipped_steps": 20,
}


# Losses, and what they change: weights in use for them, and aids that have no meaning for them.
UNAIDED = {"beta_schedule": "constant", "free_nats": 0.0}
OBJECTIVES = {
    "elbo": {},
    "iwae": {**UNAIDED, "num_importance_samples": 5},
    "beta_tc": {"beta": 6.0},  # Chen et al. (2018), on dSprites
    "capacity": {**UNAIDED, "beta": 100.0, "capacity": 25.0},  # Burgess et al. (2018) take 1000 and 25, on dSprites
    "mmd": {"beta": 1000.0},
}


# Convolutions for photographs, as differences from those for MNIST.
STRIDED = {"network": "conv", "activation": "leaky_relu", "num_features": 0}
BATCH_NORMALIZED = {**STRIDED, "encoder_normalization": "batch", "decoder_normalization": "batch"}
GREY_CROSS_ENTROPY = {"likelihood": "bernoulli", "binarization": "none"}

# 64x64, channels doubling from 32 at each of four halvings (after the CelebA project's network).
AT_64 = {**BATCH_NORMALIZED, "image_size": 64, "hidden_sizes": (32, 64, 128, 256), "latent_size": (128,)}
# 128x128, five halvings; the decoder resizes, and normalises every image by itself (after the beta-VAE project's).
AT_128 = {
    **STRIDED,
    "encoder_normalization": "batch",
    "decoder_normalization": "instance",
    "upsampling": "resize",
    "image_size": 128,
    "hidden_sizes": (32, 64, 128, 256, 512),
    "latent_size": (128,),
}
# 256x256, six halvings (after the landscapes project's).
AT_256 = {
    **BATCH_NORMALIZED,
    "image_size": 256,
    "hidden_sizes": (32, 64, 128, 256, 256, 256),
    "latent_size": (128,),
}
BETA_VAE_PROJECT = {
    **AT_128,
    **GREY_CROSS_ENTROPY,
    "num_epochs": 250,
    "batch_size": 128,
    "learning_rate": 0.005,
    "tensorboard": True,
}

# Between convolutions and levels that are vectors, hierarchies need a dense layer.
VECTOR_LEVELS = {"num_features": 256}

SPRITES = {
    "network": "conv",
    "activation": "relu",
    "hidden_sizes": (32, 32, 64, 64),
    "latent_size": (10,),
    "binarization": "static",
}

PRESETS = {
    "mnist": Preset(
        {},
        "handwritten digits of LeCun et al. (1998): 60,000 + 10,000 images, 28x28 grey",
    ),
    "binarized_mnist": Preset(
        {"binarization": "static"},
        "the fixed binarisation of MNIST of Larochelle & Murray (2011): 50,000 + 10,000 + 10,000 images, no labels",
    ),
    "fashion_mnist": Preset(
        {},
        "clothing of Xiao, Rasul & Vollgraf (2017): 60,000 + 10,000 images, 28x28 grey",
    ),
    "digits": Preset(
        {"num_epochs": 100, "batch_size": 64},
        "scikit-learn's 1,797 handwritten digits (UCI, Alpaydin & Kaynak 1998), 8x8 brought to 28x28; needs no network",
    ),
    "sprites": Preset(
        SPRITES,
        "46,080 binary sprites rendered here: 3 shapes, 6 scales, 40 orientations, 8x8 positions; 64x64; needs no file",
    ),
    "dsprites": Preset(
        SPRITES,
        "dSprites of Matthey et al. (2017): 737,280 binary sprites of 3 shapes, 64x64",
    ),
    "ucmerced": Preset(
        {**AT_64, "likelihood": "mse", "latent_size": (64,), "batch_size": 32, "num_epochs": 30},
        "UC Merced Land Use of Yang & Newsam (2010): 2,100 aerial images of 21 classes, 256x256",
        VECTOR_LEVELS,
        {"latent_size": ("4x4x4", 32)},  # z1 has the 64 units of the land-use project, in a map
    ),
    "landscape": Preset(
        {**AT_256, **GREY_CROSS_ENTROPY, "batch_size": 16, "num_epochs": 50, "every_epoch": True},
        "landscapes, in folders Training Data, Validation Data and Testing Data, or in one",
        VECTOR_LEVELS,
    ),
    "animals": Preset(BETA_VAE_PROJECT, "animals, in class folders or in one", VECTOR_LEVELS),
    "butterflies": Preset(BETA_VAE_PROJECT, "butterflies, in class folders or in one", VECTOR_LEVELS),
    "celeba": Preset(
        {**AT_64, **GREY_CROSS_ENTROPY, "batch_size": 64},
        "CelebA of Liu et al. (2015): 202,599 aligned faces, 178x218, with 40 attributes",
        VECTOR_LEVELS,
    ),
    "folder": Preset(
        {**AT_64, "likelihood": "gaussian", "batch_size": 64, "num_epochs": 50},
        "your own images",
        VECTOR_LEVELS,
    ),
}


class Published(NamedTuple):
    """A row of a paper's table: the settings that reproduce it, and the number that they should end at."""

    settings: dict[str, Any]
    expected: float  # of `metric`, of which more is better
    tolerance: float
    source: str
    metric: str = "iw_bound"
    num_seeds: int = 1


# 784-200-200-50, tanh, 20 images a step, as in Burda et al. (2016), section 5 and appendix C, whose 3,280 epochs are
# shortened. Larger batches are faster, but leave units unused: 15 are active with 100 images a step, of 50.
BURDA = {
    "hidden_sizes": (200, 200),
    "activation": "tanh",
    "latent_size": (50,),
    "batch_size": 20,
    "learning_rate_schedule": "cosine",
    "evaluate": True,
    "iw_samples": 5000,
}
LADDER = {
    "hierarchical": True,
    "latent_size": (100, 50),
    "hidden_sizes": (200, 200),
    "batch_size": 100,
    "learning_rate_schedule": "cosine",
    "beta_epochs": 10.0,
    "evaluate": True,
    "iw_samples": 5000,
}
# The second stage of Burda et al. (2016), table 2: a model trained with the ELBO is trained on with 50 samples.
IWAE_50 = {
    "objective": "iwae",
    "num_importance_samples": 50,
    "batch_size": 20,
    "learning_rate": 0.0005,
    "evaluate": True,
    "iw_samples": 5000,
}
# 4096-600-300-10: a smaller one of the dense networks that Chen et al. (2018), appendix, took for dSprites.
FACTORS = {
    "dataset": "sprites",
    "network": "mlp",
    "hidden_sizes": (600, 300),
    "num_epochs": 15,
    "evaluate": True,
    "iw_samples": 100,
}


def _of_factors(settings, expected=0.0, tolerance=0.1):
    source = "measured here, mean of three seeds"
    return Published({**FACTORS, **settings}, expected, tolerance, source, "mig_histogram", num_seeds=3)


STATIC = {**BURDA, "dataset": "binarized_mnist", "num_epochs": 100}

PUBLISHED = {
    "vae_1l": Published({**BURDA, "num_epochs": 200}, -86.76, 0.1, "Burda et al. (2016), table 1"),
    "iwae_1l_k50": Published(
        {**IWAE_50, "load_weights": "vae_1l", "num_epochs": 10}, -84.78, 0.1, "Burda et al. (2016), table 1"
    ),
    "vae_2l": Published({**LADDER, "num_epochs": 100}, -85.33, 0.1, "Burda et al. (2016), table 1"),
    "iwae_2l_k50": Published(
        {**IWAE_50, "load_weights": "vae_2l", "num_epochs": 8}, -82.90, 0.1, "Burda et al. (2016), table 1"
    ),
    "cvae_1l": Published({**BURDA, "is_cvae": True, "num_epochs": 80}, -82.32, 0.1, "nbip/IWAE, log p(x given y)"),
    "static_vae_1l": Published(STATIC, -88.71, 0.1, "Burda et al. (2016), fixed binarisation"),
    "static_iwae_1l_k50": Published(
        {**IWAE_50, "load_weights": "static_vae_1l", "num_epochs": 6},
        -87.10,
        0.1,
        "Burda et al. (2016), fixed binarisation",
    ),
    "sprites_vae": _of_factors({"beta": 1.0}),
    "sprites_beta_vae_4": _of_factors({"beta": 4.0}),
    "sprites_beta_vae_10": _of_factors({"beta": 10.0}),
    "sprites_beta_tc_6": _of_factors({"objective": "beta_tc", "beta": 6.0}),
}


def with_published(given):
    """The settings of the published run that `preset` names, if any, and its name for the run < given settings."""
    published = PUBLISHED.get(given.get("preset"))
    return given if published is None else {**published.settings, "run_name": given["preset"], **given}


def settings_of(given):
    """The differences from the defaults for the data set and the kind of hierarchy of some given settings."""
    preset = PRESETS.get(given.get("dataset", "mnist"), Preset({}, ""))
    settings = dict(preset.settings)
    if given.get("hierarchical"):
        settings |= HIERARCHICAL | preset.hierarchical
        if given.get("hierarchy", "top_down") == "top_down":
            has_its_network = given.get("network") in (None, preset.settings.get("network"))
            settings |= TOP_DOWN | (preset.top_down if has_its_network else {})
    return settings | OBJECTIVES.get(given.get("objective"), {})
