"""Lists of images: a row for each, with its file's name and values. Read whole, or refused by name."""

import csv
import unicodedata
from collections import Counter
from io import StringIO
from pathlib import Path

import numpy as np

from image_data.photographs import named, shown, told_apart
from image_data.splits import DataError, counted, one_hot

DELIMITERS = ",;\t"
SIGNS = {"0": 0, "1": 1, "-1": 0}


def read_text(path):
    """The text of a list; bytes of file names that are no text are kept as the file system keeps them."""
    return Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")


def read_csv(path):
    """The rows of a .csv file, by the delimiter that its header holds most of."""
    text = read_text(path)
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    try:
        return list(csv.reader(StringIO(text), skipinitialspace=True, delimiter=delimiter))
    except csv.Error as error:  # such as a quote that nothing closes
        raise DataError(f"{shown(path)}: expected a .csv file, found {error}; is a quote left open?") from error


def by_file(path, table, num_values, mend="fetch it again"):
    """File -> its values, from rows of a file's name and values. Raises DataError for rows of another length."""
    rows = {}
    for row in filter(None, table):
        if len(row) != num_values + 1:
            raise DataError(
                f"{shown(path)}: expected a file's name and {counted(num_values, 'value')} in each line, found "
                f"{shown(' '.join(row))[:80]!r}; {mend}"
            )
        if rows.get(row[0], row[1:]) != row[1:]:
            raise DataError(
                f"{shown(path)}: expected one line for each image, found two that differ for {shown(row[0])}; {mend}"
            )
        rows[row[0]] = row[1:]
    return rows


def signs(path, row, mend="fetch it again"):
    """Which attributes an image has, from the values of its row."""
    if not SIGNS.keys() >= set(row):
        raise DataError(
            f"{shown(path)}: expected 1, or -1 or 0, for every attribute, found {shown(' '.join(row))[:80]!r}; {mend}"
        )
    return [SIGNS[value] for value in row]


# --- Labels -----------------------------------------------------------------------------------------------------------


def with_labels(collection, path):
    """A Collection with the labels of a .csv file: 'file,label', or 'file' and several attributes of 0 and 1.

    A file is named as below the folder of the data set, or by so much of the end of its path that no other has it, with
    its suffix or without.

    Raises: DataError where the file has another form, names other files, or leaves images out.
    """
    given, mend = f"--labels {path}", "mend the file"
    if not Path(path).is_file():
        raise DataError(f"{shown(given)}: no such file; expected a .csv with the columns file and label")
    table = read_csv(path)
    header = [name.strip() for name in table[0]] if table else []
    find = _finder(collection)
    if len(header) < 2 or not all(header) or len(set(header)) < len(header) or find(header[0]):
        raise DataError(
            f"{shown(given)}: expected a header of the columns file and label, or file and attributes, all different, "
            f"found {shown(', '.join(header))[:80]!r}; {mend}"
        )
    rows = _rows_of_files(given, by_file(given, table[1:], len(header) - 1, mend), collection, find)
    if len(header) == 2:
        labels, names = _classes(given, [row[0].strip() for row in rows])
        words = f"classes: {len(names)}"
    else:
        labels = np.array([signs(given, [value.strip() for value in row], mend) for row in rows], np.uint8)
        names, words = header[1:], f"attributes: {len(header) - 1}"
    instead = "" if collection.labels is None else ", in place of those of the folders"
    note = f"labels from {shown(path)}{instead}; {words} ({named(names)})"
    return collection._replace(labels=labels, label_names=told_apart(names), notes=(*collection.notes, note))


def _finder(collection):
    """A function: name -> the files of a Collection that it may mean."""
    files = {_composed(file): file for file in collection.files}
    root = _composed(f"/{collection.root.absolute().as_posix()}")
    by_end = {}
    for file in collection.files:
        for ends in (_ends(_composed(file)), _ends(_without_suffix(_composed(file)))):
            for end in ends:
                by_end.setdefault(end, set()).add(file)

    def find(name):
        name = _composed(name.strip().replace("\\", "/").removeprefix("./"))
        if name in files:
            return {files[name]}
        below = {
            files[end] for end in _ends(name) if end in files and root.endswith(f"/{name.removesuffix(f'/{end}')}")
        }
        return below or by_end.get(name, set())

    return find


def _composed(name):
    return unicodedata.normalize("NFC", name)


def _ends(path):
    """'a/b/c', 'b/c' and 'c'."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _without_suffix(path):
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0]}"


def _rows_of_files(given, rows, collection, find):
    """The row of each file of a Collection."""
    found = {name: find(name) for name in rows}
    for what, wrong in (
        ("of files that are no images here", [name for name, files in found.items() if not files]),
        ("of names that several images have", [name for name, files in found.items() if len(files) > 1]),
    ):
        if wrong:
            raise DataError(
                f"{shown(given)}: expected rows of images of {shown(collection.root)}, found {len(wrong):,} {what}: "
                f"{named(wrong)}; remove them, or write more of their paths"
            )
    names = {file: name for name, (file,) in found.items()}
    twice = [file for file, count in Counter(file for (file,) in found.values()).items() if count > 1]
    if twice:
        raise DataError(
            f"{shown(given)}: expected one row for each image, found several for {len(twice):,}: {named(twice)}; "
            "remove all but one"
        )
    missing = [file for file in collection.files if file not in names]
    if missing:
        raise DataError(
            f"{shown(given)}: expected a row for every image, found none for {len(missing):,}: {named(missing)}; add "
            "the rows, or move the images away"
        )
    return [rows[names[file]] for file in collection.files]


def _classes(given, values):
    """(one-hot labels, names) of the class of each image; numbers in their order, names in that of letters."""
    values = [_composed(value) for value in values]
    if not all(values):
        raise DataError(
            f"{shown(given)}: expected a label in every row, found {values.count('')} without; mend the file"
        )
    are_numbers = all(value.isdecimal() for value in values)
    names = sorted(set(values), key=(lambda value: (int(value), value)) if are_numbers else None)
    number = {name: index for index, name in enumerate(names)}
    return one_hot([number[value] for value in values], len(names)), names
