"""Data set -> what its settings change against the defaults, and what the data is."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """Settings are differences from the defaults of `Config`; a flag on the command line overrides them."""

    settings: dict[str, Any]
    source: str


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
}
