"""Image files of a folder -> a Dataset: sorted, decoded once into a memory-mapped cache, divided into splits."""

import hashlib
import os
import unicodedata
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from image_data.cache import cached_array, digest
from image_data.decoding import ImageForm, read_image
from image_data.formats import UnreadableImage
from image_data.splits import DataError, Dataset, Split, checksum, counted, is_one_hot, take

FORMAT = 2  # to be raised whenever the pixels that come out of the same file change
# Files that a thread decodes in one go, and bytes of images that are decoded and not yet written: memory stays flat
# however many files there are.
FILES_PER_TASK, BYTES_AT_ONCE = 16, 64_000_000
NUM_SHOWN = 10  # unreadable files that an error names
GROUP_NAMES = ("train", "validation", "test")


class Reading(NamedTuple):
    """How image files are read and divided into splits. The fields are settings of Config."""

    image_size: int | tuple[int, int] = 64  # height and width: one number for a square
    crop: str = "center"
    grayscale: bool = False
    validation_split: float = 0.2
    test_split: float = 0.1
    skip_unreadable: bool = False
    labels: str | None = None  # a .csv file, see image_data/lists.py
    bands: tuple[int, ...] = ()
    white_level: float | None = None
    max_megapixels: float = 100.0
    cache_dir: str | None = None

    @property
    def form(self):
        """The ImageForm of each image."""
        channels = 1 if self.grayscale else 3
        return ImageForm(self.image_size, channels, self.crop, self.bands, self.white_level, self.max_megapixels)


class Collection(NamedTuple):
    """The image files of a data set, before any is opened."""

    root: Path
    files: tuple[str, ...]  # relative to root, with forward slashes
    groups: tuple[str, ...]  # "train", "validation" or "test" for each file
    labels: np.ndarray | None = None  # uint8 [N, Y]
    label_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    train_folders: tuple[str, ...] = ()  # the folders named as training splits


def load_photographs(collection, reading, limit=None):
    """The Dataset of a Collection; with `limit`, the first so many images of each split, and no others are read.

    A missing "validation" or "test" group is taken from "train", with every class in proportion. `validation_split` and
    `test_split` are shares of the images in "train".

    Args:
        collection: a Collection.
        reading: a Reading.

    Raises:
        DataError: files cannot be read and reading.skip_unreadable is not set, or too few images are left.
    """
    found = collection = reorder(collection, stratified_order(collection))
    # The splits are shares of the files that can be read. Which these are is known beforehand where all must be.
    is_known = limit is not None and not reading.skip_unreadable
    if is_known:
        collection = first_of_each_group(divided(collection, reading), limit)
    is_whole = len(collection.files) == len(found.files)
    images, record = cached_images(collection.root, collection.files, reading.form, reading.cache_dir, is_whole)
    unreadable = record["unreadable"]
    if unreadable and not reading.skip_unreadable:
        raise DataError(refusal(f"--data_dir {shown(collection.root)}", len(collection.files), unreadable))
    if not is_known:
        found = reorder(found, [index for index, file in enumerate(found.files) if file not in unreadable])
        collection = divided(found, reading)

    everything = Split(images, collection.labels, names=np.array(collection.files, dtype=object))
    splits = {}
    for name in GROUP_NAMES:
        start = collection.groups.index(name)
        splits[name] = take(everything, slice(start, start + collection.groups.count(name)))
    return Dataset(
        **splits,
        label_names=collection.label_names,
        fingerprint=checksum(everything._replace(images=np.array(record["checksums"], np.uint32))),
        notes=found.notes
        + _notes_of_groups(found, reading)
        + _notes_of_images(collection, splits["train"], record, images.filename),
        unreadable=tuple(unreadable.items()),
    )


def reorder(collection, order):
    """The Collection of the files at these indices, with their groups and labels."""
    return collection._replace(
        files=tuple(collection.files[index] for index in order),
        groups=tuple(collection.groups[index] for index in order),
        labels=None if collection.labels is None else collection.labels[list(order)],
    )


def stratified_order(collection):
    """Indices that order a Collection so that every run of images holds each class in proportion.

    Validation and test images come first, then training images, so that every split is one slice of any size. Within a
    class, a hash of the file's name gives the order. So the order does not depend on how a folder is listed, and one
    more file hardly changes it. Classes are spread evenly: the r-th of n files stands at (r + 1/2) / n.
    """
    if collection.labels is None or not is_one_hot(collection.labels):
        classes = np.zeros(len(collection.files), int)
    else:
        classes = collection.labels.argmax(axis=1)
    strata = list(zip(collection.groups, classes.tolist(), strict=True))
    hashes = [_hash(file) for file in collection.files]
    num_files, rank, position = Counter(strata), Counter(), {}
    for index in sorted(range(len(hashes)), key=hashes.__getitem__):
        position[index] = (rank[strata[index]] + 0.5) / num_files[strata[index]]
        rank[strata[index]] += 1
    first = {"validation": 0, "test": 1, "train": 2}
    return sorted(position, key=lambda index: (first[collection.groups[index]], position[index], hashes[index]))


def _hash(file):
    # Systems differ in Unicode normalisation: composed or decomposed letters.
    name = unicodedata.normalize("NFC", file).encode("utf-8", errors="surrogateescape")
    return hashlib.sha256(name).digest()


def divided(collection, reading):
    """A Collection in stratified order, with each file in the group that it is used in: each group is one run of files.

    The groups that are there come first; what is taken from "train" follows them, and then what is left of it.
    """
    sizes = split_sizes(collection, reading)
    held_out = sorted(("validation", "test"), key=lambda name: name not in collection.groups)
    groups = tuple(name for name in (*held_out, "train") for _ in range(sizes[name]))
    return collection._replace(groups=groups)


def first_of_each_group(collection, limit):
    """The first `limit` files of each group of a Collection."""
    seen, first = Counter(), []
    for index, group in enumerate(collection.groups):
        seen[group] += 1
        if seen[group] <= limit:
            first.append(index)
    return reorder(collection, first)


def split_sizes(collection, reading):
    """The number of images of each split, at least one each.

    Raises:
        DataError: no image is left for training.
    """
    found = Counter(collection.groups)
    sizes = {
        "validation": found["validation"] or max(1, round(reading.validation_split * found["train"])),
        "test": found["test"] or max(1, round(reading.test_split * found["train"])),
    }
    sizes["train"] = len(collection.files) - sum(sizes.values())
    if sizes["train"] < 1:
        found = f"{counted(len(collection.files), 'image')} that can be read"
        raise DataError(
            f"--data_dir {shown(collection.root)}: found {found}, of which none would be left to train on "
            f"({sizes['validation']} to validate, {sizes['test']} to test); expected at least one of each"
        )
    return sizes


# --- Cache ------------------------------------------------------------------------------------------------------------


def cached_images(root, files, form, cache_dir=None, is_whole=True):
    """Images of `files` under `root`, decoded now or read from the cache.

    Args:
        root: of the files.
        files: relative to it.
        form: the ImageForm of each.
        cache_dir: the folder of caches, or None.
        is_whole: whether these are all files of the data set: some of them have a cache of their own.

    Returns:
        A memory-mapped uint8 array [N, H, W, C] of the files that can be read, in order, and its record, a dict:
        "checksums", one for each image; "unreadable", file -> reason of the others; "remarks", what a user should know
        -> the files of which it is true, how many and the first.
    """
    root = Path(root).resolve()
    paths = [root / file for file in files]
    state = digest(str(FORMAT), *map(_state_of_file, files, paths))
    source = f"{root.name[:40]}-{digest(str(root), _described(form), *([] if is_whole else ['some']))}"
    num_bytes = len(files) * prod(form.shape)
    build = partial(_build, files, paths, form)
    return cached_array(source, state, num_bytes, build, cache_dir)


def _described(form):
    """A form as it is printed, but for what is at its default: a new setting leaves older caches where they are."""
    chosen = {name: value for name, value in form._asdict().items() if value != form._field_defaults.get(name)}
    return f"ImageForm({', '.join(f'{name}={value!r}' for name, value in chosen.items())})"


def _state_of_file(file, path):
    try:
        status = os.stat(path)
    except OSError as error:
        return f"{file}\n{error.strerror}"
    # Times alone are not enough: an archive may give all files the same time, and folders can be swapped.
    return f"{file}\n{status.st_size}\n{status.st_mtime_ns}\n{status.st_ctime_ns}\n{status.st_ino}"


def _build(files, paths, form, array_path):
    """Write the array, one image after the other, so that none of it stays in memory; returns its record."""
    unreadable, checksums, remarks = {}, [], {}
    with array_path.open("wb") as array:
        _write_header(array, len(files), form)
        decoded = tqdm(_decode_all(paths, form), desc="reading images", total=len(files), unit=" images")
        for file, image in zip(files, decoded, strict=True):
            if isinstance(image, str):
                unreadable[file] = image
                continue
            checksums.append(zlib.crc32(image.pixels))
            array.write(image.pixels)
            for remark in image.remarks:
                number, first = remarks.get(remark, (0, file))
                remarks[remark] = number + 1, first
        array.seek(0)
        _write_header(array, len(checksums), form)  # as long as the first, which numpy pads for a growing array
    return {"unreadable": unreadable, "checksums": checksums, "remarks": remarks}


def _write_header(file, num_images, form):
    shape = (num_images, *form.shape)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _decode_all(paths, form):
    """Decode in parallel: a Decoded for each path in order, or why it cannot be read."""

    def attempt(path):
        try:
            return read_image(path, form)
        except UnreadableImage as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [paths[start : start + FILES_PER_TASK] for start in range(0, len(paths), FILES_PER_TASK)]
        bytes_per_task = FILES_PER_TASK * prod(form.shape)
        tasks_at_once = max(os.cpu_count(), BYTES_AT_ONCE // bytes_per_task)
        for start in range(0, len(tasks), tasks_at_once):
            for results in pool.map(lambda task: list(map(attempt, task)), tasks[start : start + tasks_at_once]):
                yield from results


# --- Words ------------------------------------------------------------------------------------------------------------


def refusal(given, num_files, unreadable):
    """The error for files that cannot be read; `given` is the flag that named their folder, as it was typed."""
    first = [f"{shown(file)} ({reason})" for file, reason in list(unreadable.items())[:NUM_SHOWN]]
    more = f"; and {len(unreadable) - NUM_SHOWN:,} more" if len(unreadable) > NUM_SHOWN else ""
    share = f"{len(unreadable):,} of {counted(num_files, 'file')}"
    return (
        f"{given}: {share} cannot be read as images: {'; '.join(first)}{more}: mend or "
        "remove them, or go on without them with --skip_unreadable"
    )


def _notes_of_groups(collection, reading):
    """What is held out of the images to train on: 'test: 3 of the 28 in train2017'."""
    missing = [name for name in ("validation", "test") if name not in collection.groups]
    if not missing:
        return ()
    sizes, num_there = split_sizes(collection, reading), collection.groups.count("train")
    there = f"in {named(collection.train_folders)}" if collection.train_folders else "images"
    return (", ".join(f"{name}: {sizes[name]:,} of the {num_there:,} {there}" for name in missing),)


def _notes_of_images(collection, train, record, array_path):
    notes = [f"read from {shown(collection.root)}, cached in {shown(array_path)}"]
    if collection.labels is not None:
        unseen = [
            name for name, is_seen in zip(collection.label_names, train.labels.any(axis=0), strict=True) if not is_seen
        ]
        if unseen:
            notes.append(f"WARNING: no training image of {counted(len(unseen), 'label')}: {named(unseen)}")
    if record["unreadable"]:
        notes.append(f"left out, because they cannot be read: {counted(len(record['unreadable']), 'file')}")
    for remark, (number, first) in record["remarks"].items():
        notes.append(f"{counted(number, 'file')}{', such as' if number > 1 else ':'} {shown(first)}: {remark}")
    return tuple(notes)


def shown(file):
    """A file's name as printable text in one line, whatever its bytes."""
    text = os.fsencode(file).decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def named(names, num_shown=5):
    """'ash, birch, cedar and 18 more'."""
    more = f" and {len(names) - num_shown:,} more" if len(names) > num_shown else ""
    return ", ".join(map(shown, names[:num_shown])) + more


def told_apart(names):
    """Names as they can be printed, no two alike."""
    printable = tuple(map(shown, names))
    return printable if len(set(printable)) == len(printable) else tuple(map(_spelled_out, names))


def label_of_folder(name, label_names):
    """The label that images in a folder of this name have, or None."""
    spellings = {unicodedata.normalize("NFC", each) for each in (name, shown(name), _spelled_out(name))}
    return next((label for label in label_names if unicodedata.normalize("NFC", label) in spellings), None)


def _spelled_out(name):
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")
