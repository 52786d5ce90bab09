"""CelebA (Liu, Luo, Wang & Tang 2015): aligned faces, with lists of splits and of 40 attributes."""

import numpy as np

from image_data.folders import Layout, existing_folder, find_images
from image_data.lists import by_file, read_csv, read_text, signs
from image_data.photographs import Collection, shown
from image_data.splits import DataError

IMAGES = "img_align_celeba"
PARTITION, ATTRIBUTES = "list_eval_partition", "list_attr_celeba"
LAYOUT = Layout(
    f"the folder {IMAGES} with its .jpg files, or the folder that holds it, and beside it (if there) {PARTITION}.txt, "
    f"which gives the splits, and {ATTRIBUTES}.txt, the 40 attributes",
    "CelebA, mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
)
GROUPS = {"0": "train", "1": "validation", "2": "test"}


def collect_celeba(data_dir):
    """The Collection of CelebA. Labels are multi-hot: the attributes, out of 40, that a face has.

    Raises:
        DataError: files are missing, or a list has no line for an image.
    """
    given = existing_folder("celeba", data_dir, LAYOUT)
    root = given
    while (root / IMAGES).is_dir():  # some archives nest the folder in another one of the same name
        root = root / IMAGES
    files, others = find_images(root)
    if not files:
        raise LAYOUT.refusal(f"--data_dir {given}: found no image in {root}")
    in_folders = [file for file in files if "/" in file]
    if in_folders:
        raise LAYOUT.refusal(f"--data_dir {given}: found images in folders, such as {shown(in_folders[0])}")
    notes = []
    groups, labels, label_names = ("train",) * len(files), None, ()
    if partition := _find_list(PARTITION, given, root):
        _, rows = _read_list(partition, num_values=1)
        groups = tuple(_group(partition, row) for row in _rows_of(files, rows, partition))
        notes.append(f"splits from {partition}")
    if attributes := _find_list(ATTRIBUTES, given, root):
        label_names, rows = _read_list(attributes)
        if not label_names:
            raise DataError(
                f"{attributes}: expected the names of the attributes in its header, found none; fetch it again"
            )
        labels = np.array([signs(attributes, row) for row in _rows_of(files, rows, attributes)], np.uint8)
        notes.append(f"{len(label_names)} attributes from {attributes}")
    return Collection(root, tuple(files), groups, labels, label_names, tuple(notes))


def _find_list(name, given, root):
    """The path of a list, .txt or .csv, beside the images, above them or in the archive's folders; None if missing."""
    folders = [
        given,
        given / "Anno",
        given / "Eval",
        given.parent,
        root.parent,
        root.parent / "Anno",
        root.parent / "Eval",
    ]
    paths = [folder / f"{name}{suffix}" for folder in folders for suffix in (".txt", ".csv")]
    return next((path for path in paths if path.is_file()), None)


def _read_list(path, num_values=None):
    """The names of the columns, and file -> row of values, from a .txt of words or a .csv with a header.

    The .txt of the attributes starts with a line that counts the images and a line of the attributes' names.
    """
    if path.suffix == ".csv":
        table = read_csv(path)
        names, table = tuple(table[0][1:]) if table else (), table[1:]
    else:
        table = [line.split() for line in read_text(path).splitlines()]
        names = ()
        if num_values is None:
            names, table = tuple(table[1]) if len(table) > 1 else (), table[2:]
    if not (num_values or names):
        raise DataError(f"{path}: expected the names of the attributes in its header, found none; fetch it again")
    return names, by_file(path, table, num_values or len(names))


def _rows_of(files, rows, path):
    missing = [file for file in files if file not in rows]
    if missing:
        raise DataError(
            f"{path}: expected a line for every image, found none for {len(missing):,}, such as {missing[0]}; add the "
            "lines, or move the images or the list away"
        )
    return [rows[file] for file in files]


def _group(path, row):
    if row[0] not in GROUPS:
        raise DataError(f"{path}: expected 0 (train), 1 (validation) or 2 (test), found {row[0]!r}; fetch it again")
    return GROUPS[row[0]]
