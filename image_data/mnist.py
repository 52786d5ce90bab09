"""MNIST and its relatives: from a folder, from Keras's cache, or downloaded once into that cache."""

from pathlib import Path

import numpy as np

from image_data.arrays import pick, read_idx, read_npz
from image_data.cache import keras_home
from image_data.splits import DataError, DataMissing, Dataset, Split, one_hot, take

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
# The last images of the training file are for validation. Only evaluation uses the test file.
NUM_VALIDATION = 5_000

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
# Where torchvision keeps them, below the folder that it is given.
INNER_FOLDERS = {
    "mnist": ("", "raw", "MNIST/raw", "mnist/raw", "MNIST"),
    "fashion_mnist": ("", "raw", "FashionMNIST/raw", "FashionMNIST"),
}


def load_mnist(data_dir):
    """The Dataset of MNIST."""
    cached = _keras_cache() / "mnist.npz"
    return _mnist_like(_mnist_arrays("mnist", data_dir, cached), DIGIT_NAMES)


def load_fashion_mnist(data_dir):
    """The Dataset of Fashion-MNIST."""
    cached = _keras_cache() / "fashion-mnist"
    return _mnist_like(_mnist_arrays("fashion_mnist", data_dir, cached), CLOTHING_NAMES)


def _mnist_like(arrays, label_names):
    images = {name: arrays[name][..., np.newaxis] for name in ("x_train", "x_test")}
    labels = {name: one_hot(arrays[name], len(label_names)) for name in ("y_train", "y_test")}
    training_file = Split(images["x_train"], labels["y_train"])
    return Dataset(
        take(training_file, slice(None, -NUM_VALIDATION)),
        take(training_file, slice(-NUM_VALIDATION, None)),
        Split(images["x_test"], labels["y_test"]),
        label_names,
    )


def _mnist_arrays(name, data_dir, cached):
    """x_train, y_train, x_test, y_test from a folder, from Keras's cache, or downloaded into that cache."""
    if data_dir is None and not cached.is_file() and None in _idx_paths(cached).values():
        _download(name, cached)
    source = cached if data_dir is None else data_dir
    if not source.exists():
        raise DataMissing(f"--data_dir {source}: no such folder; expected {_mnist_layout(name)}")
    if source.is_dir() and (source / f"{name}.npz").is_file():
        source = source / f"{name}.npz"
    if source.is_file():
        arrays = pick(read_npz(source), IDX_FILES, source)
    else:
        found = [_idx_paths(source / inner) for inner in INNER_FOLDERS[name]]
        paths = min(found, key=lambda each: list(each.values()).count(None))
        if missing := [IDX_FILES[key] for key, path in paths.items() if path is None]:
            raise DataError(f"--data_dir {source}: found no {', '.join(missing)}; expected {_mnist_layout(name)}")
        arrays = {key: read_idx(path) for key, path in paths.items()}
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


def _idx_paths(folder):
    """The paths of IDX_FILES in a folder by their keys, None for those that are not there."""
    return {key: next(filter(Path.is_file, _spellings(folder, file)), None) for key, file in IDX_FILES.items()}


def _spellings(folder, file):
    """A file under its common names: gzipped or unpacked, with a dot, or in a folder named as itself."""
    unpacked = file.removesuffix(".gz")
    dotted = unpacked.replace("-idx", ".idx")
    names = (file, unpacked, f"{dotted}.gz", dotted, f"{unpacked}/{unpacked}", f"{dotted}/{dotted}")
    return [folder / name for name in names]


def _mnist_layout(name):
    return f"{name}.npz or {', '.join(IDX_FILES.values())} (gzipped or unpacked, there or in raw)"


def _keras_cache():
    return keras_home() / "datasets"


def _download(name, cached):
    import keras

    print(f"{name}: not in Keras's cache; downloading it once to {cached}")
    try:
        getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception where the network fails
        raise DataMissing(
            f"{name} is neither at {cached} nor could it be downloaded ({error}): put {_mnist_layout(name)} into a "
            "folder and give it as --data_dir",
            ", or use --dataset digits, which needs no network",
        ) from error


def load_binarized_mnist(data_dir):
    """The Dataset of the fixed binarisation of MNIST (Larochelle & Murray 2011), without labels."""
    source = _keras_cache() if data_dir is None else data_dir
    path = source if source.is_file() else source / "binarized_mnist.npz"
    if not path.is_file():
        raise DataMissing(
            f"{path}: no such file; expected the fixed binarisation of MNIST (Larochelle & Murray 2011) with arrays "
            "x_train, x_valid, x_test [N, 784] of 0 and 1, there or in --data_dir",
            "; --dataset digits needs no file",
        )
    arrays = pick(read_npz(path), ("x_train", "x_valid", "x_test"), path)
    splits = []
    for name, array in arrays.items():
        is_whole = array.dtype.kind in "biuf" and len(array) > 0 and array[0].size == 784
        if not is_whole or not ((array == 0) | (array == 1)).all():
            raise DataError(
                f"{path}: expected {name} of [N, 784] zeros and ones, found {array.dtype} {list(array.shape)}; "
                "binarised images are never thresholded here"
            )
        splits.append(Split(array.astype(np.uint8).reshape(-1, 28, 28, 1) * 255, None))
    return Dataset(*splits, label_names=())
