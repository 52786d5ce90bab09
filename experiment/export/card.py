"""The card of an export, README.md: what goes in, what comes out, how the model was trained, and code that uses it."""

import json
from importlib.metadata import version

import tensorflow as tf

from experiment.evaluation.protocol import training_of
from experiment.export.listings import javascript_listing, python_listing
from experiment.files.checkpoints import weights_checksum
from experiment.files.names import load_config
from experiment.settings.datasets import DATASETS
from experiment.settings.formats import FORMATS, REQUIREMENTS
from experiment.settings.words import describe_levels, describe_network, name_of, nats_of


def card_of(programs, config, weights, folder):
    """The card as Markdown.

    Args:
        programs: of `programs_of`.
        config: the Config of the model.
        weights: the Path of its weights.
        folder: the Path of the folder that holds the exported files.
    """
    encoder, decoder, *classifiers = programs
    parts = [
        f"# {name_of(config)}, for other programs",
        "Pure functions. All tensors are float32 with N rows, for any N. Noise is an input: the same inputs give "
        "the same outputs.",
        *_signature(encoder, "images to codes"),
        *_signature(decoder, "codes to images"),
        *(part for each in classifiers for part in _signature(each, "images to the probabilities of labels")),
        *_levels(config),
        "## Images",
        _images(config),
        *_labels(config),
    ]
    for name in config.export:
        entry = FORMATS[name]
        parts += [f"## {entry.title}", _code("python", python_listing(name, programs, config))]
        if entry.runs_in_browsers:
            parts += ["## In the browser, with onnxruntime-web", _code("javascript", javascript_listing(decoder))]
    parts += [
        f"Packages: numpy, pillow and that of the title; their versions are in the project's {REQUIREMENTS}.",
        "## Where it comes from",
        _code("json", json.dumps(_protocol(config, weights), indent=2, ensure_ascii=False)),
        "Checksums of the files, as sha256sum prints them:",
        _code("text", _checksums(folder)),
    ]
    return "\n\n".join(parts) + "\n"


def _code(language, text):
    return f"```{language}\n{text.rstrip()}\n```"


# --- What goes in and what comes out ----------------------------------------------------------------------------------


def _signature(program, summary):
    rows = ["| | name | shape | what it is |", "|---|---|---|---|"]
    for side, shapes in (("in", program.inputs), ("out", program.outputs)):
        rows += [f"| {side} | `{name}` | {_shape(shape)} | {_meaning(name)} |" for name, shape in shapes.items()]
    return f"## {program.name}: {summary}", "\n".join(rows)


def _shape(shape):
    return f"[N, {', '.join(map(str, shape))}]"


def _meaning(name):
    kind, _, level = name.rpartition("_")
    return {
        "": {
            "images": "in [0, 1], see Images",
            "labels": "see Labels",
            "probabilities": "of each label, see Labels",
        }.get(name, f"codes {name}; of the prior: N(0, 1)"),
        "noise": f"noise of {level}: N(0, 1) to draw it, 0 for its mean",
        "mean": f"mean of the posterior of {level}",
        "log_var": f"log variance of the posterior of {level}",
        "decoder_noise": f"`noise_{level}` of the decoder that gives this image's {level}",
    }[kind]


def _levels(config):
    if len(config.level_shapes) == 1:
        return ()
    if not config.traits.is_top_down:
        return (
            f"Levels: {describe_levels(config)}. The posterior of a level is conditional on the level below it, at "
            "mean + exp(log_var / 2) * noise. The image depends on the top level alone.",
        )
    return (
        f"Levels: {describe_levels(config)}. The posterior of a level is conditional on the codes above it, at "
        "mean + exp(log_var / 2) * noise. Noise of 0 for all of them gives the posterior at the means, and then the "
        "means of the top level with `decoder_noise` reconstruct an image.",
    )


def _images(config):
    channels = "Grey" if config.image_shape[-1] == 1 else "Red, green and blue"
    height, width, _ = config.image_shape
    sentences = [f"{channels}, {height}x{width} pixels, a row after the other, 8-bit values divided by 255."]
    if DATASETS[config.dataset].has_photographs:
        cut = "the largest central part of this shape is cut out and" if config.crop == "center" else "the whole is"
        sentences.append(f"Of photographs {cut} resized, bicubic.")
        if config.bands:
            sentences.append(f"The channels are the bands {' '.join(map(str, config.bands))} of TIFF files.")
        if config.white_level:
            sentences.append(f"White is {config.white_level:g} in files of more than 8 bits.")
    else:
        sentences.append(f"The objects are light on {DATASETS[config.dataset].background}.")
    sentences.append(
        {
            "dynamic": "The encoder was trained on binary pixels, 0 or 1, each drawn with its grey value as the "
            "probability: draw them before you encode.",
            "static": "The encoder was trained on the data set's own binary pixels, 0 or 1.",
            "none": "Grey values are encoded as they are.",
        }[config.binarization]
    )
    sentences.append("The decoder returns means of pixels.")
    return " ".join(sentences)


def _labels(config):
    if not config.traits.is_conditional:
        return ()
    kind = "1 for every attribute that an image has, else 0" if config.has_attributes else "One 1, the others 0"
    names = json.dumps(config.label_names, ensure_ascii=False)
    return "## Labels", f"{kind}, in this order:", _code("json", names)


# --- Where it comes from ----------------------------------------------------------------------------------------------


def _protocol(config, weights):
    """How the weights were trained, which the config.json beside them says, and with what they were exported."""
    trained = load_config(weights.parent)
    packages = ["keras", *(package for name in config.export for package in FORMATS[name].packages)]
    return {
        "weights": f"{weights.parent.name}/{weights.name}",
        "weights_sha256": weights_checksum(weights),
        "model": trained.model,
        "network": describe_network(trained),
        "likelihood": trained.likelihood,
        "dataset": trained.dataset,
        "limit": trained.limit,
        "binarization": trained.binarization,
        "unit": f"nats per image: {nats_of(trained)}",
        "seed": trained.seed,
        **training_of(trained, trained.batch_size),
        "exported_with": {"tensorflow": tf.__version__} | {package: version(package) for package in packages},
    }


def _checksums(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "\n".join(f"{weights_checksum(path)}  {path.relative_to(folder).as_posix()}" for path in files)
