"""The form of every data set, and the error for data that cannot be used."""

import zlib
from typing import NamedTuple

import numpy as np


class DataError(ValueError):
    """A data set that is missing, damaged or of another format. One line: found, expected, what to do."""


class DataMissing(DataError):
    """A data set of which no file was found: saved weights can be drawn from without it.

    Args:
        found: the error in one line.
        instead: another data set that would do, for those who train anew.
    """

    def __init__(self, found, instead=""):
        super().__init__(found + instead)
        self.found = found


class Split(NamedTuple):
    """Images, their labels, and their factors."""

    images: np.ndarray  # uint8 [N, H, W, C], in memory or memory-mapped
    labels: np.ndarray | None = None  # uint8 [N, Y], one-hot or multi-hot; None without labels
    factors: np.ndarray | None = None  # int [N, F], what the images were rendered from; None if unknown
    names: np.ndarray | None = None  # [N], of files, or of rows in the array that the images come from


class Dataset(NamedTuple):
    """Three disjoint splits."""

    train: Split
    validation: Split
    test: Split
    label_names: tuple[str, ...] = ()  # of the Y columns of labels; () without labels
    factor_names: tuple[str, ...] = ()  # of the F columns of factors
    fingerprint: str = ""  # checksum of all images and labels; a resumed run must see the same
    notes: tuple[str, ...] = ()  # what the user should know about the source of the images
    unreadable: tuple[tuple[str, str], ...] = ()  # (file, reason) of the files left out

    @property
    def has_classes(self):
        """Whether each image of every split has exactly one label."""
        splits = (self.train, self.validation, self.test)
        return all(split.labels is not None and is_one_hot(split.labels) for split in splits)

    @property
    def image_shape(self):
        """(H, W, C)."""
        return tuple(map(int, self.train.images.shape[1:]))


def refuse_other_images(images):
    """Raise DataError for anything but uint8 images [N, H, W, C], arrays or tensors.

    Floats in [0, 1] would be divided by 255 once more: a black image, of which every model has a high opinion.
    """
    if images.dtype != np.uint8 or len(images.shape) != 4:
        found = f"{np.dtype(getattr(images.dtype, 'as_numpy_dtype', images.dtype))} {list(images.shape)}"
        raise DataError(
            f"images {found}: expected uint8 [N, H, W, C] from 0 to 255; floats from 0 to 1 become such by "
            "experiment.api.grey_values, and whole numbers by .astype('uint8')"
        )


def take(split, index):
    """The part of a Split at an index (a slice or an array)."""
    return Split(*(None if values is None else values[index] for values in split))


def trained_on_validation(dataset):
    """The Dataset whose training images are those of both splits; the validation images are among them."""
    both = (
        None if first is None else np.concatenate([first, second])
        for first, second in zip(dataset.train, dataset.validation, strict=True)
    )
    note = "validation images are trained on: their numbers say nothing about new images, and the last weights are kept"
    return dataset._replace(train=Split(*both), notes=(*dataset.notes, note))


def with_few_labels(split, num_labelled, seed):
    """The Split with the labels of so many of its images, as many of each class; those of the others are rows of 0.

    Args:
        split: a Split with one label an image.
        num_labelled: how many labels are kept. The first classes keep one more where the classes cannot be equal.
        seed: of the draw.

    Raises: DataError where a class has too few images, or would have no label.
    """
    num_classes = split.labels.shape[1]
    if num_labelled < num_classes:
        raise DataError(f"--labelled {num_labelled}: expected at least one for each of the {num_classes} classes")
    order = np.random.default_rng(seed).permutation(len(split.labels))
    labels = np.zeros_like(split.labels)
    for index in range(num_classes):
        wanted = num_labelled // num_classes + (index < num_labelled % num_classes)
        of_class = order[split.labels[order, index] == 1]
        if len(of_class) < wanted:
            raise DataError(
                f"--labelled {num_labelled}: expected {wanted} training images of class {index + 1} of {num_classes}, "
                f"found {len(of_class)}; give a smaller number"
            )
        labels[of_class[:wanted], index] = 1
    return split._replace(labels=labels)


def pixel_variance(images, num_images=2_000):
    """The variance of pixels scaled to [0, 1], of at most so many of the images [N, H, W, C], evenly spread."""
    some = images[:: -(-len(images) // num_images)]
    means, variances = zip(*((image.mean(), image.var()) for image in some), strict=True)
    return float(np.mean(variances) + np.var(means)) / 255**2


def counted(number, noun):
    """'1 file', '2,100 files'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def checksum(*splits):
    """A checksum of the images and labels of Splits."""
    total = 0
    for split in splits:
        total = zlib.crc32(np.ascontiguousarray(split.images), total)
        total = zlib.crc32(b"" if split.labels is None else np.ascontiguousarray(split.labels), total)
    return f"{total:08x}"


def is_one_hot(labels):
    """Whether each row of labels [N, Y] names one class."""
    return bool((labels.sum(axis=1) == 1).all())


def one_hot(labels, num_classes):
    """Class numbers [N] -> uint8 [N, num_classes]."""
    return np.eye(num_classes, dtype=np.uint8)[labels]
