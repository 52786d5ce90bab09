"""The data of a report's latent explorer: the decoder itself, or a grid of images decoded in advance."""

from base64 import b64encode
from io import BytesIO
from itertools import product
from math import ceil, sqrt

import numpy as np
import tensorflow as tf
from PIL import Image

from experiment.pictures.codes import decode_moved, unit_name
from experiment.report.decoder import decoder_data, num_multiplications
from experiment.training.preprocessing import make_batch
from image_data.splits import take
from models.noise import Stream, noise_seed

# A browser decodes this much within about a tenth of a second, from a file of a few megabytes.
MAX_PARAMETERS, MAX_MULTIPLICATIONS = 2_000_000, 60_000_000
UNITS_LIVE, UNITS_IN_GRID, UNITS_BESIDE_LABELS = 10, 3, 2
RANGE = 3.0  # to both sides: of codes in a live page, of standard deviations of the prior in a grid
DRAWS = 50  # from a prior that is not N(0, I)
VALUES = np.linspace(-RANGE, RANGE, 7)
STARTS = 8
LABELS_IN_GRID = 10
MAX_SIDE = 128  # pixels of an image in a grid
JPEG_QUALITY = 90


def explorer_data(model, config, carried, binary_test):
    """The data of explorer.js, as a dict for JSON: kind "live" if the decoder is small, else kind "grid".

    Args:
        model: a LatentVariableModel.
        config: its Config.
        carried: the Units of the model.
        binary_test: the Split of the test images as the model sees them.
    """
    return (live_data if is_small(model, config) else grid_data)(model, config, carried, binary_test)


def is_small(model, config):
    """Whether a browser can run the decoder: a list of layers with few weights and few multiplications."""
    if not config.traits.runs_in_page:
        return False
    size = config.num_units + len(config.label_names)
    products = num_multiplications(model.decoder.layers, (size,))
    return model.decoder.count_params() <= MAX_PARAMETERS and products <= MAX_MULTIPLICATIONS


def live_data(model, config, carried, binary_test):
    """The decoder, the units of highest rate, and codes to start from: those of test images and the prior's mean."""
    some = take(binary_test, slice(STARTS))
    codes = model.encode(make_batch(some.images, some.labels))[0].numpy()
    labels = some.labels if config.traits.is_conditional else np.zeros((len(codes), 0))
    names = [*(f"test image {index}" for index in range(len(codes))), "the mean of the prior"]
    middle = model.prior(1, tf.constant(labels[:1], tf.float32)).mean.numpy()
    codes, labels = np.concatenate([codes, middle]), np.concatenate([labels, labels[:1]])
    return {
        "kind": "live",
        "prior": config.prior_symbol,
        "decoder": decoder_data(model, config),
        "units": describe_units(config, carried, UNITS_LIVE),
        "range": max(RANGE, float(np.ceil(np.abs(codes).max()))),
        "labels": config.label_names,
        "has_one_label": not config.has_attributes,
        "draws": [] if config.prior == "standard" else draws_of(model, config, labels),
        "starts": [
            {"name": name, "z": z, "y": y} for name, z, y in zip(names, codes.tolist(), labels.tolist(), strict=True)
        ],
    }


def draws_of(model, config, labels):
    """Codes from a prior that the page cannot draw from, with the labels of test images: a list of DRAWS."""
    labels = np.resize(labels, (DRAWS, labels.shape[1]))
    seed = noise_seed(config.seed, Stream.SAMPLES)
    codes = model.prior(DRAWS, tf.constant(labels, tf.float32)).sample(seed).numpy()
    return [{"z": z, "y": y} for z, y in zip(codes.tolist(), labels.tolist(), strict=True)]


def grid_data(model, config, carried, binary_test):
    """The first test image, decoded for all combinations of values of a few units and of labels: one sheet."""
    first = take(binary_test, slice(1))
    options = label_options(config, first.labels)
    units = carried.by_rate[: UNITS_BESIDE_LABELS if config.traits.is_conditional else UNITS_IN_GRID]
    values = np.array(list(product(VALUES, repeat=len(units))))
    batch = make_batch(first.images, first.labels)
    # The image is encoded with its own label; only the decoder gets the other label.
    images = np.concatenate([decode_moved(model, config, batch, units, values, label) for label in options.values()])
    columns = ceil(sqrt(len(images)))
    height, width = config.image_shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    return {
        "kind": "grid",
        "sheet": contact_sheet(images, columns, (round(scale * width), round(scale * height))),
        "columns": columns,
        "units": describe_units(config, carried, len(units)),
        "values": VALUES.tolist(),
        "start": nearest_values(model, batch)[units].tolist(),
        "labels": list(options),
        "start_label": own_label(config, first.labels),
        "width": round(scale * width),
        "height": round(scale * height),
    }


def nearest_values(model, batch):
    """The grid values nearest to the code of one image, for every unit: [units]."""
    latents = model.infer(model.bottom_up(batch), batch.labels, (0, 0), 0.0).latents
    shifts = [np.ravel(each.shift) for each in latents]
    return VALUES[np.abs(np.concatenate(shifts)[:, np.newaxis] - VALUES).argmin(axis=1)]


def own_label(config, labels):
    """The index of the option to start with: the class of an image if it is among the options, else the first."""
    if not config.traits.is_conditional or config.has_attributes:
        return 0
    index = int(labels[0].argmax())
    return index if index < LABELS_IN_GRID else 0


def label_options(config, labels):
    """Names and labels [1, Y] to choose from: every class; or an image's attributes, and these with one flipped."""
    if not config.traits.is_conditional:
        return {"": None}
    if not config.has_attributes:
        rows = np.eye(len(config.label_names), dtype=np.float32)[:, np.newaxis]
        return dict(list(zip(config.label_names, map(tf.constant, rows), strict=True))[:LABELS_IN_GRID])
    options = {"as it is": tf.constant(labels, tf.float32)}
    for index, name in enumerate(config.label_names[: LABELS_IN_GRID - 1]):
        flipped = labels.astype(np.float32)
        flipped[0, index] = 1 - flipped[0, index]
        options[f"{name} {'on' if flipped[0, index] else 'off'}"] = tf.constant(flipped)
    return options


def describe_units(config, carried, number):
    """The first units by rate, for the sliders."""
    return [
        {
            "index": unit,
            "name": unit_name(config, unit),
            "rate": float(carried.rates[unit]),
            "is_active": bool(carried.is_active[unit]),
        }
        for unit in carried.by_rate[:number]
    ]


def contact_sheet(images, columns, size):
    """Images [N, H, W, C] in [0, 1], resized and placed side by side: the data URL of a JPEG."""
    width, height = size
    sheet = Image.new("RGB", (columns * width, ceil(len(images) / columns) * height))
    for index, image in enumerate(np.rint(255 * images).astype(np.uint8)):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        sheet.paste(
            picture.resize(size, Image.Resampling.LANCZOS), (index % columns * width, index // columns * height)
        )
    data = BytesIO()
    sheet.save(data, "JPEG", quality=JPEG_QUALITY)
    return as_url(data.getvalue(), "image/jpeg")


def as_url(data, media_type):
    """Bytes as a data URL."""
    return f"data:{media_type};base64,{b64encode(data).decode('ascii')}"
