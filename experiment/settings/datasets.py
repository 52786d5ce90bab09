"""The data sets and their defaults, mainly the settings of the five projects that this suite replaces."""

from math import ceil
from typing import Any, NamedTuple

from models.catalog import MODELS, NETWORK_SETTINGS, OBJECTIVES, SELECTORS, name_of_model


class DataSet(NamedTuple):
    """A data set: its source, and its settings as differences from the defaults of `Config`. Flags override them."""

    settings: dict[str, Any]
    source: str
    hierarchical: dict[str, Any] = {}  # further settings with --hierarchical
    top_down: dict[str, Any] = {}  # further ones with --hierarchy top_down (the default) on their network
    has_factors: bool = False  # whether the factors of its images are known
    num_steps: int = 0  # the default number of epochs is what makes about so many steps; 0: that of the settings

    def suitable_epochs(self, num_train, batch_size):
        """As many epochs as make `num_steps` of batches of so many training images: from 20 to 1,000."""
        steps_per_epoch = max(1, num_train // batch_size)
        return min(max(20, ceil(self.num_steps / steps_per_epoch)), 1_000)

    @property
    def has_photographs(self):
        """Whether its images come from image files, not from arrays of a fixed shape."""
        return "image_size" in self.settings

    @property
    def background(self):
        """What stands behind what its images show; those that are arrays are all white on black."""
        return "white" if self.has_photographs else "black"


# Convolutions for photographs: differences from the convolutions for MNIST.
STRIDED = {"network": "conv", "activation": "leaky_relu", "num_features": 0}
BATCH_NORMALIZED = {**STRIDED, "encoder_normalization": "batch", "decoder_normalization": "batch"}
GREY_CROSS_ENTROPY = {"likelihood": "bernoulli", "binarization": "none"}

# 64x64, four halvings; channels start at 32 and double each time (from the CelebA project).
AT_64 = {**BATCH_NORMALIZED, "image_size": 64, "hidden_sizes": (32, 64, 128, 256), "latent_size": (128,)}
# 128x128, five halvings; the decoder resizes and uses instance normalisation (from the beta-VAE project).
AT_128 = {
    **STRIDED,
    "encoder_normalization": "batch",
    "decoder_normalization": "instance",
    "upsampling": "resize",
    "image_size": 128,
    "hidden_sizes": (32, 64, 128, 256, 512),
    "latent_size": (128,),
}
# 256x256, six halvings (from the landscapes project).
AT_256 = {
    **BATCH_NORMALIZED,
    "image_size": 256,
    "hidden_sizes": (32, 64, 128, 256, 256, 256),
    "latent_size": (128,),
}
# 64x64, a deep hierarchy of maps from 32x32 down to 4x4 and a vector, which gives all parts of a sample one subject.
DEEP_AT_64 = {
    "network": "residual",
    "hidden_sizes": (48, 64, 96, 128),
    "latent_size": ("32x32x8*2", "16x16x8*2", "8x8x8*2", "4x4x8", 64),
    "likelihood": "logistic_mixture",
    "binarization": "none",
    "optimizer": "adamax",
    "learning_rate": 0.003,
    "learning_rate_schedule": "cosine",
    "beta_epochs": 8.0,
    "batch_size": 16,
}
# The pictures that these projects drew after training.
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

# A hierarchy needs a dense layer between convolutions and levels that are vectors.
VECTOR_LEVELS = {"num_features": 256}

SPRITES = {
    "network": "conv",
    "activation": "relu",
    "hidden_sizes": (32, 32, 64, 64),
    "latent_size": (10,),
    "binarization": "static",
    **TRAVERSAL,
}

DATASETS = {
    "mnist": DataSet(
        {},
        "handwritten digits of LeCun et al. (1998): 60,000 + 10,000 images, 28x28 grey",
    ),
    "binarized_mnist": DataSet(
        {"binarization": "static"},
        "the fixed binarisation of MNIST of Larochelle & Murray (2011): 50,000 + 10,000 + 10,000 images, no labels",
    ),
    "fashion_mnist": DataSet(
        {},
        "clothing of Xiao, Rasul & Vollgraf (2017): 60,000 + 10,000 images, 28x28 grey",
    ),
    "digits": DataSet(
        {"num_epochs": 100, "batch_size": 64},
        "scikit-learn's 1,797 handwritten digits (UCI, Alpaydin & Kaynak 1998), 8x8 brought to 28x28; needs no network",
    ),
    "sprites": DataSet(
        SPRITES,
        "46,080 binary sprites rendered here: 3 shapes, 6 scales, 40 orientations, 8x8 positions; 64x64; needs no file",
        has_factors=True,
    ),
    "dsprites": DataSet(
        SPRITES,
        "dSprites of Matthey et al. (2017): 737,280 binary sprites of 3 shapes, 64x64",
        has_factors=True,
    ),
    "arrays": DataSet(
        {"likelihood": "gaussian", "binarization": "none"},
        "arrays that you give: --data_dir FILE, an .npz file with x_train and perhaps y_train; or from Python",
    ),
    "ucmerced": DataSet(
        {**AT_64, "likelihood": "mse", "latent_size": (64,), "batch_size": 32, "num_epochs": 30},
        "UC Merced Land Use of Yang & Newsam (2010): 2,100 aerial images of 21 classes, 256x256",
        VECTOR_LEVELS,
        {**DEEP_AT_64, "num_epochs": 40, "horizontal_flip": True, "quarter_turns": True},
    ),
    "landscape": DataSet(
        {**AT_256, **GREY_CROSS_ENTROPY, "batch_size": 16, "num_epochs": 50, "every_epoch": True},
        "landscapes, in folders Training Data, Validation Data and Testing Data, or in one",
        VECTOR_LEVELS,
    ),
    "animals": DataSet(BETA_VAE_PROJECT, "animals, in class folders or in one", VECTOR_LEVELS),
    "butterflies": DataSet(BETA_VAE_PROJECT, "butterflies, in class folders or in one", VECTOR_LEVELS),
    "celeba": DataSet(
        {**AT_64, **GREY_CROSS_ENTROPY, **TRAVERSAL, "batch_size": 64},
        "CelebA of Liu et al. (2015): 202,599 aligned faces, 178x218, with 40 attributes",
        VECTOR_LEVELS,
    ),
    "folder": DataSet(
        {**AT_64, "likelihood": "gaussian", "batch_size": 64, "num_epochs": 50},
        "your own images",
        VECTOR_LEVELS,
        DEEP_AT_64,
        num_steps=3_000,
    ),
}


def defaults_of(given, num_train=None):
    """The defaults of `Config` that the data set, the model and the objective change: a dict.

    Args:
        given: the given settings, a dict.
        num_train: how many images it trains on, where the default number of epochs depends on it.
    """
    dataset = DATASETS.get(given.get("dataset", "mnist"), DataSet({}, ""))
    model = MODELS[name_of_model({name: given.get(name) for name in SELECTORS})]
    deep = dataset.top_down if model.has_levels and model.is_top_down else {}
    own = dataset.settings.get("network", "mlp")
    network = given.get("network", deep.get("network", own))
    settings = {**dataset.settings, **model.settings, **(dataset.hierarchical if model.has_levels else {})}
    if network != own:
        settings = {name: value for name, value in settings.items() if name not in NETWORK_SETTINGS}
    if network == deep.get("network", own):
        settings |= deep
    if num_train:
        batch_size = given.get("batch_size", settings["batch_size"])
        settings["num_epochs"] = dataset.suitable_epochs(num_train, batch_size)
    return as_read(settings, given.get("objective", "elbo"))


READ_BY_SOME = {name for objective in OBJECTIVES.values() for name in objective.reads}


def as_read(settings, objective):
    """Settings without those that an objective does not use, and with the objective's own defaults."""
    entry = OBJECTIVES.get(objective, OBJECTIVES["elbo"])
    unread = READ_BY_SOME - {*entry.reads}
    return {name: value for name, value in settings.items() if name not in unread} | entry.settings
