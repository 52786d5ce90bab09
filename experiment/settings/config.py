"""Config: every setting of a run, its help, and the values it accepts. Imports neither TensorFlow nor numpy.

A new field is a new flag.
"""

import zlib
from dataclasses import asdict, dataclass, fields
from math import prod

from atomic_files import sealed
from experiment.settings.datasets import DATASETS
from experiment.settings.formats import FORMATS
from experiment.settings.presets import PRESETS
from experiment.settings.refusals import ConfigError, received, refuse_impossible
from experiment.settings.setting import DATA, MODEL, OUTPUT, PICTURES, TRAINING, by_network, setting, summaries
from experiment.settings.values import (
    ABOVE_0,
    AT_LEAST_0,
    BANDS,
    FILE,
    IMAGE_SIZE,
    IMAGES,
    LEVELS,
    MAX_FLOAT,
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
    level_shapes,
    number,
    one_of,
    some_of,
    whole_number,
)
from models.catalog import (
    LIKELIHOODS,
    MODELS,
    NETWORKS,
    OBJECTIVES,
    PRIORS,
    SELECTORS,
    name_of_model,
    values_that_choose,
)


@dataclass(frozen=True)
class Config:
    """Every setting of a run. None means: not given, or determined by `resolve` from the other settings."""

    is_cvae: bool = setting(False, MODEL, SWITCH, "condition encoder and decoder on the label y: q(z|x,y), p(x|z,y)")
    labelled: int | None = setting(
        None,
        MODEL,
        whole_number(1),
        "with --is_cvae: learn from only N labels, as many of each class, and from all other images without (M2 of "
        "Kingma et al. 2014)",
    )
    label_weight: float = setting(
        1.0, TRAINING, AT_LEAST_0, "weight of the classifier's mean cross-entropy on labelled images, for --labelled"
    )
    hierarchical: bool = setting(False, MODEL, SWITCH, "use several levels of latents, one for each --latent_size")
    hierarchy: str = setting(
        "top_down",
        MODEL,
        one_of("top_down", *values_that_choose("hierarchy")),
        "top_down: p(z2) p(z1|z2) p(x|z1,z2), inferred from the top level down; chain: x -> z1 -> z2 -> x, the model "
        "of the land-use project",
    )
    latent_size: tuple[int | str, ...] = setting(
        (15,),
        MODEL,
        LEVELS,
        "units of the latent z; in a hierarchy one size for each level, the level next to the image first: 64 is a "
        "vector, 7x7x4 a map of 7x7 pixels and 4 channels, 7x7x4*3 three such levels",
        several_with="hierarchical",
        nargs="+",
    )
    prior: str = setting("standard", MODEL, one_of(*PRIORS), f"prior of the codes: {summaries(PRIORS)}")
    num_components: int = setting(
        500, MODEL, whole_number(1), "Gaussians or pseudo-inputs, for --prior mixture and vamp"
    )
    log_var_bound: float = setting(
        10.0,
        MODEL,
        ABOVE_0,
        "log variances of priors, and their difference to those of posteriors, stay between minus and plus this",
    )
    network: str = setting("mlp", MODEL, one_of(*NETWORKS), f"encoder and decoder: {summaries(NETWORKS)}")
    hidden_sizes: tuple[int, ...] | None = setting(
        None,
        MODEL,
        SIZES,
        "units of each dense layer, or channels of each convolution, of the encoder; the decoder mirrors them"
        + by_network("hidden_sizes"),
        nargs="+",
    )
    activation: str | None = setting(
        None,
        MODEL,
        one_of("relu", "leaky_relu", "silu", "tanh"),
        "activation function: relu, leaky_relu, silu or tanh" + by_network("activation"),
    )
    encoder_normalization: str | None = setting(
        None,
        MODEL,
        NORMALIZATION,
        "normalisation after each convolution of the encoder: none, batch or instance"
        + by_network("encoder_normalization"),
    )
    decoder_normalization: str | None = setting(
        None, MODEL, NORMALIZATION, "the same for the decoder" + by_network("decoder_normalization")
    )
    upsampling: str | None = setting(
        None,
        MODEL,
        one_of("transposed", "resize"),
        "how the decoder doubles the resolution: transposed (convolution), or resize and then convolve"
        + by_network("upsampling"),
    )
    num_features: int | None = setting(
        None,
        MODEL,
        whole_number(0),
        "units of the dense layer between the convolutions and z; 0 for no such layer" + by_network("num_features"),
    )
    num_blocks: int = setting(
        0, MODEL, whole_number(0), "residual blocks at each resolution, and between the levels of a hierarchy"
    )
    likelihood: str = setting(
        "bernoulli",
        MODEL,
        one_of(*LIKELIHOODS),
        f"distribution of the pixels p(x|z): {summaries(LIKELIHOODS)}",
        is_fair=False,
    )

    dataset: str = setting("mnist", DATA, one_of(*DATASETS), "data set: " + ", ".join(DATASETS))
    data_dir: str | None = setting(None, DATA, PATH, "folder with the files of the data set")
    train_on_validation: bool = setting(
        False,
        DATA,
        SWITCH,
        "train on the validation images too, for a number of epochs that a run without them chose; nothing is left to "
        "choose weights by, so the last ones are kept",
    )
    limit: int | None = setting(None, DATA, whole_number(1), "use only the first N images of each split")
    binarization: str = setting(
        "dynamic",
        DATA,
        one_of("dynamic", "static", "none"),
        "dynamic: draw each pixel from its grey value, anew at each training step, once for the test images; static: "
        "use the data set's own binary file; none: keep grey values, the only choice unless --likelihood bernoulli",
    )

    image_size: int | tuple[int, int] | None = setting(
        None,
        DATA,
        IMAGE_SIZE,
        "height and width that photographs are resized to, one number for a square",
        photographs_only=True,
        nargs="+",
    )
    crop: str = setting(
        "center",
        DATA,
        one_of("center", "none"),
        "center: cut the largest central part of each photograph that has the shape of --image_size; none: squeeze the "
        "whole photograph into it",
        photographs_only=True,
    )
    grayscale: bool = setting(False, DATA, SWITCH, "read photographs as grey images", photographs_only=True)
    validation_split: float = setting(
        0.2,
        DATA,
        SHARE,
        "share of the images used for validation, where the folder has no validation folder",
        photographs_only=True,
    )
    test_split: float = setting(
        0.1, DATA, SHARE, "share of the images used for testing, where it has no test folder", photographs_only=True
    )
    skip_unreadable: bool = setting(
        False, DATA, SWITCH, "leave out files that cannot be read, and record which", photographs_only=True
    )
    labels: str | None = setting(
        None,
        DATA,
        FILE,
        "a .csv file with the columns file and label, or file and several attributes of 0 and 1, whose names its first "
        "line has: the labels of the images, in place of class folders",
        photographs_only=True,
    )
    bands: tuple[int, ...] = setting(
        (),
        DATA,
        BANDS,
        "bands of TIFF files, counted from 1, that become red, green and blue, or the one that becomes grey: 4 3 2 for "
        "Sentinel-2",
        photographs_only=True,
        nargs="+",
    )
    white_level: float | None = setting(
        None,
        DATA,
        ABOVE_0,
        "the value that is white in TIFF and grey PNG files of more than 8 bits, such as 4095 for 12 bits in 16 "
        "(default: the largest that 16 bits hold; of floats 1 or 255)",
        photographs_only=True,
    )
    max_megapixels: float = setting(
        100.0, DATA, ABOVE_0, "the largest image that is read, in millions of pixels", photographs_only=True
    )
    cache_dir: str | None = setting(
        None,
        DATA,
        PATH,
        "folder that keeps decoded photographs (default: image_cache beside Keras's downloads)",
        photographs_only=True,
    )
    horizontal_flip: bool = setting(False, DATA, SWITCH, "mirror half of the training images, others in each epoch")
    quarter_turns: bool = setting(
        False,
        DATA,
        SWITCH,
        "turn training images by 0, 90, 180 or 270 degrees, anew in each epoch: for what has no up, as seen from above",
    )
    shift: int = setting(
        0,
        DATA,
        whole_number(0),
        "move training images by up to N pixels each way, anew in each epoch; edges are mirrored",
    )
    input_noise: float = setting(
        0.0,
        DATA,
        number(lambda value: 0 <= value < 0.5, "a number of at least 0 and below 0.5"),
        "share of the pixels that the encoder sees inverted, others at each training step; it then learns fewer "
        "training images by heart",
    )

    num_epochs: int = setting(10, TRAINING, whole_number(0), "passes over the training images; 0: only generate")
    batch_size: int = setting(128, TRAINING, whole_number(1), "images in a batch")
    optimizer: str = setting("adam", TRAINING, one_of("adam", "adamax"), "adam or adamax (Kingma & Ba 2015)")
    learning_rate: float = setting(1e-3, TRAINING, ABOVE_0, "learning rate of the optimizer")
    learning_rate_schedule: str = setting(
        "constant", TRAINING, one_of("constant", "cosine"), "constant, or cosine: fall to 0 at the last step"
    )
    objective: str = setting("elbo", TRAINING, one_of(*OBJECTIVES), f"what is minimised: {summaries(OBJECTIVES)}")
    num_importance_samples: int = setting(
        1, TRAINING, whole_number(1), "samples of z for each training image, for --objective iwae and dreg"
    )
    growing_samples: bool = setting(
        False,
        TRAINING,
        SWITCH,
        "let their number grow over the training: 1, 2, 4 ... --num_importance_samples, in stages of equal length",
    )
    capacity: float = setting(0.0, TRAINING, AT_LEAST_0, "final target of the KL in nats, for --objective capacity")
    capacity_epochs: float = setting(10.0, TRAINING, ABOVE_0, "epochs in which the target rises from 0 to --capacity")
    beta: float = setting(
        1.0,
        TRAINING,
        AT_LEAST_0,
        "weight of the KL (rate) in the loss; 1 is the ELBO, and evaluation always uses 1",
    )
    level_betas: tuple[float, ...] = setting(
        (), TRAINING, WEIGHTS, "further weight of each level's KL, the level next to the image first", nargs="+"
    )
    beta_schedule: str = setting(
        "constant",
        TRAINING,
        one_of("constant", "linear", "cosine", "cyclical"),
        "how beta rises from 0 during --beta_epochs; cyclical: it rises again and again",
    )
    beta_epochs: float = setting(10.0, TRAINING, ABOVE_0, "epochs until beta is reached, or of one cycle")
    free_nats: float = setting(
        0.0, TRAINING, AT_LEAST_0, "nats of KL at each level that cost nothing (a mean over the batch)"
    )
    clip_norm: float = setting(
        0.0, TRAINING, AT_LEAST_0, "largest global norm of the gradient; larger ones are scaled down to it; 0: no limit"
    )
    skip_above: float = setting(
        0.0,
        TRAINING,
        number(lambda value: value == 0 or 1 < value < MAX_FLOAT, "0, or a number above 1"),
        "skip steps whose gradient has a norm of more than X times its running mean, such as 10; 0: none",
    )
    weight_decay: float = setting(0.0, TRAINING, AT_LEAST_0, "weight decay of AdamW")
    ema: float = setting(
        0.0,
        TRAINING,
        number(lambda value: 0 <= value < 1, "a number of at least 0 and below 1"),
        "decay of an exponential moving average of the weights, such as 0.999; the average is evaluated, drawn and "
        "saved; 0: no average",
    )
    precision: str = setting(
        "auto",
        TRAINING,
        one_of("auto", "float32", "mixed_bfloat16", "mixed_float16"),
        "precision in which encoder and decoder are trained: auto is float32; mixed_bfloat16 may be faster for "
        "convolutions where the CPU or the GPU has units for it; all else, the evaluation too, is float32",
        before="float32",
    )
    max_skipped_steps: int = setting(
        0,
        TRAINING,
        whole_number(0),
        "how many steps with a gradient that is not finite are skipped before the run stops",
    )
    xla: str = setting(
        "auto",
        TRAINING,
        one_of("auto", "on", "off"),
        "whether XLA compiles the training steps: auto does so for dense networks on a CPU and for all on a GPU",
    )
    seed: int = setting(
        0, TRAINING, whole_number(0, MAX_INT), "seed of all noise: same settings and seed, same run", is_fair=False
    )  # --seeds has several

    reconstruct: tuple[str, ...] = setting(
        (),
        PICTURES,
        IMAGES,
        "reconstruct these images: paths of files, indices of test images, or class:7 for the first of class 7",
        draw="draw_reconstructions",
        nargs="+",
    )
    interpolate: tuple[str, ...] = setting(
        (), PICTURES, IMAGES, "interpolate between these images, pair by pair", draw="draw_interpolations", nargs="+"
    )
    traverse: tuple[str, ...] = setting(
        (), PICTURES, IMAGES, "vary single units of the codes of these images", draw="draw_traversals", nargs="+"
    )
    traverse_units: tuple[int, ...] = setting(
        (),
        PICTURES,
        UNITS,
        "the units to vary, counted from 0 through all levels, the top level first (default: the ten of highest KL)",
        nargs="+",
    )
    traverse_range: float = setting(
        3.0, PICTURES, ABOVE_0, "how far to vary a unit to both sides, in standard deviations of its prior"
    )
    relabel: tuple[str, ...] = setting(
        (),
        PICTURES,
        IMAGES,
        "encode these images with their own label, decode them with every other (of attributes: each one flipped); "
        "for --is_cvae; a file's label is the name of its folder",
        draw="draw_relabelled",
        nargs="+",
    )
    manifold: bool = setting(
        False, PICTURES, SWITCH, "draw the whole plane of codes, for --latent_size 2", draw="draw_manifold"
    )
    embed: bool = setting(
        False, PICTURES, SWITCH, "draw the codes of test images in the plane: PCA and t-SNE", draw="draw_embeddings"
    )
    anomalies: bool = setting(
        False,
        PICTURES,
        SWITCH,
        "draw the most and the least unusual of the test images, or of --score: by the ELBO, and by what it needs "
        "beyond a lossless code",
        draw="draw_anomalies",
    )

    run_name: str | None = setting(
        None, OUTPUT, RUN_NAME, "name of the run's folders in model_ckpts/ and outputs/ (default: data set and model)"
    )
    preset: str | None = setting(
        None,
        OUTPUT,
        one_of(*PRESETS),
        f"settings of a published result, and the number to expect: {', '.join(PRESETS)}",
        asked_once=True,
    )
    load_weights: str | None = setting(
        None,
        OUTPUT,
        RUN,
        "start from the weights and settings of a run: its name, folder or weights file; without a value the newest "
        "run of this data set and model. It trains on for --num_epochs; with --num_epochs 0 it only generates",
        nargs="?",
        const=NEWEST,
    )
    evaluate: bool = setting(
        False,
        OUTPUT,
        SWITCH,
        "measure everything that the data and the model allow: importance-weighted bound, information in the codes, "
        "reconstructions, labels, factors",
        asked_once=True,
    )
    iw_samples: int = setting(
        0,
        OUTPUT,
        whole_number(0),
        "samples of z for each test image in the importance-weighted bound; 0: with --evaluate 5000, or as many as "
        "take a quarter of an hour; otherwise no such bound",
        asked_once=True,
    )
    codes: bool = setting(
        False,
        OUTPUT,
        SWITCH,
        "write codes.csv and codes.npz, tables of all images: file, split, label, ELBO, reconstruction loss, KL, codes",
        asked_once=True,
    )
    score: str | None = setting(
        None,
        OUTPUT,
        PATH,
        "write such a table, scores.csv and scores.npz, of the images in a folder; with --load_weights, and without "
        "the data that it was trained on",
        asked_once=True,
    )
    export: tuple[str, ...] = setting(
        (),
        OUTPUT,
        some_of(*FORMATS),
        f"also write encoder and decoder as files for other programs: {summaries(FORMATS)}",
        asked_once=True,
        nargs="+",
    )
    save_seconds: float = setting(
        30.0, OUTPUT, AT_LEAST_0, "longest time in seconds between two saves of the training state within an epoch"
    )
    every_epoch: bool = setting(
        False, OUTPUT, SWITCH, "after every epoch keep its weights, and draw samples and reconstructions"
    )
    grid: int = setting(10, OUTPUT, whole_number(1, 10_000), "images in the grid of samples")
    tensorboard: bool = setting(False, OUTPUT, SWITCH, "also write metrics, pictures and histograms for TensorBoard")
    steps_per_call: int | None = setting(
        None,
        OUTPUT,
        whole_number(1),
        "training steps from one look at the progress to the next (default: about half a second of them)",
    )
    strategy: str = setting(
        "auto",
        OUTPUT,
        one_of("auto", "one", "mirrored", "multi_worker"),
        "devices that share every batch: one; mirrored: the GPUs of this machine; multi_worker: those of several "
        "machines, which TF_CONFIG names; auto: multi_worker or mirrored where there are several, else one",
        asked_once=True,
    )
    track: tuple[str, ...] = setting(
        (),
        OUTPUT,
        some_of("mlflow", "wandb"),
        "also send metrics, test numbers and files to MLflow or Weights & Biases (wandb), whose packages you install",
        asked_once=True,
        nargs="+",
    )

    # Not flags. They come from the data, and are saved so that the model can be rebuilt without the data.
    image_shape: tuple[int, int, int] | None = None
    label_names: tuple[str, ...] = ()
    has_attributes: bool = False  # an image may have several labels at once, or none
    pixel_variance: float | None = None  # of the training pixels in [0, 1], where the likelihood begins at it
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
        if not (self.pixel_variance is None or ABOVE_0.accepts(self.pixel_variance)):
            raise ConfigError(f"pixel_variance {self.pixel_variance}: expected a number above 0")
        refuse_impossible(self)

    @property
    def model(self):
        """The name of the model in models.catalog.MODELS."""
        return name_of_model({name: getattr(self, name) for name in SELECTORS})

    @property
    def traits(self):
        """The entry of the model in models.catalog.MODELS."""
        return MODELS[self.model]

    @property
    def prior_symbol(self):
        """The prior of all codes together, such as 'N(0, I)'."""
        return self.traits.prior or PRIORS[self.prior].symbol

    @property
    def level_shapes(self):
        """The shape of each level's codes, such as (64,) or (7, 7, 4); the level next to the image first."""
        return tuple(shape for size in self.latent_size for shape in level_shapes(size))

    @property
    def level_sizes(self):
        """The number of units of each level; the level next to the image first."""
        return tuple(map(prod, self.level_shapes))

    @property
    def num_units(self):
        """The number of units of all levels together."""
        return sum(self.level_sizes)

    @property
    def num_decoded_units(self):
        """The number of units that reach the image. They are the first ones, counted from the top level."""
        return self.num_units if self.traits.is_top_down else self.level_sizes[-1]

    @property
    def has_activation(self):
        """Whether the network has an activation function, if only in residual blocks or the heads of lower levels."""
        has_heads = self.traits.has_levels and self.traits.is_top_down
        return NETWORKS[self.network].is_activated or self.num_blocks > 0 or has_heads

    @property
    def family(self):
        """The name that runs of these settings share; later runs append a number."""
        return self.run_name or f"{self.dataset}_{self.model}"

    @property
    def digest(self):
        """A checksum of all settings that decide the bits of a run, except for its length.

        Settings at their default, or as they were before there was such a setting, do not enter it, so that a new
        setting does not change the checksums of older runs.
        """
        usual = {each.name: {each.default, each.metadata.get("before")} for each in fields(self)}
        decisive = usual.keys() - free_when_resumed()
        chosen = {name: getattr(self, name) for name in decisive if getattr(self, name) not in usual[name]}
        return zlib.crc32(repr(sorted(chosen.items())).encode())

    def to_json(self):
        """The settings as a text that `config_of` reads, and whose changes it notices."""
        return sealed(asdict(self))


def flags():
    """The fields of Config that are flags."""
    return [each for each in fields(Config) if each.metadata]


def names_in(*groups):
    """The names of the flags in some groups."""
    return {each.name for each in flags() if each.metadata["group"] in groups}


def defaults_where(trait):
    """Name -> default of the flags that have a trait, such as asked_once."""
    return {each.name: each.default for each in flags() if each.metadata[trait]}


def values_before():
    """Name -> value of the settings that files of older versions lack, where it is not the default."""
    return {each.name: each.metadata["before"] for each in flags() if each.metadata["before"] is not None}


def free_when_resumed():
    """Names of what may change when a run is continued: where the data is, how long to train, and the output."""
    return names_in(PICTURES, OUTPUT) | {"data_dir", "cache_dir", "labels", "num_epochs"}
