"""The tables of a run: of every image of its data set, and of a folder of new images."""

from pathlib import Path

import numpy as np

from experiment.pictures.chosen import form_of, label_of_file
from experiment.settings.refusals import ConfigError
from experiment.tables.rows import columns_of, rows_of, unit_columns
from experiment.tables.writing import write_table
from experiment.training.preprocessing import binarize_when_read
from experiment.training.terminal import progress_bar
from image_data.folders import find_images
from image_data.photographs import cached_images, refusal, shown
from image_data.splits import DataError, Split
from models.noise import Stream

# The binary images of training are drawn anew at each step; here they are those that the linear probe is fitted on.
STREAMS = {
    "train": Stream.PROBE_BINARIZATION,
    "validation": Stream.VALIDATION_BINARIZATION,
    "test": Stream.TEST_BINARIZATION,
}


def write_codes(infer, config, dataset, folder):
    """Write codes.csv and codes.npz: scores and codes of every image of every split of a Dataset. Returns the paths."""
    splits = {
        name: binarize_when_read(getattr(dataset, name), config.binarization, stream)
        for name, stream in STREAMS.items()
    }
    return write_rows(infer, config, splits, dataset.label_names, folder, "codes")


def write_scores(infer, config, split, folder):
    """Write scores.csv and scores.npz of new images, as the model sees them. Returns the paths."""
    return write_rows(infer, config, {"new": split}, config.label_names, folder, "scores")


def write_rows(infer, config, splits, label_names, folder, stem):
    """Write folder/stem.csv and .npz of Splits, a dict by their names. Returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(len(split.images) for split in splits.values())
    width = max(
        len(str(total)) if split.names is None else max(map(len, split.names), default=1) for split in splits.values()
    )

    def batches():
        with progress_bar(stem, total) as bar:
            for name, split in splits.items():
                for row in rows_of(infer, config, split, config.iw_samples):
                    yield columns_of(row, config, split, name, label_names, width)
                    bar.update(len(row.codes))

    return write_table(folder, stem, batches(), unit_columns(config))


def split_of_folder(config, folder):
    """The images below a folder as a model sees them, and those that cannot be read.

    The Split reads and binarises them when they are asked for; the others are a dict, file -> reason.

    They are resized as the training images were; for a model of arrays (MNIST) they have its size. For a conditional
    model the label of an image is the nearest folder above it that is named as a label. A model with a classifier of
    its own needs no such folders.

    Raises:
        DataError: there is no such folder, no image in it, or images that cannot be read.
        ConfigError: a label is missing.
    """
    flag, root = f"--score {shown(folder)}", Path(folder)
    if not root.is_dir():
        mend = "; arrays are scored from Python: load(RUN).score(images)" if root.suffix == ".npz" else ""
        found = "is a file" if root.exists() else "found no such folder"
        raise DataError(f"{flag}: {found}; expected a folder of images{mend}")
    files, _ = find_images(root)
    if not files:
        raise DataError(f"{flag}: found no image; expected a folder of images")
    images, record = cached_images(root, files, form_of(config), config.cache_dir)
    unreadable = record["unreadable"]
    if unreadable and not config.skip_unreadable:
        raise DataError(refusal(flag, len(files), unreadable))
    for file, reason in unreadable.items():
        print(f"left out: {shown(file)} ({reason})")
    files = [file for file in files if file not in unreadable]
    if not files:
        raise DataError(f"{flag}: found no image that can be read; expected a folder of images")
    labels = None
    if config.traits.is_conditional:
        try:
            labels = np.stack([label_of_file("--score", root / file, config) for file in files])
        except ConfigError:
            if not config.traits.finds_labels:
                raise
    split = Split(images, labels, names=np.array(files, dtype=object))
    return binarize_when_read(split, config.binarization, Stream.TEST_BINARIZATION), unreadable
