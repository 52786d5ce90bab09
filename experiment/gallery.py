"""What is drawn of a model: name of a picture -> Figure. Every picture shows means of the likelihood, never logits."""

import numpy as np
import tensorflow as tf

from data_utils import take
from experiment.figures import image_grid, loss_curve
from experiment.preprocessing import make_batch
from models.distributions import Stream, noise_seed

COLUMNS = 10
INTERPOLATION_PAIRS = 5


def gallery(model, config, test, binary_test):
    """Pictures of a model: samples, reconstructions, interpolations and, where it is conditional, a row per class.

    Args: test, a Split of the images as they are; binary_test, the same Split as the model is evaluated on.
    Returns: a dict of file names (without suffix) and Figures.
    """
    pictures = {
        "samples": draw_samples(model, config),
        "reconstructions": draw_reconstructions(model, config, test, binary_test),
    }
    if len(test.images) > 1:
        pictures["interpolation"] = draw_interpolation(model, config, binary_test)
    if config.is_cvae:
        pictures["classes"] = draw_classes(model, config)
    return pictures


def draw_samples(model, config):
    """config.grid images from random codes; a conditional model is given the classes in turn."""
    labels = _class_labels(config, config.grid) if config.is_cvae else None
    images = model.sample(config.grid, noise_seed(config.seed, Stream.SAMPLES), labels).numpy()
    num_columns = min(COLUMNS, config.grid)
    num_rows = -(-config.grid // num_columns)
    blank = np.ones((num_rows * num_columns - config.grid, *images.shape[1:]), images.dtype)
    rows = np.concatenate([images, blank]).reshape(num_rows, num_columns, *images.shape[1:])
    given = ", y the labels in turn" if config.is_cvae else ""
    return image_grid(rows, f"{_name(config)}: samples\nmeans of p({_given('z', config)}), z ~ N(0, I){given}")


def draw_reconstructions(model, config, test, binary_test):
    """Test images, what the model was given of them, and its reconstructions."""
    first = slice(COLUMNS)
    batch = make_batch(*take(binary_test, first))
    reconstructions = model.reconstruct(batch, noise_seed(config.seed, Stream.RECONSTRUCTIONS)).numpy()
    originals = make_batch(*take(test, first)).images.numpy()
    rows = {"test image": originals, "binarised": batch.images.numpy(), "reconstruction": reconstructions}
    if config.binarization != "dynamic":
        del rows["binarised"]
    title = f"{_name(config)}: reconstructions\nmeans of p({_given('z', config)}), z ~ q({_posterior(config)})"
    return image_grid(np.stack(list(rows.values())), title, list(rows))


def draw_interpolation(model, config, binary_test):
    """Straight lines between the posterior means of pairs of test images, both ends included."""
    pairs = make_batch(*take(binary_test, slice(2 * INTERPOLATION_PAIRS)))
    codes = model.encode(pairs).mean
    num_pairs = len(codes) // 2
    weights = tf.linspace(0.0, 1.0, COLUMNS)[tf.newaxis, :, tf.newaxis]

    def between(ends):
        start, end = ends[0 : 2 * num_pairs : 2, tf.newaxis], ends[1 : 2 * num_pairs : 2, tf.newaxis]
        return tf.reshape((1.0 - weights) * start + weights * end, (num_pairs * COLUMNS, -1))

    labels = None if pairs.labels is None else between(pairs.labels)
    images = model.decode(between(codes), labels).mean.numpy()
    moved = "z and label y" if config.is_cvae else "z"
    title = f"{_name(config)}: interpolation between pairs of test images\n{moved} on a straight line between the ends"
    return image_grid(images.reshape(num_pairs, COLUMNS, *images.shape[1:]), title)


def draw_classes(model, config):
    """A row for each label, a column for each z: what the label changes, and what it leaves."""
    num_labels = len(config.label_names)
    rows = []
    for labels in np.eye(num_labels, dtype=np.float32):
        seed = noise_seed(config.seed, Stream.CLASSES)  # the same in every row: the columns share their style
        rows.append(model.sample(COLUMNS, seed, np.tile(labels, (COLUMNS, 1))).numpy())
    title = f"{_name(config)}: one label a row, one z a column\nmeans of p(x|z,y), z ~ N(0, I) shared by the rows"
    return image_grid(np.stack(rows), title, list(config.label_names))


def draw_loss_curve(config, rows):
    """The loss curve, from the rows of metrics.jsonl."""
    train = [row for row in rows if row["split"] == "train"]
    validation = [row for row in rows if row["split"] == "validation"]
    return loss_curve(
        {name: np.array([row[name] for row in train]) for name in ("step", "loss", "distortion", "rate")},
        {name: np.array([row[name] for row in validation]) for name in ("step", "elbo")},
        f"{_name(config)}: loss = distortion + {config.beta:g} rate",
    )


def _name(config):
    return f"{config.model.upper()} on {config.dataset}"


def _given(code, config):
    return f"x|{code},y" if config.is_cvae else f"x|{code}"


def _posterior(config):
    return "z|x,y" if config.is_cvae else "z|x"


def _class_labels(config, num_images):
    num_labels = len(config.label_names)
    return np.eye(num_labels, dtype=np.float32)[np.arange(num_images) % num_labels]
