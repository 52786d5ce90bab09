"""Pictures on request: paths between two codes, moved units, a plane of codes, all codes at once.

Each function takes a Scene and Chosen images, and returns a dict of file names and pictures. A field of `Config` names
it. A picture is a Figure, or a list of Figures, the frames of an animation.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from data_utils import cut
from experiment.evaluation.inference import Inferred
from experiment.evaluation.likelihood import excess
from experiment.files.names import as_file_name
from experiment.pictures.always import MAX_LABELS
from experiment.pictures.captions import likelihood_of
from experiment.pictures.chosen import Chosen
from experiment.pictures.codes import Units, decode_means, decode_moved, spherical, straight, unit_name
from experiment.pictures.plots import CELL_PIXELS, MOVING_CELL_PIXELS, image_grid, scatter
from experiment.settings.config import Config, flags
from experiment.settings.words import name_of
from experiment.training.preprocessing import binarize_once, make_batch
from image_data.complexity import code_lengths
from image_data.photographs import shown
from image_data.splits import Split, is_one_hot, take
from models.catalog import code_of
from models.distributions import repeat_rows
from models.noise import Stream, noise_seed

COLUMNS = 9
RECONSTRUCTIONS_IN_A_ROW = 10
MOVING_SIDE = 128
ANGLES = np.linspace(0, 2 * np.pi, 32, endpoint=False)  # of the frames of an animation
UNITS_SHOWN = 10
LABELS_SHOWN = 10
IMAGES_EMBEDDED = 2_000
MANIFOLD_SIDE = 20
UNUSUAL_SHOWN, CODED_AT_ONCE = 8, 500


class Scene(NamedTuple):
    """The input of every picture on request."""

    model: Any
    config: Config
    units: Units | None  # None without test images
    test: Split | None  # as the model sees it
    label_names: tuple[str, ...]  # of the labels of the test images
    inferred: Inferred | None  # of the test images


def draw_requested(scene, chosen, left_out):
    """All pictures that a Config asks for: a dict of file names (without suffix) and pictures.

    Args:
        scene: a Scene.
        chosen: a dict of the names of flags and their Chosen images.
        left_out: a LeftOut, for pictures that cannot be drawn.
    """
    pictures = {}
    for each in flags():
        if each.metadata["draw"] and getattr(scene.config, each.name):
            draw = code_of(each.metadata["draw"])
            pictures |= left_out.attempt(f"--{each.name}", draw, scene, chosen.get(each.name)) or {}
    return pictures


def num_codes_drawn(config, num_images):
    """The number of test images whose codes the requested pictures need."""
    return min(IMAGES_EMBEDDED, num_images) if config.embed else 0


def as_seen(chosen, config):
    """Chosen images as the model sees them: a Batch."""
    split = binarize_once(Split(chosen.images, chosen.labels), config.binarization, Stream.CHOSEN_BINARIZATION)
    return make_batch(split.images, split.labels)


def animation(frames, title, row_names=None, column_names=None):
    """Frames [T, rows, columns, H, W, C] as Figures. Images of more than MOVING_SIDE pixels are made smaller."""
    step = -(-max(frames.shape[3:5]) // MOVING_SIDE)
    shown = frames[:, :, :, ::step, ::step]
    return [image_grid(frame, title, row_names, column_names, MOVING_CELL_PIXELS) for frame in shown]


def draw_reconstructions(scene, chosen):
    """Images above their reconstructions, which decode the posterior means."""
    model, config = scene.model, scene.config
    batch = as_seen(chosen, config)
    pairs = np.stack([chosen.images / 255.0, model.decode(model.encode(batch), batch.labels).mean.numpy()])
    num_columns = min(RECONSTRUCTIONS_IN_A_ROW, len(chosen.images))
    blank = np.ones((2, -len(chosen.images) % num_columns, *pairs.shape[2:]))
    rows = np.concatenate([pairs, blank], axis=1).reshape(2, -1, num_columns, *pairs.shape[2:])
    title = f"{name_of(config)}: reconstructions of {_in_words(chosen.names)}\n"
    title += f"means of {likelihood_of('z', config)}, z the posterior means"
    rows = np.swapaxes(rows, 0, 1).reshape(-1, *rows.shape[2:])
    return {"chosen_reconstructions": image_grid(rows, title, ["image", "reconstruction"] * (len(rows) // 2))}


def _in_words(names):
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def draw_interpolations(scene, chosen):
    """Interpolation of each pair of images, on a straight line and on a sphere: a picture, and an animation."""
    model, config = scene.model, scene.config
    batch = as_seen(chosen, config)
    codes = [code.numpy() for code in model.encode(batch)]
    num_pairs = len(chosen.images) // 2

    def between(path, values, weights):
        """Paths between the images of each pair: [images, ...] -> [pairs * T, ...]."""
        along = path(values[::2], values[1::2], weights)
        return along.reshape(-1, *along.shape[2:])

    def decode(weights):
        """Decoded images of all paths: [pairs, paths, T, H, W, C]."""
        labels = None if batch.labels is None else between(straight, batch.labels.numpy(), weights)
        images = [
            decode_means(model, [between(path, code, weights) for code in codes], labels) for path in paths.values()
        ]
        return np.stack([each.reshape(num_pairs, len(weights), *each.shape[1:]) for each in images], axis=1)

    # A sphere is where draws from N(0, I) lie, not those from another prior.
    paths = {"straight": straight} | ({"spherical": spherical} if config.prior == "standard" else {})
    moved = "z and label y" if config.traits.is_conditional else "z"
    title = f"{name_of(config)}: interpolation of {moved} between posterior means\n"
    pairs = [f"{start} to {end}" for start, end in zip(chosen.names[::2], chosen.names[1::2], strict=True)]
    originals = np.broadcast_to(
        (chosen.images / 255.0).reshape(num_pairs, 1, 2, *chosen.images.shape[1:]),
        (num_pairs, len(paths), 2, *chosen.images.shape[1:]),
    )
    along = decode(np.linspace(0, 1, COLUMNS))
    rows = np.concatenate([originals[:, :, :1], along, originals[:, :, 1:]], axis=2)
    picture = image_grid(
        rows.reshape(-1, *rows.shape[2:]),
        f"{title}first and last column: the images themselves",
        [f"{pair}, {path}" for pair in pairs for path in paths],
    )
    moving = decode(0.5 - 0.5 * np.cos(ANGLES))  # there and back, slow at the ends
    frames = animation(np.moveaxis(moving, 2, 0), f"{title}there and back", pairs, list(paths))
    return {"chosen_interpolation": picture, "chosen_interpolation_moving": frames}


def draw_traversals(scene, chosen):
    """What some units do to an image, each on its own: a picture for each image, and an animation.

    They are the units that were asked for, else those of highest rate; without test images, which alone tell the rates,
    the first ones of the top level.
    """
    model, config, units = scene.model, scene.config, scene.units
    if units:
        moved = list(config.traverse_units) or units.by_rate[:UNITS_SHOWN]
        names = [
            f"{unit_name(config, unit)}, {units.rates[unit]:.2f} nats{'' if units.is_active[unit] else ', inactive'}"
            for unit in moved
        ]
        remark = f"rates are means over {units.num_images:,} test images"
    else:
        moved = list(config.traverse_units or range(min(UNITS_SHOWN, config.level_sizes[-1])))
        names = [unit_name(config, unit) for unit in moved]
        remark = "not sorted by rate, as there is no data"
    reach = config.traverse_range
    values = np.linspace(-reach, reach, COLUMNS)
    given = f"from -{reach:g} to {reach:g} standard deviations of its prior"
    pictures = {}
    for index, name in enumerate(chosen.names):
        one = Chosen(*(None if each is None else each[index : index + 1] for each in chosen))
        batch = as_seen(one, config)

        def along(values, batch=batch):
            """The image with each unit moved: [units, T, H, W, C]."""
            return np.stack([decode_moved(model, config, batch, [unit], values[:, np.newaxis]) for unit in moved])

        original = np.broadcast_to(one.images / 255.0, (len(moved), *one.images.shape))
        pictures[f"traversal_{index}"] = image_grid(
            np.concatenate([original, along(values)], axis=1),
            f"{name_of(config)}: one unit a row, {given}\nfirst column: {name}; {remark}",
            names,
            ["image", *(f"{value:g}" for value in values)],
        )
        frames = np.swapaxes(along(reach * np.sin(ANGLES)), 0, 1)[:, np.newaxis]
        title = f"{name_of(config)}: one unit a column, {given}\n{name}"
        pictures[f"traversal_{index}_moving"] = animation(frames, title, None, [f"unit {unit}" for unit in moved])
    return pictures


def draw_relabelled(scene, chosen):
    """Images, encoded with their own label and decoded with others: what the label changes while z stays.

    For images of one label there is a column for each label. For attributes, each column flips one of them.
    """
    model, config = scene.model, scene.config
    batch = as_seen(chosen, config)
    codes = model.encode(batch)
    shown = config.label_names[:MAX_LABELS]
    columns = [chosen.images / 255.0, model.decode(codes, batch.labels).mean.numpy()]
    for index in range(len(shown)):
        flipped = chosen.labels.copy() if config.has_attributes else np.zeros_like(chosen.labels)
        flipped[:, index] = 1 - flipped[:, index]
        columns.append(model.decode(codes, tf.constant(flipped, tf.float32)).mean.numpy())
    given = "one attribute flipped" if config.has_attributes else "every label"
    left_out = f", the first {len(shown)} of {len(config.label_names)}" if len(shown) < len(config.label_names) else ""
    title = f"{name_of(config)}: encoded with its own label, decoded with {given}{left_out}\n"
    title += "an image a row: itself, with its own label, then as the columns say"
    grid = image_grid(np.stack(columns, axis=1), title, list(chosen.names), ["image", "own y", *shown])
    return {"relabelled": grid}


def draw_manifold(scene, chosen=None):
    """The plane of codes of a model of two units: images at the quantiles of N(0, I).

    Reference: Kingma & Welling (2014), figure 4.
    """
    model, config = scene.model, scene.config
    quantiles = norm.ppf((np.arange(MANIFOLD_SIDE) + 0.5) / MANIFOLD_SIDE).astype(np.float32)
    plane = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1)
    codes = tf.constant(plane.reshape(-1, 2))
    title = f"{name_of(config)}: means of {likelihood_of('z', config)}, z at quantiles of N(0, I)\n"
    title += "the first unit from left to right, the second upwards"
    pictures = {}
    names = config.label_names[:LABELS_SHOWN] if config.traits.is_conditional else (None,)
    for index, name in enumerate(names):
        labels = None
        if name:
            labels = repeat_rows(tf.one_hot([index], len(config.label_names)), len(codes))
        images = decode_means(model, [codes], labels).reshape(*plane.shape[:2], *config.image_shape)
        pictures[f"manifold_{index}_{as_file_name(name)}" if name else "manifold"] = image_grid(
            images, f"{title}{f'; y = {name}' if name else ''}"
        )
    return pictures


def draw_embeddings(scene, chosen=None):
    """Codes in two dimensions, by principal components and by t-SNE.

    Reference: van der Maaten & Hinton (2008) for t-SNE.
    """
    config, codes = scene.config, scene.inferred.codes[:IMAGES_EMBEDDED]
    labels = scene.test.labels
    classes = labels[: len(codes)].argmax(axis=1) if labels is not None and is_one_hot(labels) else None
    pca = PCA(2, random_state=config.seed)
    perplexity = min(30.0, (len(codes) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=config.seed)
    points = {"pca": pca.fit_transform(codes), "tsne": tsne.fit_transform(codes)}
    words = {
        "pca": f"first two principal components, {pca.explained_variance_ratio_.sum():.0%} of the variance",
        "tsne": f"t-SNE, perplexity {perplexity:g}",
    }
    title = f"{name_of(config)}: posterior means of {len(codes):,} test images"
    return {
        f"codes_{name}": scatter(points[name], classes, scene.label_names, f"{title}\n{words[name]}") for name in points
    }


def draw_anomalies(scene, chosen):
    """The most and the least unusual images, beside their reconstructions: by the ELBO, and by its excess."""
    elbo = scene.inferred.elbo
    lengths = np.concatenate([code_lengths(scene.test.images[at]) for at in cut(len(elbo), CODED_AT_ONCE)])
    words = {
        "elbo": (-elbo, "-ELBO, nats"),
        "excess": (
            excess(elbo, lengths, scene.config),
            "excess: nats beyond a lossless code of the 8-bit values, by the ELBO (Serra et al. 2020)",
        ),
    }
    return {f"unusual_by_{name}": _ranked(scene, *words[name]) for name in words}


def _ranked(scene, unusual, title):
    """The images of the highest and the lowest values [N], each beside its reconstruction."""
    order = np.argsort(-unusual, kind="stable")
    number = min(UNUSUAL_SHOWN, len(order) // 2) or 1
    shown_first = [*order[:number], *order[-number:]] if len(order) > 1 else [*order]
    rows, names = [], []
    for index in map(int, shown_first):
        image = take(scene.test, slice(index, index + 1))
        means = scene.model.reconstruct(
            make_batch(image.images, image.labels), noise_seed(scene.config.seed, Stream.RECONSTRUCTIONS, index)
        ).numpy()
        rows.append(np.concatenate([image.images / 255, means]))
        name = f"test image {index}" if image.names is None else shown(image.names[0])
        names.append(f"{name}: {unusual[index]:,.1f}")
    kinds = f"the first {number} rows are the most unusual of {len(order):,} images, the last {number} the least"
    return image_grid(np.stack(rows), f"{title}\n{kinds}", names, ["image", "reconstruction"], 2 * CELL_PIXELS // 3)
