"""Pictures of a latent space that are asked for: between two codes, along one unit, over a plane, of all codes at once.

A picture is a Figure, or a list of Figures, the frames of an animation.
"""

import numpy as np
import tensorflow as tf
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from experiment.audit import level_names
from experiment.chosen import Chosen
from experiment.evaluation.latents import encode_split, unit_statistics
from experiment.figures import image_grid, scatter
from experiment.paths import spherical, straight
from experiment.preprocessing import binarize_once, make_batch
from image_data.records import Split, take
from models.distributions import Stream, repeat_rows

COLUMNS = 9
ANGLES = np.linspace(0, 2 * np.pi, 50, endpoint=False)  # of the frames of an animation
UNITS_SHOWN = 10
IMAGES_MEASURED = 2_000  # test images that the units' rates are means over
IMAGES_EMBEDDED = 2_000
MANIFOLD_SIDE = 20
LABELS_SHOWN = 10
PATHS = {"straight": straight, "spherical": spherical}


def explore(model, config, chosen, binary_test):
    """All pictures that a Config asks for: a dict of file names (without suffix) and pictures.

    Args: chosen, a dict of flags and the Chosen images that they name; binary_test, a Split as the model is given it.
    """
    pictures = {}
    if config.reconstruct:
        pictures["chosen_reconstructions"] = draw_reconstructions(model, config, chosen["reconstruct"])
    if config.interpolate:
        pictures |= draw_interpolations(model, config, chosen["interpolate"])
    if config.traverse:
        pictures |= draw_traversals(model, config, chosen["traverse"], binary_test)
    if config.manifold:
        pictures |= draw_manifold(model, config)
    if config.embed:
        pictures |= draw_embeddings(model, config, binary_test)
    return pictures


def as_seen(chosen, config):
    """The Batch that a model is given of Chosen images."""
    split = binarize_once(Split(chosen.images, chosen.labels), config.binarization, Stream.CHOSEN_BINARIZATION)
    return make_batch(split.images, split.labels)


def draw_reconstructions(model, config, chosen):
    """Images above their reconstructions, from the posterior means."""
    batch = as_seen(chosen, config)
    rows = [chosen.images / 255.0, model.decode(model.encode(batch), batch.labels).mean.numpy()]
    title = (
        f"{name_of(config)}: reconstructions of {', '.join(chosen.names[:4])}{', ...' if len(chosen.names) > 4 else ''}"
    )
    return image_grid(np.stack(rows), f"{title}\nmeans of p(x|z), z the posterior means", ["image", "reconstruction"])


def draw_interpolations(model, config, chosen):
    """From image to image, pair by pair, on a straight line and on a sphere: a picture, and an animation."""
    batch = as_seen(chosen, config)
    codes = [code.numpy() for code in model.encode(batch)]
    num_pairs = len(chosen.images) // 2

    def between(path, values, weights):
        along = path(values[::2], values[1::2], weights)
        return tf.constant(along.reshape(-1, *along.shape[2:]), tf.float32)

    def decode(weights):
        """[pairs, paths, T, H, W, C]"""
        labels = None if batch.labels is None else between(straight, batch.labels.numpy(), weights)
        images = [
            model.decode(tuple(between(path, code, weights) for code in codes), labels).mean.numpy()
            for path in PATHS.values()
        ]
        shape = (num_pairs, len(weights), *images[0].shape[1:])
        return np.stack([each.reshape(shape) for each in images], axis=1)

    title = f"{name_of(config)}: interpolation between posterior means"
    along = decode(np.linspace(0, 1, COLUMNS))
    first, last = (
        np.broadcast_to(ends[:, None, None], (*along.shape[:2], 1, *ends.shape[1:])) for ends in _pairs(chosen)
    )
    rows = np.concatenate([first, along, last], axis=2)
    picture = image_grid(
        rows.reshape(-1, *rows.shape[2:]),
        f"{title}\nfirst and last column: the images themselves",
        num_pairs * list(PATHS),
    )
    moving = decode(0.5 - 0.5 * np.cos(ANGLES))  # there and back, slowly at the ends
    frames = [image_grid(np.swapaxes(moving[:, :, index], 0, 1), title, list(PATHS)) for index in range(len(ANGLES))]
    return {"chosen_interpolation": picture, "chosen_interpolation_moving": frames}


def _pairs(chosen):
    images = chosen.images / 255.0
    return images[::2], images[1::2]


def draw_traversals(model, config, chosen, binary_test):
    """What each of some units does to an image: a picture for each image, and an animation."""
    measured = take(binary_test, slice(IMAGES_MEASURED))
    rates, is_active = unit_statistics(model, measured)
    units = list(config.traverse_units) or np.argsort(-rates, kind="stable")[:UNITS_SHOWN].tolist()
    names = [
        f"{unit_name(config, unit)}, {rates[unit]:.2f} nats{'' if is_active[unit] else ', inactive'}" for unit in units
    ]
    reach = config.traverse_range
    given = f"from -{reach:g} to {reach:g} standard deviations of its prior"
    source = f"rates are means over {len(measured.images):,} test images"
    pictures = {}
    for index, name in enumerate(chosen.names):
        batch = as_seen(Chosen(*(None if each is None else each[index : index + 1] for each in chosen)), config)
        rows = np.stack([traverse(model, config, batch, unit, np.linspace(-reach, reach, COLUMNS)) for unit in units])
        original = np.broadcast_to(chosen.images[index] / 255.0, (len(units), 1, *chosen.images.shape[1:]))
        pictures[f"traversal_{index}"] = image_grid(
            np.concatenate([original, rows], axis=1),
            f"{name_of(config)}: one unit a row, {given}\nfirst column: {name}; {source}",
            names,
        )
        moving = np.stack([traverse(model, config, batch, unit, reach * np.sin(ANGLES)) for unit in units])
        pictures[f"traversal_{index}_moving"] = [
            image_grid(moving[np.newaxis, :, frame], f"{name_of(config)}: one unit a column, {given}\n{name}")
            for frame in range(len(ANGLES))
        ]
    return pictures


def traverse(model, config, batch, unit, values):
    """One image with one unit at values, in standard deviations from its prior's mean: [T, H, W, C].

    Units are counted through all levels, the top one first. Levels below that of the unit follow it, at the means of
    their priors.
    """
    level, within = locate(config, unit)
    codes, labels = repeat_rows((model.encode(batch)[: level + 1], batch.labels), len(values))
    prior = model.generate(len(values), labels, (0, 0), 0.0, codes[:level]).latents[level].prior
    moved, mean, stddev = (
        tf.reshape(each, (len(values), -1)).numpy() for each in (codes[level], prior.mean, prior.stddev)
    )
    moved[:, within] = mean[:, within] + values * stddev[:, within]
    moved = tf.reshape(moved, tf.shape(codes[level]))
    return model.decode((*codes[:level], moved), labels).mean.numpy()


def locate(config, unit):
    """The level of a unit, the top one being 0, and its place within the level."""
    for level, shape in enumerate(reversed(config.level_shapes)):
        size = int(np.prod(shape))
        if unit < size:
            return level, unit
        unit -= size
    raise IndexError(unit)


def _each_label(config):
    """(name, label [Y]) for each of the first classes of a conditional model; else one pair of None."""
    if not config.is_cvae:
        return [(None, None)]
    return list(zip(config.label_names, np.eye(len(config.label_names), dtype=np.float32), strict=True))[:LABELS_SHOWN]


def unit_name(config, unit):
    level, within = locate(config, unit)
    shape = tuple(reversed(config.level_shapes))[level]
    place = ", ".join(map(str, np.unravel_index(within, shape)))
    return (
        f"unit {unit}"
        if len(config.level_shapes) == 1
        else f"unit {unit} = {level_names(len(config.level_shapes))[level]}[{place}]"
    )


def name_of(config):
    return f"{config.model.upper()} on {config.dataset}"


def draw_manifold(model, config):
    """The plane of a model of two units: images at the quantiles of N(0, I). Kingma & Welling (2014), figure 4."""
    quantiles = norm.ppf((np.arange(MANIFOLD_SIDE) + 0.5) / MANIFOLD_SIDE).astype(np.float32)
    codes = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(-1, 2)
    pictures = {}
    for name, label in _each_label(config):
        labels = None if label is None else np.tile(label, (len(codes), 1))
        images = model.decode((tf.constant(codes),), labels).mean.numpy()
        title = f"{name_of(config)}: means of p(x|z){f', y = {name}' if name else ''}\nz at quantiles of N(0, I), the first unit from left to right"
        grid = images.reshape(MANIFOLD_SIDE, MANIFOLD_SIDE, *images.shape[1:])
        pictures[f"manifold_{name}" if name else "manifold"] = image_grid(grid, title)
    return pictures


def draw_embeddings(model, config, binary_test):
    """Codes in two dimensions, by principal components and by t-SNE (van der Maaten & Hinton 2008)."""
    some = take(binary_test, slice(IMAGES_EMBEDDED))
    codes = encode_split(model, some)
    classes = None if some.labels is None else some.labels.argmax(axis=1)
    title = f"{name_of(config)}: posterior means of {len(codes):,} test images"
    pca = PCA(2, random_state=config.seed)
    points = {"pca": pca.fit_transform(codes)}
    perplexity = min(30.0, (len(codes) - 1) / 3)
    points["tsne"] = TSNE(2, perplexity=perplexity, init="pca", random_state=config.seed).fit_transform(codes)
    share = pca.explained_variance_ratio_.sum()
    words = {
        "pca": f"first two principal components, {share:.0%} of the variance",
        "tsne": f"t-SNE, perplexity {perplexity:g}",
    }
    names = config.label_names or tuple(map(str, range(0 if classes is None else some.labels.shape[1])))
    return {f"codes_{name}": scatter(points[name], classes, names, f"{title}\n{words[name]}") for name in points}
