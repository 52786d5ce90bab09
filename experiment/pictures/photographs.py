"""The picture of a run on photographs: what it reconstructs, what it makes up, and whether it only remembers."""

import numpy as np

from data_utils import cut
from experiment.pictures.always import draw_each
from experiment.pictures.captions import labels_for, likelihood_of, prior_of
from experiment.pictures.plots import image_grid
from experiment.settings.words import name_of
from experiment.training.preprocessing import make_batch
from image_data.splits import take
from models.noise import Stream, noise_seed

COLUMNS = 8
CELL_PIXELS = 160
TEMPERATURES = (1.0, 0.7)
COMPARED_AT_ONCE = 512  # training images
MOST_COMPARED = 20_000  # training images, the first ones


def draw_photographs(model, config, dataset, binary_test, left_out):
    """A dict of the picture `overview` of photographs; empty for other images, and where it cannot be drawn.

    Args:
        model: with the weights to evaluate.
        config: its Config.
        dataset: its Dataset.
        binary_test: the Split of the test images as the model sees them.
        left_out: a LeftOut.
    """
    if config.image_size is None:
        return {}
    return draw_each({"overview": lambda: draw_overview(model, config, dataset, binary_test)}, left_out)


def draw_overview(model, config, dataset, binary_test):
    """Test images and reconstructions; samples at two temperatures, each above the training image nearest to it."""
    test, compared = dataset.test, dataset.train.images[:MOST_COMPARED]
    originals = make_batch(test.images[:COLUMNS], None).images.numpy()
    batch = make_batch(*take(binary_test, slice(COLUMNS))[:2])
    rows = {
        "test image": originals,
        "reconstruction": model.reconstruct(batch, noise_seed(config.seed, Stream.RECONSTRUCTIONS)).numpy(),
    }
    labels, given = labels_for(len(originals), config, test)
    seed = noise_seed(config.seed, Stream.SAMPLES)
    for temperature in TEMPERATURES:
        samples = model.sample(len(originals), seed, labels, temperature).numpy()
        indices, distances = nearest(samples, compared)
        rows[f"sample, temperature {temperature:g}"] = samples
        rows[f"nearest to it, {distances.mean():.3f} away"] = compared[indices] / np.float32(255)
    _, of_test = nearest(originals, compared)
    lines = [
        f"{name_of(config)}: means of {likelihood_of('z', config)}, z ~ {prior_of(config)} times a temperature{given}",
        f"below each sample the nearest of {len(compared):,} training images; away: the root of the mean squared error",
        f"test images are {of_test.mean():.3f} away from theirs; smooth images are near to others, whatever they show",
    ]
    title = "\n".join(lines)
    return image_grid(np.stack(list(rows.values())), title, list(rows), cell_pixels=CELL_PIXELS)


def nearest(images, among):
    """The image of a set that is nearest to each given image, by the root of the mean squared error of its pixels.

    Args:
        images: [M, H, W, C] in [0, 1].
        among: uint8 [N, H, W, C]; it may be a mapped file, and is read part by part.

    Returns:
        Indices and distances, [M] each.
    """
    flat = images.reshape(len(images), -1).astype(np.float32)
    indices, least = np.zeros(len(images), int), np.full(len(images), np.inf)
    for at in cut(len(among), COMPARED_AT_ONCE):
        others = among[at].reshape(len(among[at]), -1) / np.float32(255)
        squares = (flat**2).sum(axis=1)[:, np.newaxis] - 2.0 * flat @ others.T + (others**2).sum(axis=1)
        squares = np.maximum(squares, 0.0) / flat.shape[1]
        is_nearer = squares.min(axis=1) < least
        indices[is_nearer] = at.start + squares.argmin(axis=1)[is_nearer]
        least = np.minimum(least, squares.min(axis=1))
    return indices, np.sqrt(least)
