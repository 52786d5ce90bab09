"""Data sets by name: uint8 images [N, H, W, C] with labels or factors, disjoint splits, and the order of batches.

Images stay uint8 here. The compiled training step scales, binarises and augments them.
"""

from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from image_data.celeba import collect_celeba
from image_data.digits import load_digits
from image_data.folders import LAYOUTS, collect_folder
from image_data.given import load_given
from image_data.lists import with_labels
from image_data.mnist import load_binarized_mnist, load_fashion_mnist, load_mnist
from image_data.photographs import Reading, load_photographs
from image_data.splits import checksum, take
from image_data.sprites import load_dsprites, load_sprites

# ARRAYS have images of a fixed shape; RENDERED too, of which only those are made that are used. PHOTOGRAPHS are image
# files, which a Reading resizes.
ARRAYS = {
    "mnist": load_mnist,
    "binarized_mnist": load_binarized_mnist,
    "fashion_mnist": load_fashion_mnist,
    "digits": load_digits,
    "dsprites": load_dsprites,
    "arrays": load_given,
}
RENDERED = {"sprites": load_sprites}
PHOTOGRAPHS = {"celeba": collect_celeba, **{name: partial(collect_folder, name) for name in LAYOUTS}}


def load_dataset(name, data_dir=None, limit=None, reading=None):
    """The Dataset of this name.

    Args:
        name: of the data set.
        data_dir: the folder of its files, or None.
        limit: use the first images of each split, at most this many; None uses all.
        reading: a Reading, for image files only.

    Raises:
        DataError: files are missing, damaged or of another format.
    """
    data_dir = None if data_dir is None else Path(data_dir)
    if name in PHOTOGRAPHS:
        reading, collection = reading or Reading(), PHOTOGRAPHS[name](data_dir)
        collection = with_labels(collection, reading.labels) if reading.labels else collection
        dataset = load_photographs(collection, reading, limit)
    elif name in RENDERED:
        dataset = RENDERED[name](data_dir, limit)
    else:
        dataset = ARRAYS[name](data_dir)
    return limited(dataset, limit)


def limited(dataset, limit):
    """The Dataset with the first images of each split, at most `limit`, or all for None, and with its fingerprint."""
    train, validation, test = (take(split, slice(limit)) for split in (dataset.train, dataset.validation, dataset.test))
    fingerprint = dataset.fingerprint or checksum(train, validation, test)
    return dataset._replace(train=train, validation=validation, test=test, fingerprint=fingerprint)


def batch_order(num_images, batch_size, seed, epoch):
    """The image indices of every batch of an epoch, a function of (seed, epoch) alone.

    Images that fill no batch are left out; they differ from epoch to epoch.

    Returns:
        [num_images // batch_size, batch_size].
    """
    num_batches = num_images // batch_size
    order = np.random.default_rng([seed, epoch]).permutation(num_images)
    return order[: num_batches * batch_size].reshape(num_batches, batch_size)


def labelled_order(labels, shape, seed, epoch):
    """Indices of images with a label, for every batch of an epoch: all of them in turn, shuffled each time.

    Args:
        labels: [N, Y], where a row of zeros stands for no label.
        shape: how many batches, and how many images in each.
        seed: of the run.
        epoch: the number of the epoch.

    Returns:
        An array of this shape.
    """
    labelled, generator = np.flatnonzero(labels.any(axis=1)), np.random.default_rng([seed, epoch, 1])
    num_rounds = -(-shape[0] * shape[1] // len(labelled))
    turns = [generator.permutation(labelled) for _ in range(num_rounds)]
    return np.concatenate(turns)[: shape[0] * shape[1]].reshape(shape)


def cut(num_images, batch_size):
    """Slices of the rows of each batch; the last batch is smaller."""
    return [slice(start, start + batch_size) for start in range(0, num_images, batch_size)]


def cut_evenly(num_images, batch_size):
    """Indices of the rows of each batch. Batches have at most batch_size rows, and sizes as equal as possible."""
    return np.array_split(np.arange(num_images), -(-num_images // batch_size))


def cut_full(num_images, batch_size):
    """Indices of the rows of each batch. All batches have batch_size rows; the last image fills up the last batch."""
    return [np.minimum(np.arange(at.start, at.stop), num_images - 1) for at in cut(num_images, batch_size)]


def over_batches(function, arrays, rows, map=map):
    """function(index, *arrays) for every batch: the only loop over data outside training.

    Args:
        function: of the index of a batch, and the rows of each array in that batch.
        arrays: a tuple of arrays [N, ...]. None, such as missing labels, stays None.
        rows: the rows of each batch, from one of the three functions above.
        map: the map of a thread pool, for several batches at once.

    Returns:
        An iterator over the results, in the order of the batches.
    """
    return map(
        lambda index, at: function(index, *(each if each is None else each[at] for each in arrays)), count(), rows
    )
