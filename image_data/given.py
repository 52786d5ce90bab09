"""Arrays that a user gives, from Python or in an .npz file -> a Dataset."""

from pathlib import Path

import numpy as np

from image_data.arrays import read_npz
from image_data.photographs import Collection, Reading, divided, reorder, stratified_order
from image_data.splits import DataError, DataMissing, Dataset, Split, one_hot, refuse_other_images, take

SPLITS = ("train", "validation", "test")
LAYOUT = (
    "an .npz file with x_train, uint8 [N, H, W] or [N, H, W, C], and where there are labels y_train, integers [N] or 0 "
    "and 1 [N, Y]; x_validation, x_test and their y_ are taken from these where they are missing"
)


def grey_values(images):
    """The bytes of images whose floats run from 0, black, to 1, white: uint8, rounded to the nearest of 256 values.

    Raises: DataError for values outside of [0, 1], or that are not finite.
    """
    images = np.asarray(images)
    is_grey = images.dtype.kind == "f" and images.size > 0 and images.min() >= 0 and images.max() <= 1
    if not is_grey:  # comparisons with what is not a number are false
        limits = f" from {images.min():g} to {images.max():g}" if images.size and images.dtype.kind in "fiub" else ""
        raise DataError(f"grey_values of {images.dtype} {list(images.shape)}{limits}: expected floats from 0 to 1")
    return np.uint8(np.rint(255 * images))


def images_of(images, image_shape=None, name="images"):
    """uint8 images [N, H, W, C] of an array [N, H, W, C] or [N, H, W].

    Args:
        images: the array.
        image_shape: (H, W, C) that they must have, or None for any.
        name: for errors.

    Raises: DataError for another type or shape.
    """
    images = np.asarray(images)
    given = f"{name} {images.dtype} {list(images.shape)}"
    if images.dtype == np.uint8 and images.ndim == 3:
        images = images[..., np.newaxis]
    refuse_other_images(images)
    if images.shape[-1] not in (1, 3):
        raise DataError(f"{given}: expected C = 1 or 3 in [N, H, W, C], the channels last")
    if len(images) == 0 or (image_shape and images.shape[1:] != tuple(image_shape)):
        wanted = "[N, H, W] or [N, H, W, C]" if image_shape is None else f"[N, {', '.join(map(str, image_shape))}]"
        raise DataError(f"{given}: expected {wanted}, at least one image; images[np.newaxis] makes one image of it")
    return images


def labels_of(labels, num_images, num_labels=None, name="labels"):
    """uint8 labels [N, Y] of class numbers [N], or of 0 and 1 [N, Y].

    Args:
        labels: the array.
        num_images: N.
        num_labels: Y, or None for as many as the labels name.
        name: for errors.

    Raises: DataError for another type, shape or value.
    """
    labels = np.asarray(labels)
    expected = f"expected {num_images} class numbers from 0" + (f" to {num_labels - 1}" if num_labels else "")
    error = DataError(
        f"{name} {labels.dtype} {list(labels.shape)}: {expected}, or 0 and 1 [{num_images}, {num_labels or 'Y'}]"
    )
    is_numeric = labels.dtype.kind in "biuf" and labels.ndim in (1, 2)
    if not is_numeric or len(labels) != num_images or not np.isin(labels, np.arange(10_000)).all():
        raise error
    if labels.ndim == 1:
        num_labels = num_labels or int(labels.max()) + 1
        if labels.max() >= num_labels:
            raise error
        return one_hot(labels.astype(int), num_labels)
    if labels.max(initial=0) > 1 or (num_labels and labels.shape[1] != num_labels):
        raise error
    return labels.astype(np.uint8)


def load_given(data_dir):
    """The Dataset of an .npz file."""
    if data_dir is None:
        raise DataMissing(f"--dataset arrays: expected --data_dir FILE, {LAYOUT}")
    if not Path(data_dir).is_file():
        raise DataMissing(f"--data_dir {data_dir}: no such file; expected {LAYOUT}")
    arrays = read_npz(Path(data_dir))
    known = {f"{letter}_{name}" for letter in "xy" for name in SPLITS} | {"label_names"}
    if "x_train" not in arrays or not arrays.keys() <= known:
        raise DataError(f"--data_dir {data_dir}: found arrays {', '.join(arrays)}; expected {LAYOUT}")
    names = tuple(map(str, arrays.pop("label_names", ())))
    return given_dataset({name: (arrays.get(f"x_{name}"), arrays.get(f"y_{name}")) for name in SPLITS}, names)


def given_dataset(given, label_names=()):
    """The Dataset of arrays. What is not given to validate (20 %) and test (10 %) is taken from the training images.

    Args:
        given: "train", "validation" and "test" -> (images, labels), None for what is missing.
        label_names: of the labels; () for their numbers.

    Raises: DataError for arrays of other types and shapes, or that do not fit together.
    """
    splits, image_shape, num_labels = {}, None, len(label_names) or None
    for name in SPLITS:
        images, labels = given.get(name, (None, None))
        if images is None:
            continue
        images = images_of(images, image_shape, f"x_{name}")
        image_shape = images.shape[1:]
        if labels is not None:
            labels = labels_of(labels, len(images), num_labels, f"y_{name}")
            num_labels = labels.shape[1]
        if splits and (labels is None) != (splits["train"].labels is None):
            raise DataError(f"y_{name}: expected labels for all splits, or for none")
        rows = np.arange(len(images)).astype(str).astype(object)  # by which tables find an image in its array
        splits[name] = Split(images, labels, names=rows)
    splits = _held_out(splits)
    names = tuple(label_names) or tuple(map(str, range(num_labels or 0)))
    return Dataset(**splits, label_names=names, notes=_missing_labels(splits["train"].labels, names))


def _missing_labels(labels, names):
    """A warning of labels that no training image has, as a tuple of notes."""
    missing = [] if labels is None else [names[index] for index in np.flatnonzero(labels.sum(axis=0) == 0)]
    if not missing:
        return ()
    some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
    return (
        f"WARNING: {len(missing)} of {len(names)} labels have no training image: {some}; class numbers count from 0",
    )


def _held_out(splits):
    """Splits with the missing ones taken from the training images, every class in proportion, as from a folder."""
    if len(splits) == len(SPLITS):
        return splits
    files = tuple(map(str, range(len(splits["train"].images))))
    collection = Collection(Path("x_train"), files, ("train",) * len(files), splits["train"].labels)
    order = stratified_order(collection)
    groups = divided(reorder(collection, order), Reading()).groups
    wanted = {"train", *SPLITS} - (splits.keys() - {"train"})
    groups = np.where(np.isin(groups, list(wanted)), groups, "train")
    return splits | {name: take(splits["train"], np.array(order)[groups == name]) for name in wanted}
