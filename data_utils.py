"""Data sets by name: uint8 images [N, H, W, C] with labels or factors, disjoint splits, and the order of batches.

Images stay uint8 here; scaling, binarisation and augmentation happen inside the compiled training step.
"""

from functools import partial
from pathlib import Path

import numpy as np

from image_data.celeba import collect_celeba
from image_data.digits import load_digits
from image_data.folders import LAYOUTS, collect_folder
from image_data.mnist import load_binarized_mnist, load_fashion_mnist, load_mnist
from image_data.photographs import Reading, load_photographs
from image_data.records import checksum, take
from image_data.sprites import load_dsprites, load_sprites

# Data sets whose images have one form, and those of image files, which are brought to the form that Reading says.
ARRAYS = {
    "mnist": load_mnist,
    "binarized_mnist": load_binarized_mnist,
    "fashion_mnist": load_fashion_mnist,
    "digits": load_digits,
    "sprites": load_sprites,
    "dsprites": load_dsprites,
}
PHOTOGRAPHS = {"celeba": collect_celeba, **{name: partial(collect_folder, name) for name in LAYOUTS}}


def load_dataset(name, data_dir=None, limit=None, reading=None):
    """The data set `name`; with `limit`, the first so many images of each of its splits.

    Args: data_dir, where its files are; reading, a Reading, for image files only.
    Raises: DataError where files are missing, damaged or of another form.
    """
    data_dir = None if data_dir is None else Path(data_dir)
    if name in PHOTOGRAPHS:
        dataset = load_photographs(PHOTOGRAPHS[name](data_dir), reading or Reading())
    else:
        dataset = ARRAYS[name](data_dir)
    train, validation, test = (take(split, slice(limit)) for split in (dataset.train, dataset.validation, dataset.test))
    fingerprint = dataset.fingerprint or checksum(train, validation, test)
    return dataset._replace(train=train, validation=validation, test=test, fingerprint=fingerprint)


def batch_order(num_images, batch_size, seed, epoch):
    """Indices of every batch of an epoch, [num_images // batch_size, batch_size]: a function of (seed, epoch).

    The remainder that fills no batch is left out, other images in each epoch.
    """
    num_batches = num_images // batch_size
    order = np.random.default_rng([seed, epoch]).permutation(num_images)
    return order[: num_batches * batch_size].reshape(num_batches, batch_size)
