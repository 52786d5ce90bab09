"""Published results by name, for --preset: the settings that reproduce a row of a table, and the expected number."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """A published result. Settings are differences from the defaults of `Config`, as flags would give them."""

    settings: dict[str, Any]
    expected: float  # value of `metric`; higher is better
    tolerance: float
    source: str
    metric: str = "iw_bound"
    num_seeds: int = 1

    def is_reached(self, test):
        """Whether the numbers of a run (a dict) reach the expected value, within the tolerance."""
        return test[self.metric] >= self.expected - self.tolerance


def run_of(preset, seed):
    """The name of a preset's run: the preset's own name for seed 0, with the seed for others."""
    return f"{preset}_seed{seed}" if seed else preset


def asks_for(run):
    """The flags of the preset whose run has this name, such as '--preset vae_1l --seed 3', or None."""
    preset, _, seed = run.partition("_seed")
    if preset not in PRESETS:
        return None
    return f"--preset {preset} --seed {seed}" if seed else f"--preset {preset}"


MEASURED = {"evaluate": True, "iw_samples": 5000}
# Sizes of Burda et al. (2016), appendix C: 784-200-200-50, and a second level of 50 above 100. Their tanh networks took
# 3,280 epochs. ReLU with a residual block, a KL warm-up and averaged weights reaches in 120 epochs the ELBO that tanh
# reaches in 400.
BURDA = {
    **MEASURED,
    "hidden_sizes": (200, 200),
    "num_blocks": 1,
    "batch_size": 100,
    "learning_rate_schedule": "cosine",
    "beta_schedule": "linear",
    "beta_epochs": 10.0,
    "clip_norm": 200.0,
    "ema": 0.999,
}
ONE_LEVEL = {**BURDA, "latent_size": (50,)}
GATED = {"network": "gated"}  # worth 1.9 nats on static MNIST, see RESULTS.md
TWO_LEVELS = {**BURDA, **GATED, "hierarchical": True, "latent_size": (100, 50)}
FIVE_LEVELS = {**TWO_LEVELS, "latent_size": (64, 32, 16, 8, 4)}
# All 60,000 images train, for as many epochs as the validation images chose before.
ALL_IMAGES = {"train_on_validation": True}
STATIC = {"dataset": "binarized_mnist"}
# The second stage of Burda et al. (2016), table 2: train on from a model that was trained with the ELBO. With doubly
# reparameterised gradients (Tucker et al. 2018), and up to 50 samples, whose number grows: most of the steps are cheap.
DREG = {
    **MEASURED,
    "objective": "dreg",
    "batch_size": 100,
    "learning_rate": 0.0005,
    "learning_rate_schedule": "cosine",
}
# Of maps, where a sample takes long; Adamax takes larger steps than Adam.
DREG_5 = {**DREG, "num_importance_samples": 5, "iw_samples": 1000, "learning_rate": 0.002}
GROWING_DREG = {**DREG, "num_importance_samples": 50, "growing_samples": True}
# VampPrior of Tomczak & Welling (2018), section 5: two gated layers of 300, 40 codes, 500 pseudo-inputs.
VAMP = {"prior": "vamp", "hidden_sizes": (300, 300), "latent_size": (40,), "beta_epochs": 20.0}
# Three levels of maps below a vector, the deep network of photographs in small.
MAPS = {
    "iw_samples": 100,
    "hierarchical": True,
    "network": "residual",
    "hidden_sizes": (32, 64),
    "num_features": 128,
    "latent_size": ("7x7x4*3", 32),
    "batch_size": 100,
    "optimizer": "adamax",
    "learning_rate": 0.004,
    "learning_rate_schedule": "cosine",
    "free_nats": 0.2,
    "skip_above": 10.0,
}
# M2 of Kingma et al. (2014), section 4: 50 codes; their networks have 500 units a layer. A label weighs 30: of
# the labels of validation images 95.1 % were right, and 94.6 % with a weight of 1; see RESULTS.md.
FEW_LABELS = {
    "evaluate": True,
    "iw_samples": 100,
    "is_cvae": True,
    "hidden_sizes": (300, 300),
    "latent_size": (50,),
    "label_weight": 30.0,
    "num_epochs": 16,
    "batch_size": 100,
    "learning_rate_schedule": "cosine",
    "clip_norm": 200.0,
    "ema": 0.999,
    "shift": 1,
}
# 4096-400-200-10: smaller than the dense networks of Chen et al. (2018), appendix, for dSprites.
FACTORS = {
    "evaluate": True,
    "iw_samples": 100,
    "dataset": "sprites",
    "network": "mlp",
    "hidden_sizes": (400, 200),
    "num_epochs": 12,
}
# A KL that rises slowly, from nothing: what changes most pixels, x and y, gets a unit of its own first (Burgess et al.
# 2018, section 5). Within 10 epochs, in place of 30, position was turned by 45 degrees in two of five seeds.
CAPACITY_14 = {"objective": "capacity", "beta": 100.0, "capacity": 14.0, "capacity_epochs": 30.0, "num_epochs": 36}

# The deep hierarchy of `DATASETS`, trained longer. WebP takes 4.333 bits for each of their 64x64x3 values.
UCMERCED = {"dataset": "ucmerced", "hierarchical": True, "evaluate": True, "iw_samples": 20}

TABLE_1, FIXED = "Burda et al. (2016), table 1", "Burda et al. (2016), fixed binarisation"
LADDER = "Sonderby et al. (2016), five levels"
AIM = "the aim here, log p(x given y)"
NBIP, HERE = "github.com/nbip/IWAE, log p(x given y)", "measured here, mean over seeds"
VAMP_TABLE = "Tomczak & Welling (2018), VAE + VampPrior, static MNIST"
M2_TABLE = "Kingma et al. (2014), table 1, M2"
MAPS_LADDER = "github.com/addtt/ladder-vae-pytorch, three levels of maps"
NBIP_DREG = "github.com/nbip/IWAE, the same gradients"

PRESETS = {
    "vae_1l": Preset({**ONE_LEVEL, **GATED, "num_epochs": 160}, -86.76, 0.1, TABLE_1),
    "dreg_1l_k50": Preset({**GROWING_DREG, "load_weights": "vae_1l", "num_epochs": 28}, -84.32, 0.1, NBIP_DREG),
    "vae_2l": Preset({**TWO_LEVELS, "num_epochs": 100}, -85.33, 0.1, TABLE_1),
    "dreg_2l_k50": Preset({**GROWING_DREG, "load_weights": "vae_2l", "num_epochs": 28}, -82.90, 0.1, TABLE_1),
    "vae_5l": Preset({**FIVE_LEVELS, "num_epochs": 80, "iw_samples": 100}, -81.74, 0.1, LADDER),
    "dreg_5l_k50": Preset({**GROWING_DREG, "load_weights": "vae_5l", "num_epochs": 20}, -81.74, 0.1, LADDER),
    "vae_5l_60k": Preset({**FIVE_LEVELS, **ALL_IMAGES, "num_epochs": 80, "iw_samples": 100}, -81.74, 0.1, LADDER),
    "dreg_5l_k50_60k": Preset(
        {**GROWING_DREG, **ALL_IMAGES, "load_weights": "vae_5l_60k", "num_epochs": 20}, -81.74, 0.1, LADDER
    ),
    "cvae_1l": Preset({**ONE_LEVEL, "is_cvae": True, "num_epochs": 150}, -82.32, 0.1, NBIP),
    "cvae_1l_class_prior": Preset(
        {**ONE_LEVEL, **GATED, "is_cvae": True, "prior": "class", "num_epochs": 160}, -82.32, 0.1, NBIP
    ),
    "cvae_dreg_1l_k50": Preset(
        {**GROWING_DREG, "load_weights": "cvae_1l_class_prior", "num_epochs": 28}, -80.78, 0.1, NBIP
    ),
    "static_vae_1l": Preset({**ONE_LEVEL, **GATED, **STATIC, "num_epochs": 60}, -88.71, 0.1, FIXED),
    "static_dreg_1l_k50": Preset(
        {**GROWING_DREG, **STATIC, "load_weights": "static_vae_1l", "num_epochs": 30}, -87.10, 0.1, FIXED
    ),
    "static_vamp_1l": Preset({**ONE_LEVEL, **GATED, **STATIC, **VAMP, "num_epochs": 40}, -85.57, 0.1, VAMP_TABLE),
    "static_dreg_vamp_1l_k50": Preset(
        {**GROWING_DREG, **STATIC, "load_weights": "static_vamp_1l", "num_epochs": 30}, -85.57, 0.1, VAMP_TABLE
    ),
    "static_maps": Preset({**MAPS, **STATIC, "free_nats": 1.0, "num_epochs": 40}, -79.47, 0.1, MAPS_LADDER),
    "static_dreg_maps_k5": Preset(
        {**DREG_5, **STATIC, "load_weights": "static_maps", "num_epochs": 4}, -79.24, 0.1, MAPS_LADDER
    ),
    "chvae_2l": Preset({**TWO_LEVELS, "is_cvae": True, "num_epochs": 80}, -80.5, 0.0, AIM),
    "chvae_dreg_2l_k50": Preset({**GROWING_DREG, "load_weights": "chvae_2l", "num_epochs": 28}, -80.5, 0.0, AIM),
    "chvae_maps": Preset({**MAPS, "is_cvae": True, "num_epochs": 9}, -80.5, 0.0, AIM),
    "m2_100": Preset({**FEW_LABELS, "labelled": 100}, 0.8803, 0.0, M2_TABLE, "label_accuracy"),
    "m2_600": Preset({**FEW_LABELS, "labelled": 600}, 0.9506, 0.0, M2_TABLE, "label_accuracy"),
    "m2_1000": Preset({**FEW_LABELS, "labelled": 1_000}, 0.9640, 0.0, M2_TABLE, "label_accuracy"),
    "m2_3000": Preset({**FEW_LABELS, "labelled": 3_000}, 0.9608, 0.0, M2_TABLE, "label_accuracy"),
    "sprites_vae": Preset({**FACTORS, "beta": 1.0}, 0.055, 0.03, HERE, "mig_histogram", 5),
    "sprites_beta_vae_4": Preset({**FACTORS, "beta": 4.0}, 0.068, 0.03, HERE, "mig_histogram", 5),
    "sprites_beta_vae_10": Preset({**FACTORS, "beta": 10.0}, 0.082, 0.06, HERE, "mig_histogram", 5),
    "sprites_beta_tc_6": Preset({**FACTORS, "objective": "beta_tc"}, 0.154, 0.1, HERE, "mig_histogram", 5),
    "sprites_capacity_14": Preset({**FACTORS, **CAPACITY_14}, 0.386, 0.1, HERE, "mig_histogram", 5),
    "sprites_capacity_tc_6": Preset(
        {**FACTORS, "load_weights": "sprites_capacity_14", "objective": "beta_tc"},
        0.427,
        0.06,
        HERE,
        "mig_histogram",
        5,
    ),
    "ucmerced_deep": Preset({**UCMERCED, "num_epochs": 48}, -36_903, 0.0, "lossless WebP, 4.33 bits per dimension"),
}
