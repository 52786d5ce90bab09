"""The data sets and their defaults, mainly the settings of the five projects that this suite replaces."""

from math import ceil
from typing import Any, NamedTuple

from experiment.settings.values import is_image_size
from models.catalog import MODELS, NETWORK_SETTINGS, OBJECTIVES, SELECTORS, name_of_model


class Length(NamedTuple):
    """How long to train by default, where that depends on the number of images.

    Settings below hold it as "length", beside the fields of `Config`.
    """

    num_steps: int
    min_epochs: int
    warm_up: float | None = None  # the share of the epochs within which beta rises

    def num_epochs(self, num_train, batch_size):
        """As many epochs as make `num_steps` of batches of so many training images: from min_epochs to 1,000."""
        steps_per_epoch = max(1, num_train // batch_size)
        return min(max(self.min_epochs, ceil(self.num_steps / steps_per_epoch)), 1_000)


class DataSet(NamedTuple):
    """A data set: its source, and its settings as differences from the defaults of `Config`. Flags override them."""

    settings: dict[str, Any]
    source: str
    hierarchical: dict[str, Any] = {}  # further settings with --hierarchical
    deep: dict[str, Any] | None = None  # those of its deep hierarchy beside `deep_hierarchy`; None: it has none
    has_factors: bool = False  # whether the factors of its images are known

    def deep_hierarchy(self, image_size):
        """The settings of the deep hierarchy for photographs of this size, as --image_size gives it: a dict.

        Its maps halve the resolution as long as both sides are even and at least 4 pixels are left. Maps of up to 32x32
        pixels have two levels each. The coarsest one has one level, and so has that of up to 64x64. Finer maps have
        none, because of the time that they take. A vector above them gives all parts of a sample one subject. A
        training is 8,800 steps up to 64x64, and fewer in proportion to the pixels of larger images: about half an hour
        on 2 cores.
        """
        height, width = sides = image_size if isinstance(image_size, tuple) else (image_size, image_size)
        num_steps = round(8_800 * min(1, 64 * 64 / (height * width)))
        maps = []
        while all(side % 2 == 0 and side >= 8 for side in sides) and len(maps) < len(WIDTHS):
            sides = tuple(side // 2 for side in sides)
            maps.append(sides)
        levels = [
            f"{height}x{width}x8" + ("*2" if height * width <= 32 * 32 and (height, width) != maps[-1] else "")
            for height, width in maps
            if height * width <= 64 * 64
        ]
        settings = {
            **DEEP,
            "hidden_sizes": WIDTHS[: max(1, len(maps))][::-1],
            "latent_size": (*levels, 64),
            "length": Length(num_steps, min_epochs=1, warm_up=0.2),
            **self.deep,
        }
        if height != width:
            settings.pop("quarter_turns", None)
        return settings

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
# The deep hierarchy for photographs: channels of its maps, from 4x4 to finer ones, and the settings of all sizes.
WIDTHS = (128, 96, 64, 48, 32, 24, 24, 24)
DEEP = {
    "network": "residual",
    "likelihood": "logistic_mixture",
    "binarization": "none",
    "optimizer": "adamax",
    "learning_rate": 0.01,
    "learning_rate_schedule": "cosine",
    "log_var_bound": 4.0,
    "batch_size": 4,
    "num_epochs": 24,  # where the number of images is not known
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

# Of their deep hierarchies.
MIRRORED = {"horizontal_flip": True, "tensorboard": False, "traverse": ()}

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
        {"horizontal_flip": True, "quarter_turns": True},
    ),
    "landscape": DataSet(
        {**AT_256, **GREY_CROSS_ENTROPY, "batch_size": 16, "num_epochs": 50, "every_epoch": True},
        "landscapes, in folders Training Data, Validation Data and Testing Data, or in one",
        VECTOR_LEVELS,
        {"every_epoch": False, "horizontal_flip": True},
    ),
    "animals": DataSet(BETA_VAE_PROJECT, "animals, in class folders or in one", VECTOR_LEVELS, MIRRORED),
    "butterflies": DataSet(BETA_VAE_PROJECT, "butterflies, in class folders or in one", VECTOR_LEVELS, MIRRORED),
    "celeba": DataSet(
        {**AT_64, **GREY_CROSS_ENTROPY, **TRAVERSAL, "batch_size": 64},
        "CelebA of Liu et al. (2015): 202,599 aligned faces, 178x218, with 40 attributes",
        VECTOR_LEVELS,
        MIRRORED,
    ),
    "folder": DataSet(
        {**AT_64, "likelihood": "gaussian", "batch_size": 64, "num_epochs": 50, "length": Length(3_000, 20)},
        "your own images",
        VECTOR_LEVELS,
        {},
    ),
}


def defaults_of(given, num_train=None):
    """The defaults of `Config` that the data set, the model and the objective change: a dict.

    Args:
        given: the given settings, a dict.
        num_train: how many images it trains on, where the default number of epochs depends on it.
    """
    settings, length = _defaults_of(given)
    if num_train and length:
        settings["num_epochs"] = length.num_epochs(num_train, _number("batch_size", given, settings))
    if length and length.warm_up:
        settings["beta_epochs"] = round(length.warm_up * _number("num_epochs", given, settings), 1)
    return as_read(settings, given.get("objective", "elbo"))


def _number(name, given, settings):
    """The given value of a setting, or its default, where that is not given or none that `Config` accepts."""
    value = given.get(name)
    return value if type(value) is int and value > 0 else settings[name]


def length_of(given):
    """The Length of a training with given settings (a dict), or None where it does not depend on the images."""
    return _defaults_of(given)[1]


def _defaults_of(given):
    """The changed defaults, whatever the objective, and the Length of the training or None."""
    dataset = DATASETS.get(given.get("dataset", "mnist"), DataSet({}, ""))
    model = MODELS[name_of_model({name: given.get(name) for name in SELECTORS})]
    own = dataset.settings.get("network", "mlp")
    deep = {}
    if dataset.deep is not None and model.has_levels and model.is_top_down:
        image_size = given.get("image_size")  # which may be none that `Config` accepts
        deep = dataset.deep_hierarchy(image_size if is_image_size(image_size) else dataset.settings["image_size"])
    network = given.get("network", deep.get("network", own))
    settings = {**dataset.settings, **model.settings, **(dataset.hierarchical if model.has_levels else {})}
    if network != own:
        settings = {name: value for name, value in settings.items() if name not in NETWORK_SETTINGS}
    if network == deep.get("network", own):
        settings |= deep
    if model.finds_labels:  # its batches hold each image with every label, and most labels are wrong
        settings = {name: "none" if value == "batch" else value for name, value in settings.items()}
    length = settings.pop("length", None)
    return settings, length


READ_BY_SOME = {name for objective in OBJECTIVES.values() for name in objective.reads}


def as_read(settings, objective):
    """Settings without those that an objective does not use, and with the objective's own defaults."""
    entry = OBJECTIVES.get(objective, OBJECTIVES["elbo"])
    unread = READ_BY_SOME - {*entry.reads}
    return {name: value for name, value in settings.items() if name not in unread} | entry.settings
