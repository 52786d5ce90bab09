"""Config: every setting of a run, its help, and what it accepts. Imports neither TensorFlow nor numpy."""

import json
import zlib
from dataclasses import asdict, dataclass, field, fields
from math import prod

from experiment.presets import NETWORKS, OBJECTIVES, PRESETS
from experiment.published import PUBLISHED
from experiment.refusals import ConfigError, received, refuse_impossible
from experiment.rules import (
    ABOVE_0,
    AT_LEAST_0,
    IMAGES,
    LEVELS,
    MAX_INT,
    NEWEST,
    NORMALIZATION,
    PATH,
    RUN,
    RUN_NAME,
    SHARE,
    SIZES,
    SWITCH,
    UNITS,
    WEIGHTS,
    are_sizes,
    level_shape,
    number,
    one_of,
    whole_number,
)

# Groups of settings. Those of the model are part of its weights; those of the output change no number.
MODEL, DATA, TRAINING, PICTURES, OUTPUT = "model", "data", "training", "pictures", "output"


def defaults_of_networks(name):
    """'[mlp: relu; conv: silu]', for the help of a setting that each network has its own default of."""
    shown = {network: " ".join(map(str, _as_tuple(settings.get(name)))) for network, settings in NETWORKS.items()}
    return " [" + "; ".join(f"{network}: {value}" for network, value in shown.items() if value != "None") + "]"


def _as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def setting(default, group, rule, help, **argparse_options):
    """A field of Config that is also a flag. `help` may not repeat the default: the command line adds it."""
    metadata = {"group": group, "rule": rule, "help": help, "argparse": argparse_options}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """Every setting of a run. None means: not given, or settled from the other settings by `resolve`."""

    is_cvae: bool = setting(False, MODEL, SWITCH, "condition encoder and decoder on the label: p(x|z,y), q(z|x,y)")
    hierarchical: bool = setting(False, MODEL, SWITCH, "a hierarchy of latents, as many levels as --latent_size has")
    hierarchy: str = setting(
        "top_down",
        MODEL,
        one_of("top_down", "chain"),
        "top_down: p(z2) p(z1|z2) p(x|z1,z2), inferred from the top; chain: x -> z1 -> z2 -> x, as the land-use "
        "project had it",
    )
    latent_size: tuple[int | str, ...] = setting(
        (15,),
        MODEL,
        LEVELS,
        "units of the latent z; of a hierarchy one size for each level, that next to the image first: 64 for a vector, "
        "7x7x4 for a map of 7x7 pixels and 4 channels",
        nargs="+",
    )
    log_var_bound: float = setting(
        10.0,
        MODEL,
        ABOVE_0,
        "log variances of priors, and how far posteriors leave them, stay between minus and plus this",
    )
    network: str = setting(
        "mlp", MODEL, one_of(*NETWORKS), "trunk of encoder and decoder: mlp (dense) or conv (convolutions of stride 2)"
    )
    hidden_sizes: tuple[int, ...] | None = setting(
        None,
        MODEL,
        SIZES,
        "units of each dense layer, or channels of each convolution, of the encoder; the decoder mirrors them"
        + defaults_of_networks("hidden_sizes"),
        nargs="+",
    )
    activation: str | None = setting(
        None,
        MODEL,
        one_of("relu", "leaky_relu", "silu", "tanh"),
        "what follows each layer: relu, leaky_relu, silu or tanh" + defaults_of_networks("activation"),
    )
    encoder_normalization: str | None = setting(
        None,
        MODEL,
        NORMALIZATION,
        "none, batch or instance, after each convolution of the encoder"
        + defaults_of_networks("encoder_normalization"),
    )
    decoder_normalization: str | None = setting(
        None, MODEL, NORMALIZATION, "the same of the decoder" + defaults_of_networks("decoder_normalization")
    )
    upsampling: str | None = setting(
        None,
        MODEL,
        one_of("transposed", "resize"),
        "how the decoder doubles its resolution: transposed convolution, or resize and convolution"
        + defaults_of_networks("upsampling"),
    )
    num_features: int | None = setting(
        None,
        MODEL,
        whole_number(0),
        "units of the dense layer between convolutions and codes; 0 for none" + defaults_of_networks("num_features"),
    )
    num_blocks: int = setting(
        0, MODEL, whole_number(0), "residual blocks at each resolution, and between levels of a hierarchy"
    )
    likelihood: str = setting(
        "bernoulli",
        MODEL,
        one_of("bernoulli", "mse", "gaussian", "discretized_logistic"),
        "p(x|z): bernoulli (cross-entropy), mse (Gaussian of unit variance), gaussian (one learned variance), "
        "discretized_logistic (8-bit values, and bits per dimension)",
    )

    dataset: str = setting("mnist", DATA, one_of(*PRESETS), "data set: " + ", ".join(PRESETS))
    data_dir: str | None = setting(None, DATA, PATH, "folder that holds the data set's files")
    limit: int | None = setting(
        None, DATA, whole_number(1), "use only the first N images of each split, for a quick look"
    )
    binarization: str = setting(
        "dynamic",
        DATA,
        one_of("dynamic", "static", "none"),
        "dynamic (pixels are Bernoulli draws of their grey value, fresh each step; the test set is drawn once), static "
        "(the data set's own binary file) or none (grey values); none unless the likelihood is bernoulli",
    )

    image_size: int | None = setting(
        None, DATA, whole_number(1, 4096), "height and width that photographs are brought to"
    )
    crop: str = setting(
        "center",
        DATA,
        one_of("center", "none"),
        "cut the largest central square of photographs, or squeeze all of them",
    )
    grayscale: bool = setting(False, DATA, SWITCH, "read photographs as grey images")
    validation_split: float = setting(
        0.2, DATA, SHARE, "share of a folder's images that validate, where it has no folder for them"
    )
    test_split: float = setting(
        0.1, DATA, SHARE, "share of a folder's images that test, where it has no folder for them"
    )
    skip_unreadable: bool = setting(
        False, DATA, SWITCH, "go on without files that cannot be read as images, and record which"
    )
    cache_dir: str | None = setting(
        None, DATA, PATH, "folder for photographs as they were read (default: image_cache beside Keras's downloads)"
    )
    horizontal_flip: bool = setting(False, DATA, SWITCH, "mirror half of the training images, others in each epoch")

    num_epochs: int = setting(10, TRAINING, whole_number(0), "passes over the training images; 0 only generates")
    batch_size: int = setting(128, TRAINING, whole_number(1), "images in a batch")
    optimizer: str = setting("adam", TRAINING, one_of("adam", "adamax"), "adam or adamax (Kingma & Ba 2015)")
    learning_rate: float = setting(1e-3, TRAINING, ABOVE_0, "step size of the optimizer")
    learning_rate_schedule: str = setting(
        "constant", TRAINING, one_of("constant", "cosine"), "constant, or cosine: falls to 0 at the last step"
    )
    objective: str = setting(
        "elbo",
        TRAINING,
        one_of(*OBJECTIVES),
        "loss: elbo, iwae (importance-weighted bound of --num_importance_samples), beta_tc (beta on the total "
        "correlation alone), capacity (beta on how far the rate is from --capacity) or mmd (beta on how far the "
        "aggregate posterior is from the prior; a Wasserstein autoencoder)",
    )
    num_importance_samples: int = setting(
        1, TRAINING, whole_number(1), "samples of z for each training image; for --objective iwae"
    )
    capacity: float = setting(
        0.0, TRAINING, AT_LEAST_0, "nats that the rate is to have at last; for --objective capacity"
    )
    capacity_epochs: float = setting(10.0, TRAINING, ABOVE_0, "epochs in which the capacity rises from 0 to that")
    beta: float = setting(
        1.0,
        TRAINING,
        AT_LEAST_0,
        "weight of the rate (KL) in the loss; 1 is the ELBO. Evaluation never uses it. Several: a run is trained with "
        "each, and they are compared; the same command continues",
        nargs="+",
    )
    level_betas: tuple[float, ...] = setting(
        (), TRAINING, WEIGHTS, "what beta is multiplied by at each level, that next to the image first", nargs="+"
    )
    beta_schedule: str = setting(
        "constant",
        TRAINING,
        one_of("constant", "linear", "cosine", "cyclical"),
        "how beta rises from 0 within --beta_epochs; cyclical: again and again",
    )
    beta_epochs: float = setting(10.0, TRAINING, ABOVE_0, "epochs until beta has its value, or of one cycle")
    free_nats: float = setting(
        0.0, TRAINING, AT_LEAST_0, "rate of each level, as a mean over the batch, that the loss does not count"
    )
    clip_norm: float = setting(0.0, TRAINING, AT_LEAST_0, "scale gradients down to this global norm; 0: do not")
    weight_decay: float = setting(
        0.0,
        TRAINING,
        AT_LEAST_0,
        "share of the weights that the learning rate takes from them at each step, as in AdamW",
    )
    ema: float = setting(
        0.0,
        TRAINING,
        number(lambda value: 0 <= value < 1, "a number of at least 0 and below 1"),
        "evaluate, draw and save exponential moving averages of the weights with this decay, such as 0.999; 0: the "
        "weights themselves",
    )
    max_skipped_steps: int = setting(
        0, TRAINING, whole_number(0), "steps whose gradient is not finite that are left out before the run gives up"
    )
    seed: int = setting(0, TRAINING, whole_number(0, MAX_INT), "a run is a function of its settings and this number")

    reconstruct: tuple[str, ...] = setting(
        (), PICTURES, IMAGES, "reconstruct these images: paths of files, or indices of test images", nargs="+"
    )
    interpolate: tuple[str, ...] = setting(
        (),
        PICTURES,
        IMAGES,
        "go from image to image, pair by pair: paths of files, or indices of test images",
        nargs="+",
    )
    traverse: tuple[str, ...] = setting(
        (),
        PICTURES,
        IMAGES,
        "vary single units of the codes of these images: paths, or indices of test images",
        nargs="+",
    )
    traverse_units: tuple[int, ...] = setting(
        (),
        PICTURES,
        UNITS,
        "the units to vary, counted from 0 through all levels, the top one first (default: the ten of the most rate)",
        nargs="+",
    )
    traverse_range: float = setting(
        3.0, PICTURES, ABOVE_0, "how far to vary a unit on both sides of its prior's mean, in standard deviations"
    )
    relabel: tuple[str, ...] = setting(
        (),
        PICTURES,
        IMAGES,
        "encode these images with their own label and decode them with others (attributes: each of them flipped); for "
        "--is_cvae: paths in folders named as their labels, or indices of test images",
        nargs="+",
    )
    manifold: bool = setting(False, PICTURES, SWITCH, "draw the whole plane of codes of a model of two units")
    embed: bool = setting(
        False, PICTURES, SWITCH, "draw the codes of test images in two dimensions, by principal components and t-SNE"
    )

    run_name: str | None = setting(
        None, OUTPUT, RUN_NAME, "folder under model_ckpts/ and outputs/ (default: the data set and the model)"
    )
    preset: str | None = setting(
        None,
        OUTPUT,
        one_of(*PUBLISHED),
        f"settings of a published run, which flags override, and the number to expect: {', '.join(PUBLISHED)}",
    )
    load_weights: str | None = setting(
        None,
        OUTPUT,
        RUN,
        "start from the weights of a run (its name, folder or file; the newest of this name if none is given) and its "
        "settings: trains on for --num_epochs, or only generates with --num_epochs 0",
        nargs="?",
        const=NEWEST,
    )
    evaluate: bool = setting(
        False,
        OUTPUT,
        SWITCH,
        "measure all that the data and the model allow: importance-weighted bound, information in the codes, quality "
        "of reconstructions, what labels and factors say",
    )
    iw_samples: int = setting(
        0,
        OUTPUT,
        whole_number(0),
        "evaluate the importance-weighted bound of the test images, with so many samples of z for each; 0: with "
        "--evaluate 5000, or as many as take a quarter of an hour, else not at all",
    )
    save_seconds: float = setting(
        30.0,
        OUTPUT,
        AT_LEAST_0,
        "save the training state at least this often within an epoch, in seconds, besides after every epoch",
    )
    every_epoch: bool = setting(
        False, OUTPUT, SWITCH, "after every epoch keep its weights, and draw samples and reconstructions"
    )
    grid: int = setting(10, OUTPUT, whole_number(1, 10_000), "images in the grid of samples")
    tensorboard: bool = setting(False, OUTPUT, SWITCH, "also write metrics, pictures and histograms for TensorBoard")

    # Not flags: found in the data, and saved with the run so that its model can be rebuilt without the data.
    image_shape: tuple[int, int, int] | None = None
    label_names: tuple[str, ...] = ()
    has_attributes: bool = False  # an image may have several labels at once, or none
    data_fingerprint: str | None = None  # of all images and labels: a resumed run must see the same

    def __post_init__(self):
        for each in flags():
            value = getattr(self, each.name)
            if value is None and each.default is None:
                continue
            if not each.metadata["rule"].accepts(value):
                raise ConfigError(f"{received(each.name, value)}: expected {each.metadata['rule'].expected}")
        if self.image_shape is not None and not (are_sizes(self.image_shape) and len(self.image_shape) == 3):
            raise ConfigError(f"image_shape {self.image_shape}: expected height, width and channels")
        if not (isinstance(self.label_names, tuple) and all(isinstance(name, str) for name in self.label_names)):
            raise ConfigError(f"label_names {self.label_names}: expected a list of names")
        refuse_impossible(self)

    @property
    def level_shapes(self):
        """The shape of each level's codes, that next to the image first: (64,) or (7, 7, 4)."""
        return tuple(map(level_shape, self.latent_size))

    @property
    def num_units(self):
        """Units of all levels together."""
        return sum(map(prod, self.level_shapes))

    @property
    def num_decoded_units(self):
        """Units that the decoder sees, counted from the top level on: all, but of a chain those of its top level."""
        return prod(self.level_shapes[-1]) if self.model == "chain" else self.num_units

    @property
    def model(self):
        """Name of the model in models.MODELS."""
        if self.hierarchical and self.hierarchy == "chain":
            return "chain"
        return f"{'c' if self.is_cvae else ''}{'h' if self.hierarchical else ''}vae"

    @property
    def family(self):
        """The name that runs of these settings share, with numbers behind it."""
        return self.run_name or f"{self.dataset}_{self.model}"

    @property
    def digest(self):
        """A checksum of all that decides the bits of a run, but for how long it is."""
        decisive = {each.name: each.default for each in fields(self) if each.name not in free_when_resumed()}
        # What is as it always was has no part in it, so that a setting which is new leaves the checksums of old runs.
        chosen = {name: getattr(self, name) for name in decisive if getattr(self, name) != decisive[name]}
        return zlib.crc32(repr(sorted(chosen.items())).encode())

    def to_json(self):
        return json.dumps(asdict(self), indent=2) + "\n"


def flags():
    """The fields of Config that are flags."""
    return [each for each in fields(Config) if each.metadata]


def names_in(*groups):
    """The names of the flags in some groups."""
    return {each.name for each in flags() if each.metadata["group"] in groups}


def free_when_resumed():
    """Names of what may change when a run is continued: where the data is, how long to train, and the output."""
    return names_in(PICTURES, OUTPUT) | {"data_dir", "cache_dir", "num_epochs"}
