"""Data sets by name: uint8 images [N, H, W, C] with labels, disjoint splits, and the order of batches.

Images stay uint8 here; scaling and binarisation happen inside the compiled training step.
"""

import gzip
import os
import zlib
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

DIGIT_NAMES = tuple("0123456789")
CLOTHING_NAMES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
# The last images of the training file validate; the test file is touched by evaluation only.
NUM_VALIDATION = 5_000

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}


class DataError(ValueError):
    """A data set that is missing, damaged or of another form. One line: found, expected, what to do."""


class Split(NamedTuple):
    """Images and their labels."""

    images: np.ndarray  # uint8 [N, H, W, C]
    labels: np.ndarray | None  # uint8 [N, Y], one-hot or multi-hot; None where the data has none


class Dataset(NamedTuple):
    """Three disjoint splits."""

    train: Split
    validation: Split
    test: Split
    label_names: tuple[str, ...]  # of the Y columns of labels; () where there are none

    @property
    def image_shape(self):
        """(H, W, C)."""
        return tuple(map(int, self.train.images.shape[1:]))

    @property
    def fingerprint(self):
        """A checksum of the training images and labels: a run that is resumed must see the same."""
        labels = b"" if self.train.labels is None else np.ascontiguousarray(self.train.labels)
        return f"{zlib.crc32(labels, zlib.crc32(np.ascontiguousarray(self.train.images))):08x}"


def load_dataset(name, data_dir=None, limit=None):
    """The data set `name`; with `limit`, the first so many images of each of its splits.

    Raises: DataError where files are missing, damaged or of another form.
    """
    dataset = DATASETS[name](None if data_dir is None else Path(data_dir))
    splits = (take(split, slice(limit)) for split in (dataset.train, dataset.validation, dataset.test))
    return Dataset(*splits, dataset.label_names)


def batch_order(num_images, batch_size, seed, epoch):
    """Indices of every batch of an epoch, [num_images // batch_size, batch_size]: a function of (seed, epoch).

    The remainder that fills no batch is left out, other images in each epoch.
    """
    num_batches = num_images // batch_size
    order = np.random.default_rng([seed, epoch]).permutation(num_images)
    return order[: num_batches * batch_size].reshape(num_batches, batch_size)


def take(split, index):
    """The images of a Split that an index (a slice or an array) picks, with their labels."""
    return Split(split.images[index], None if split.labels is None else split.labels[index])


def _one_hot(labels, num_classes):
    return np.eye(num_classes, dtype=np.uint8)[labels]


# --- MNIST and its kin ------------------------------------------------------------------------------------------------


def _load_mnist(data_dir):
    cached = _keras_cache() / "mnist.npz"
    return _mnist_like(_mnist_arrays("mnist", data_dir, cached), DIGIT_NAMES)


def _load_fashion_mnist(data_dir):
    cached = _keras_cache() / "fashion-mnist"
    return _mnist_like(_mnist_arrays("fashion_mnist", data_dir, cached), CLOTHING_NAMES)


def _mnist_like(arrays, label_names):
    images = {name: arrays[name][..., np.newaxis] for name in ("x_train", "x_test")}
    labels = {name: _one_hot(arrays[name], len(label_names)) for name in ("y_train", "y_test")}
    training_file = Split(images["x_train"], labels["y_train"])
    return Dataset(
        take(training_file, slice(None, -NUM_VALIDATION)),
        take(training_file, slice(-NUM_VALIDATION, None)),
        Split(images["x_test"], labels["y_test"]),
        label_names,
    )


def _mnist_arrays(name, data_dir, cached):
    """x_train, y_train, x_test, y_test from a folder, from Keras's cache, or downloaded into that cache."""
    if data_dir is None and not cached.is_file() and _missing_idx_files(cached):
        _download(name, cached)
    source = cached if data_dir is None else data_dir
    if not source.exists():
        raise DataError(f"--data_dir {source}: no such folder; expected {_mnist_layout(name)}")
    if source.is_dir() and (source / f"{name}.npz").is_file():
        source = source / f"{name}.npz"
    if source.is_file():
        arrays = _pick(read_npz(source), IDX_FILES, source)
    elif missing := _missing_idx_files(source):
        raise DataError(f"--data_dir {source}: found no {', '.join(missing)}; expected {_mnist_layout(name)}")
    else:
        arrays = {key: _read_idx(source / file) for key, file in IDX_FILES.items()}
    for split in ("train", "test"):
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
            raise DataError(
                f"{source}: expected uint8 images [N, 28, 28] with N labels, found x_{split} {images.dtype} "
                f"{list(images.shape)} and y_{split} {list(labels.shape)}; it is not {name}'s file"
            )
        if len(images) == 0 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 9:
            raise DataError(f"{source}: expected whole labels from 0 to 9 in y_{split}; it is not {name}'s file")
    if len(arrays["x_train"]) <= NUM_VALIDATION:
        raise DataError(
            f"{source}: expected more than {NUM_VALIDATION} training images, of which the last {NUM_VALIDATION} "
            f"validate, found {len(arrays['x_train'])}; it is not {name}'s file"
        )
    return arrays


def _missing_idx_files(folder):
    return [file for file in IDX_FILES.values() if not (folder / file).is_file()]


def _mnist_layout(name):
    return f"{name}.npz or {', '.join(IDX_FILES.values())}"


def _keras_cache():
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets"


def _download(name, cached):
    import keras

    print(f"{name}: not in Keras's cache; downloading it once to {cached}")
    try:
        getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception where the network fails
        raise DataError(
            f"{name} is neither at {cached} nor could it be downloaded ({error}): put {_mnist_layout(name)} into a "
            "folder and give it as --data_dir, or use --dataset digits, which needs no network"
        ) from error


def _load_binarized_mnist(data_dir):
    source = _keras_cache() if data_dir is None else data_dir
    path = source if source.is_file() else source / "binarized_mnist.npz"
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; expected the fixed binarisation of MNIST (Larochelle & Murray 2011) with arrays "
            "x_train, x_valid, x_test [N, 784] of 0 and 1, there or in --data_dir; --dataset digits needs no file"
        )
    arrays = _pick(read_npz(path), ("x_train", "x_valid", "x_test"), path)
    splits = []
    for name, array in arrays.items():
        is_whole = array.dtype.kind in "biuf" and len(array) > 0 and array[0].size == 784
        if not is_whole or not np.isin(array, (0, 1)).all():
            raise DataError(
                f"{path}: expected {name} of [N, 784] zeros and ones, found {array.dtype} {list(array.shape)}; "
                "binarised images are never thresholded here"
            )
        splits.append(Split(array.astype(np.uint8).reshape(-1, 28, 28, 1) * 255, None))
    return Dataset(*splits, label_names=())


def read_npz(path):
    """The arrays of an .npz file by name. Raises DataError where it is damaged, or another kind of file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # the parsers of numpy and zipfile raise whatever they stumble over
        raise DataError(f"{path}: damaged or not an .npz file ({_first_line(error)})") from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise DataError(f"{path}: damaged or not an .npz file (it holds other things than arrays)")
    return arrays


def _pick(arrays, names, path):
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DataError(f"{path}: expected arrays {', '.join(names)}, found no {', '.join(missing)}")
    return {name: arrays[name] for name in names}


def _read_idx(path):
    """A gzipped idx file of unsigned bytes (LeCun's format: two zero bytes, type 8, rank, big-endian sizes, data)."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged or not a gzip file ({_first_line(error)}); fetch it again") from error
    header_size = 4 + 4 * content[3] if len(content) > 3 and content[:3] == b"\0\0\x08" else 0
    shape = np.frombuffer(content[4:header_size], ">u4").tolist() if header_size <= len(content) else []
    if not shape or header_size + prod(shape) != len(content):
        raise DataError(f"{path}: expected an idx file of unsigned bytes, found other contents; fetch it again")
    return np.frombuffer(content, np.uint8, offset=header_size).reshape(shape)


def _first_line(error):
    return str(error).splitlines()[0] if str(error) else type(error).__name__


# --- Embedded ---------------------------------------------------------------------------------------------------------


def _load_digits(data_dir):
    """scikit-learn's digits, resized from 8x8 to 20x20 and framed to 28x28 as MNIST is; 1,257 / 180 / 360 images."""
    from PIL import Image
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    if data_dir is not None:
        raise DataError(f"--data_dir {data_dir} with --dataset digits: it is embedded and reads no files; leave it out")
    small, labels = load_digits(return_X_y=True)
    grey = small.reshape(-1, 8, 8).astype(np.float32) * (255 / 16)
    resized = (Image.fromarray(image).resize((20, 20), Image.Resampling.BICUBIC) for image in grey)
    images = np.clip(np.stack([np.asarray(image) for image in resized]).round(), 0, 255).astype(np.uint8)
    images = np.pad(images, ((0, 0), (4, 4), (4, 4)))[..., np.newaxis]

    train, test = train_test_split(np.arange(len(images)), test_size=360, stratify=labels, random_state=0)
    train, validation = train_test_split(train, test_size=180, stratify=labels[train], random_state=0)
    everything = Split(images, _one_hot(labels, 10))
    return Dataset(*(take(everything, index) for index in (train, validation, test)), DIGIT_NAMES)


DATASETS = {
    "mnist": _load_mnist,
    "binarized_mnist": _load_binarized_mnist,
    "fashion_mnist": _load_fashion_mnist,
    "digits": _load_digits,
}
