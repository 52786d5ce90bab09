"""Image files of a folder -> a Dataset: sorted, decoded once into a memory-mapped cache, divided into splits."""

import hashlib
import os
import unicodedata
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from image_data.cache import cached_array, digest
from image_data.decoding import ImageForm, UnreadableImage, decode
from image_data.splits import DataError, Dataset, Split, checksum, counted, is_one_hot, take

FORMAT = 1  # increase it whenever the same file gives different pixels
# How many files a thread decodes at a time, and how many bytes of decoded images wait to be written. The limit keeps
# memory constant for any number of files.
FILES_PER_TASK, BYTES_AT_ONCE = 16, 64_000_000
NUM_SHOWN = 10  # how many unreadable files an error names


class Reading(NamedTuple):
    """How image files are read and divided into splits. The fields are settings of Config."""

    image_size: int = 64
    crop: str = "center"
    grayscale: bool = False
    validation_split: float = 0.2
    test_split: float = 0.1
    skip_unreadable: bool = False
    cache_dir: str | None = None


class Collection(NamedTuple):
    """The image files of a data set, before any is opened."""

    root: Path
    files: tuple[str, ...]  # relative to root, with forward slashes
    groups: tuple[str, ...]  # "train", "validation" or "test" for each file
    labels: np.ndarray | None = None  # uint8 [N, Y]
    label_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load_photographs(collection, reading):
    """The Dataset of a Collection.

    A missing "validation" or "test" group is taken from "train", with every class in proportion. `validation_split` and
    `test_split` are shares of the images in "train".

    Args:
        collection: a Collection.
        reading: a Reading.

    Raises:
        DataError: files cannot be read and reading.skip_unreadable is not set, or too few images are left.
    """
    order = stratified_order(collection)
    collection = reorder(collection, order)
    images, unreadable, checksums = cached_images(collection.root, collection.files, reading)
    if unreadable and not reading.skip_unreadable:
        raise DataError(_refusal(collection, unreadable))
    collection = reorder(collection, [index for index, file in enumerate(collection.files) if file not in unreadable])

    sizes = split_sizes(collection, reading)
    everything = Split(images, collection.labels)
    # The order begins with the groups that exist. Those taken from "train" follow.
    held_out = sorted(("validation", "test"), key=lambda name: name not in collection.groups)
    splits, start = {}, 0
    for name in (*held_out, "train"):
        splits[name] = take(everything, slice(start, start + sizes[name]))
        start += sizes[name]
    return Dataset(
        splits["train"],
        splits["validation"],
        splits["test"],
        collection.label_names,
        fingerprint=checksum(everything._replace(images=checksums)),
        notes=collection.notes + _notes(collection, unreadable, images.filename),
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
            f"--data_dir {collection.root}: found {found}, of which none would be left to train on "
            f"({sizes['validation']} to validate, {sizes['test']} to test); expected at least one of each"
        )
    return sizes


# --- Cache ------------------------------------------------------------------------------------------------------------


def cached_images(root, files, reading):
    """The images of `files` under `root`, decoded now or read from the cache.

    Args:
        root: a folder.
        files: paths relative to root.
        reading: a Reading.

    Returns:
        A memory-mapped uint8 array [N, H, W, C] of the readable files, in order; a dict of file -> reason for the
        others; and a checksum of each image, uint32 [N].
    """
    form = ImageForm(reading.image_size, 1 if reading.grayscale else 3, reading.crop)
    root = Path(root).resolve()
    paths = [root / file for file in files]
    state = digest(str(FORMAT), *map(_state_of_file, files, paths))
    source = f"{root.name[:40]}-{digest(str(root), repr(form))}"
    num_bytes = len(files) * form.size * form.size * form.channels
    build = partial(_build, files, paths, form)
    images, record = cached_array(source, state, num_bytes, build, reading.cache_dir)
    return images, record["unreadable"], np.array(record["checksums"], np.uint32)


def _state_of_file(file, path):
    try:
        status = os.stat(path)
    except OSError as error:
        return f"{file}\n{error.strerror}"
    # Times alone are not enough: an archive may give all files the same time, and folders can be swapped.
    return f"{file}\n{status.st_size}\n{status.st_mtime_ns}\n{status.st_ctime_ns}\n{status.st_ino}"


def _build(files, paths, form, array_path):
    """Write the array image by image, so that it never is in memory as a whole. Returns its record."""
    unreadable, checksums = {}, []
    with array_path.open("wb") as array:
        _write_header(array, len(files), form)
        decoded = tqdm(_decode_all(paths, form), desc="reading images", total=len(files), unit=" images")
        for file, (image, checksum_or_reason) in zip(files, decoded, strict=True):
            if image is None:
                unreadable[file] = checksum_or_reason
            else:
                checksums.append(checksum_or_reason)
                array.write(image)
        array.seek(0)
        _write_header(array, len(checksums), form)  # same length as the first header, because numpy pads it for growth
    return {"unreadable": unreadable, "checksums": checksums}


def _write_header(file, num_images, form):
    shape = (num_images, form.size, form.size, form.channels)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _decode_all(paths, form):
    """Decode in parallel. Yields (image, checksum) for each path in order, or (None, reason)."""

    def attempt(path):
        try:
            image = decode(path, form)
        except UnreadableImage as error:
            return None, str(error)
        return image, zlib.crc32(image)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [paths[start : start + FILES_PER_TASK] for start in range(0, len(paths), FILES_PER_TASK)]
        bytes_per_task = FILES_PER_TASK * form.size * form.size * form.channels
        tasks_at_once = max(os.cpu_count(), BYTES_AT_ONCE // bytes_per_task)
        for start in range(0, len(tasks), tasks_at_once):
            for results in pool.map(lambda task: list(map(attempt, task)), tasks[start : start + tasks_at_once]):
                yield from results


# --- Words ------------------------------------------------------------------------------------------------------------


def _refusal(collection, unreadable):
    named = [f"{shown(file)} ({reason})" for file, reason in list(unreadable.items())[:NUM_SHOWN]]
    more = f"; and {len(unreadable) - NUM_SHOWN:,} more" if len(unreadable) > NUM_SHOWN else ""
    share = f"{len(unreadable):,} of {counted(len(collection.files), 'file')}"
    return (
        f"--data_dir {collection.root}: {share} cannot be read as images: {'; '.join(named)}{more}: mend or remove "
        "them, or go on without them with --skip_unreadable"
    )


def _notes(collection, unreadable, array_path):
    notes = [f"read from {collection.root}, cached in {array_path}"]
    missing = [name for name in ("validation", "test") if name not in collection.groups]
    if missing:
        notes.append(f"{' and '.join(missing)} images are taken from the others, each class alike, by a hash of names")
    if unreadable:
        notes.append(f"left out, because they cannot be read: {counted(len(unreadable), 'file')}")
    return tuple(notes)


def shown(file):
    """A file's name as printable text in one line, whatever its bytes."""
    text = os.fsencode(file).decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
