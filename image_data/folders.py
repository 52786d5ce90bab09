"""The image files of a folder, with the class and split of each. Opens none of them."""

import os
import unicodedata
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from image_data.arrangement import arrange
from image_data.formats import SUFFIXES
from image_data.photographs import GROUP_NAMES, Collection, named, shown, told_apart
from image_data.splits import DataError, DataMissing, counted, one_hot

# Hidden files begin with a dot; these are what systems and network drives leave behind, in lower case.
SYSTEM_NAMES = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "$recycle.bin", "system volume information", "lost+found"),
    *("@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "network trash folder"),
    *("temporary items", "__pycache__"),
}


class Layout(NamedTuple):
    """The expected content of a data set's folder, for errors."""

    expected: str
    origin: str
    needs_classes: bool = False
    inner: tuple[str, ...] = ()  # names of sub-folders that may hold the class folders

    def refusal(self, found, error=DataError):
        """The error of a folder in which something else was found."""
        origin = f"; it comes from {self.origin}" if self.origin else ""
        return error(f"{found}; expected {self.expected}{origin}")


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
        raise layout.refusal(f"--data_dir {shown(root)}: found no image, {_count(others)}")
    notes = [f"not read, because not named as an image: {_count(others)}"] if others else []
    folders = [tuple(file.split("/")[:-1]) for file in files]
    arrangement = arrange(folders)
    notes += _notes(files, arrangement)
    empty = _folders_without_images(root, folders, arrangement.places)
    used = [index for index, place in enumerate(arrangement.places) if place]
    files, groups, classes = zip(*(_with_place(files[index], arrangement.places[index]) for index in used), strict=True)
    if layout.needs_classes and None in classes:
        outside = counted(classes.count(None), "image")
        example = shown(files[classes.index(None)])
        raise layout.refusal(f"--data_dir {shown(root)}: found {outside} outside of class folders, such as {example}")
    labels, label_names, note = _labels(files, classes)
    if label_names and empty:
        note += f"; no image in: {named(empty)}"
    named_train = {place.split_folder for place in arrangement.places if place and place.split == "train"}
    train_folders = tuple(sorted(named_train - {None}))
    return Collection(root, files, groups, labels, label_names, tuple(notes + [note] if note else notes), train_folders)


def _with_place(file, place):
    """(file, its split, its class or None)."""
    *folders, _ = file.split("/")
    return file, place.split, folders[place.depth] if len(folders) > place.depth else None


def existing_folder(name, data_dir, layout):
    """The folder given as --data_dir. Raises DataError if it is missing."""
    if data_dir is None:
        raise layout.refusal(f"--dataset {name}: found no --data_dir", DataMissing)
    if not data_dir.is_dir():
        found = "a file" if data_dir.exists() else "nothing there"
        raise layout.refusal(f"--data_dir {shown(data_dir)}: found {found}", DataMissing)
    return data_dir


def find_images(root):
    """The image files under `root`, and the suffixes of all other files.

    Links are followed, but each folder is entered once, a real one before a link to it, and a link to a file that is
    there anyway is left out: a loop of links ends, and no image is counted twice. Hidden files and
    folders, and those of systems, are not looked at. The files are relative to root, sorted.
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
            elif _suffix(entry) in SUFFIXES:
                (links_to_files if entry.is_symlink() else files).append(path)
            else:
                others[_suffix(entry) or "no suffix"] += 1
    if links_to_files:
        targets = {os.path.realpath(root / file) for file in files}
        files += [link for link in links_to_files if os.path.realpath(root / link) not in targets]
    return sorted(files), others


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # a circular link, or a target without read permission
        return False


def _suffix(entry):
    return os.path.splitext(entry.name)[1].lower()


def _is_system(name):
    return name.startswith((".", "__MACOSX")) or name.lower() in SYSTEM_NAMES


def _entries(folder):
    """What a folder holds, but for hidden files and those of systems. Raises DataError where it may not be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not _is_system(entry.name)]
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
        has_images = any(_suffix(entry) in SUFFIXES for entry in entries if entry not in folders)
        candidates = named or (folders if len(folders) == 1 else [])
        if has_images or not candidates or not any(map(_is_folder, _entries(candidates[0].path))):
            return root
        root = Path(candidates[0].path)


def _folders_without_images(root, folders, places):
    """The folders that stand beside those of classes and hold no image."""
    filled = {names[:depth] for names in folders for depth in range(1, len(names) + 1)}
    beside = {names[: place.depth] for names, place in zip(folders, places, strict=True) if place}
    return sorted(
        {
            entry.name
            for parent in beside
            for entry in _entries(root.joinpath(*parent))
            if _is_folder(entry) and (*parent, entry.name) not in filled
        }
    )


def _notes(files, arrangement):
    """What was taken for a split, what was not, and what is not read for that."""
    notes, places = [], [place for place in arrangement.places if place]
    splits = {name: [place.split_folder for place in places if place.split == name] for name in GROUP_NAMES}
    if any(place.split_folder for place in places):
        found = (f"{name} {len(each):,} ({named(sorted(set(each)))})" for name, each in splits.items() if each)
        notes.append(f"splits: {', '.join(found)}")
        where = f"outside of {named(sorted({place.split_folder for place in places}))}"
    else:
        where = "in folders that are named as descriptions of the images beside them"
    outside = [file for file, place in zip(files, arrangement.places, strict=True) if place is None]
    if outside:
        notes.append(f"not read, because {where}: {counted(len(outside), 'image')}, such as {shown(outside[0])}")
    if arrangement.unused:
        notes.append(
            f"WARNING: named as splits, but not taken for splits: {named(arrangement.unused)}; expected one folder to "
            "train on and one to validate or test on, named alike, such as train and test"
        )
    return notes


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
    spellings = {}  # a system composes letters and accents, another does not: both name one class
    for name in sorted(set(classes)):
        spellings.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    number = {name: index for index, names in enumerate(spellings.values()) for name in names}
    labels = one_hot([number[name] for name in classes], len(spellings))
    names = [names[0] if len(names) == 1 else composed for composed, names in spellings.items()]
    return labels, told_apart(names), f"classes: {len(names)} ({named(names)})"


def _count(others):
    """'3 other files (.csv, .txt)'."""
    if not others:
        return "no other file"
    return f"{counted(sum(others.values()), 'other file')} ({', '.join(map(shown, sorted(others)[:10]))})"
