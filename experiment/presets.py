"""What the settings of data sets, hierarchies and objectives change against the defaults, and where from."""

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


# What a network is made of, and its defaults: settings of another network have no meaning for it.
NETWORKS = {
    "mlp": {"hidden_sizes": (400, 400), "activation": "relu"},
    "conv": {
        "hidden_sizes": (32, 64),
        "activation": "silu",
        "encoder_normalization": "none",
        "decoder_normalization": "none",
        "upsampling": "transposed",
        "num_features": 256,
    },
}
NETWORK_SETTINGS = {name for settings in NETWORKS.values() for name in settings}


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
# Pictures that these projects drew after training.
TRAVERSAL = {"traverse": ("0",)}
BETA_VAE_PROJECT = {
    **AT_128,
    **GREY_CROSS_ENTROPY,
    "num_epochs": 250,
    "batch_size": 128,
    "learning_rate": 0.005,
    "tensorboard": True,
    **TRAVERSAL,
}

# Between convolutions and levels that are vectors, hierarchies need a dense layer.
VECTOR_LEVELS = {"num_features": 256}

SPRITES = {
    "network": "conv",
    "activation": "relu",
    "hidden_sizes": (32, 32, 64, 64),
    "latent_size": (10,),
    "binarization": "static",
    **TRAVERSAL,
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
        {**AT_64, **GREY_CROSS_ENTROPY, **TRAVERSAL, "batch_size": 64},
        "CelebA of Liu et al. (2015): 202,599 aligned faces, 178x218, with 40 attributes",
        VECTOR_LEVELS,
    ),
    "folder": Preset(
        {**AT_64, "likelihood": "gaussian", "batch_size": 64, "num_epochs": 50},
        "your own images",
        VECTOR_LEVELS,
    ),
}

WITH_FACTORS = ("sprites", "dsprites")  # data sets whose images are made from known factors


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
