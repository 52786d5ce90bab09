"""The image files of a folder, with the class and split of each. Opens none of them."""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from image_data.decoding import SUFFIXES
from image_data.photographs import Collection, shown
from image_data.splits import DataError, counted, one_hot

# Folder names that mean a split, in lower case and without "data", "set" or "images" at the end.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


class Layout(NamedTuple):
    """The expected content of a data set's folder, for errors."""

    expected: str
    origin: str
    needs_classes: bool = False
    inner: tuple[str, ...] = ()  # names of sub-folders that may hold the class folders

    def refusal(self, found):
        """The DataError for a folder with other content."""
        origin = f"; it comes from {self.origin}" if self.origin else ""
        return DataError(f"{found}; expected {self.expected}{origin}")


LAYOUTS = {
    "ucmerced": Layout(
        "the archive UCMerced_LandUse, its folder Images, or a folder of its 21 class folders with their .tif files",
        "the UC Merced Land Use Dataset, weegee.vision.ucmerced.edu/datasets/landuse.html (Yang & Newsam 2010)",
        needs_classes=True,
        inner=("images", "data"),
    ),
    "landscape": Layout(
        'folders "Training Data", "Validation Data" and "Testing Data", each of class folders or images, or one folder '
        "of images, which is then divided here",
        "Landscape Recognition on Kaggle (utkarshsaxenadn/landscape-recognition-image-dataset-12k-images)",
    ),
    "animals": Layout(
        "a folder of images, or of class folders, or of train, valid and test folders of either",
        "for example Animals-10 on Kaggle (alessiocorrado99/animals10)",
        inner=("raw-img",),
    ),
    "butterflies": Layout(
        "a folder of images, or of class folders, or of train, valid and test folders of either",
        "for example Butterfly & Moths Image Classification on Kaggle (gpiosenka/butterfly-images40-species)",
    ),
    "folder": Layout(
        f"a folder of images ({', '.join(sorted(SUFFIXES))}), or of class folders, or of train, valid and test folders "
        "of either",
        "",
    ),
}


def collect_folder(name, data_dir):
    """The Collection of a data set of LAYOUTS. Classes are sub-folders; splits are folders with the names of splits.

    Raises:
        DataError: the folder has another content. The message says what was expected and what was found.
    """
    layout = LAYOUTS[name]
    root = _innermost(existing_folder(name, data_dir, layout), layout.inner)
    files, others = find_images(root)
    if not files:
        raise layout.refusal(f"--data_dir {root}: found no image, {_count(others)}")
    notes = [f"not read, because not named as an image: {_count(others)}"] if others else []
    splits = _split_folders({file.split("/")[0] for file in files if "/" in file})
    if splits:
        num_found = len(files)
        files = [file for file in files if file.split("/")[0] in splits]
        if len(files) < num_found:
            unused = counted(num_found - len(files), "image")
            notes.append(f"not read, because outside of {', '.join(sorted(splits))}: {unused}")
    groups = tuple(splits.get(file.split("/")[0], "train") for file in files)
    depth = 1 if splits else 0
    classes = [file.split("/")[depth] if file.count("/") > depth else None for file in files]
    if layout.needs_classes and None in classes:
        outside = counted(classes.count(None), "image")
        example = shown(files[classes.index(None)])
        raise layout.refusal(f"--data_dir {root}: found {outside} outside of class folders, such as {example}")
    labels, label_names, note = _labels(files, classes)
    if label_names and not splits:
        empty = sorted(
            entry.name for entry in _entries(root) if _is_folder(entry) and shown(entry.name) not in label_names
        )
        note += f"; no image in: {', '.join(map(shown, empty))}" if empty else ""
    return Collection(root, tuple(files), groups, labels, label_names, tuple(notes + [note] if note else notes))


def existing_folder(name, data_dir, layout):
    """The folder given as --data_dir. Raises DataError if it is missing."""
    if data_dir is None:
        raise layout.refusal(f"--dataset {name}: found no --data_dir")
    if not data_dir.is_dir():
        found = "a file" if data_dir.exists() else "nothing there"
        raise layout.refusal(f"--data_dir {data_dir}: found {found}")
    return data_dir


def find_images(root):
    """The image files under `root`, and the suffixes of all other files.

    Links are followed, but each folder is entered once, a real folder before a link to it. A link to a file that is
    found anyway is left out. So loops of links end, and no image counts twice. Hidden files and folders are ignored.

    Returns:
        Sorted paths relative to root, and a Counter of suffixes.
    """
    root = Path(root)
    files, links_to_files, others, entered = [], [], Counter(), set()
    folders, links = [""], []
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        status = os.stat(root / folder)
        if (status.st_dev, status.st_ino) in entered:
            continue
        entered.add((status.st_dev, status.st_ino))
        for entry in sorted(_entries(root / folder), key=lambda entry: entry.name):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(path)
            elif Path(entry.name).suffix.lower() in SUFFIXES:
                (links_to_files if entry.is_symlink() else files).append(path)
            else:
                others[Path(entry.name).suffix.lower() or "no suffix"] += 1
    if links_to_files:
        targets = {os.path.realpath(root / file) for file in files}
        files += [link for link in links_to_files if os.path.realpath(root / link) not in targets]
    return sorted(files), others


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # a circular link, or a target without read permission
        return False


def _entries(folder):
    """The content of a folder, except hidden files. Raises DataError if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))]
    except OSError as error:
        raise DataError(
            f"{folder}: expected a folder that can be read ({error.strerror}); mend its permissions"
        ) from None


def _innermost(root, inner):
    """Enter folders that only wrap another folder, or that have the name of one that holds the classes."""
    while True:
        entries = _entries(root)
        folders = [entry for entry in entries if _is_folder(entry) and not entry.is_symlink()]
        named = [entry for entry in folders if entry.name.lower() in inner]
        has_images = any(Path(entry.name).suffix.lower() in SUFFIXES for entry in entries if entry not in folders)
        candidates = named or (folders if len(folders) == 1 else [])
        if has_images or not candidates or not any(map(_is_folder, _entries(candidates[0].path))):
            return root
        root = Path(candidates[0].path)


def _split_folders(names):
    """Folder name -> split, if one is for training and one for validation or test. Otherwise folders are classes."""
    splits = {name: SPLIT_NAMES.get(_without_suffix(name)) for name in names}
    splits = {name: split for name, split in splits.items() if split}
    return splits if "train" in splits.values() and len(set(splits.values())) > 1 else {}


def _without_suffix(name):
    words = name.lower().replace("_", " ").replace("-", " ").split()
    return " ".join(words[:-1] if words[-1:] in (["data"], ["set"], ["images"]) else words)


def _labels(files, classes):
    """One-hot labels, their names and a note. There are labels only if every image is in a class folder."""
    outside = classes.count(None)
    if outside == len(files):
        return None, (), ""
    if outside:
        example = shown(files[classes.index(None)])
        return (
            None,
            (),
            f"no labels: {outside:,} of {counted(len(files), 'image')} outside of class folders, such as {example}",
        )
    names = sorted(set(classes))
    number = {name: index for index, name in enumerate(names)}
    labels = one_hot([number[name] for name in classes], len(names))
    return labels, tuple(map(shown, names)), f"classes: {len(names)}"


def _count(others):
    """'3 other files (.csv, .txt)'."""
    if not others:
        return "no other file"
    return f"{counted(sum(others.values()), 'other file')} ({', '.join(map(shown, sorted(others)[:10]))})"
