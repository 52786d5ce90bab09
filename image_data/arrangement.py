"""Which split and which class an image belongs to, by the names of the folders that it lies in. Looks at no disk."""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

# Words that name a split. VOC calls the union of its first two parts trainval.
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "test": "test",
    "testing": "test",
}
# Words that say no more than that images are here, beside the name of a split or alone.
FILLERS = (
    *("data", "dataset", "datasets", "set", "sets", "split", "splits", "seg", "folder", "files", "archive"),
    *("image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos"),
    *("jpg", "jpgs", "jpeg", "jpegs", "jpegimages", "png", "pngs"),
)
# Words of folders that stand beside images and describe them, maybe in images of their own.
ANNOTATIONS = {
    *("label", "labels", "mask", "masks", "annotation", "annotations", "annot", "annots", "gt", "groundtruth"),
    *("target", "targets", "segmentation", "segmentations", "bbox", "bboxes", "truth"),
}
FILLER = "|".join(FILLERS)
COMPOUND = re.compile(rf"(?:{FILLER})*(?P<split>{'|'.join(SPLIT_WORDS)})?(?:{FILLER})*")


class NameReading(NamedTuple):
    """What the name of a folder says."""

    splits: frozenset[str]  # the splits whose words are in it
    rest: tuple[str, ...]  # its words that are neither of splits nor fillers
    is_filled: bool  # whether it has words at all: a number alone says nothing

    @property
    def split(self):
        """The split that it may stand for, or None."""
        if self.splits == {"train", "validation"}:
            return "train"
        return next(iter(self.splits)) if len(self.splits) == 1 else None


@cache
def read_name(name):
    """The NameReading of a folder's name, in whatever case and with whatever numbers and signs between its words."""
    words = re.split(r"[\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    splits, rest = set(), []
    for word in filter(None, words):
        found = COMPOUND.fullmatch(word)
        if found is None:
            rest.append(word)
        elif found["split"]:
            splits.add(SPLIT_WORDS[found["split"]])
    return NameReading(frozenset(splits), tuple(rest), any(words))


def split_folders(names):
    """Folder name -> split, where some names are alike but for their splits, and one is to train on, and one is not.

    'DIV2K_train_HR' and 'DIV2K_valid_HR' are alike; 'trainA', 'trainB', 'testA' and 'testB' leave it open which.
    """
    by_rest = {}
    for name in names:
        reading = read_name(name)
        if reading.split:
            by_rest.setdefault(reading.rest, {})[name] = reading.split
    complete = {
        rest: found for rest, found in by_rest.items() if "train" in found.values() and len({*found.values()}) > 1
    }
    return complete.get((), next(iter(complete.values())) if len(complete) == 1 else {})


class Place(NamedTuple):
    """Where an image belongs."""

    split: str
    split_folder: str | None  # the name of the folder that says so
    depth: int  # of the folder that is the image's class, if it lies that deep


class Arrangement(NamedTuple):
    """Where the images of a data set belong: a Place for each, or None for one outside of what was found."""

    places: Sequence[Place | None]
    unused: tuple[str, ...]  # folders that look like splits and were not taken for such


def arrange(folders):
    """The Arrangement of images by the folders that they lie in, a tuple of names for each.

    Splits are looked for where the folders begin to differ and one level below: in a folder that holds images and no
    more ('images/train' beside 'labels/train'), or in each class ('bottle/train', 'cable/train').
    """
    at = _num_shared(folders)
    kinds = (_splits_here, _splits_in_one_folder, _splits_in_classes)
    places = next(filter(None, (kind(folders, at) for kind in kinds)), None)
    levels = range(at + 2) if places is None else [at] if _is_split_at(places, folders, at) else [at, at + 1]
    taken = {place.split_folder for place in places or () if place}
    unused = {
        names[: level + 1]
        for names in folders
        for level in levels
        if len(names) > level and read_name(names[level]).splits and names[level] not in taken
    }
    # The splits of descriptions are those of the images.
    unused = sorted("/".join(names) for names in unused if not any(map(_is_annotation, names[:-1])))
    return Arrangement(places or _without_splits(folders), tuple(unused))


def _is_split_at(places, folders, at):
    return any(place and names[at] == place.split_folder for place, names in zip(places, folders, strict=True))


def _num_shared(folders):
    """How many folders, from the outermost on, hold all images."""
    num_shared = 0
    for names in zip(*folders, strict=False):
        if len(set(names)) > 1:
            break
        num_shared += 1
    return num_shared


def _splits_here(folders, at):
    splits = split_folders({names[at] for names in folders if len(names) > at})
    inner = {}
    for folder in splits:
        within = [names[at + 1 :] for names in folders if len(names) > at and names[at] == folder]
        inner[folder] = wrapper(within, folder)
    places = []
    for names in folders:
        folder = names[at] if len(names) > at else None
        is_in = folder in splits and names[at + 1 :][: len(inner[folder])] == inner[folder]
        places.append(Place(splits[folder], folder, at + 1 + len(inner[folder])) if is_in else None)
    return places if splits else None


def _splits_in_one_folder(folders, at):
    """'images/train' and 'images/val', beside anything else."""
    holders = {}
    for names in folders:
        if len(names) > at + 1:
            holders.setdefault(names[at], set()).add(names[at + 1])
    holders = [name for name, inner in holders.items() if _is_wrapper(name) and split_folders(inner)]
    if len(holders) != 1:
        return None
    inside = iter(_splits_here([names for names in folders if names[at : at + 1] == (holders[0],)], at + 1))
    return [next(inside) if names[at : at + 1] == (holders[0],) else None for names in folders]


def _splits_in_classes(folders, at):
    """'bottle/train', 'bottle/test', 'cable/train' ...: each class has folders of splits."""
    deep = [names for names in folders if len(names) > at + 1]
    splits = split_folders({names[at + 1] for names in deep})
    classes = {names[at] for names in folders if len(names) > at and not _is_annotation(names[at])}
    if not splits or classes - {names[at] for names in deep if names[at + 1] in splits}:
        return None
    places = []
    for names in folders:
        is_in = len(names) > at + 1 and names[at] in classes and names[at + 1] in splits
        places.append(Place(splits[names[at + 1]], names[at + 1], at) if is_in else None)
    return places


def _without_splits(folders):
    """The outermost folders are the classes, but for images beside which only what describes them stands."""
    inner = wrapper(folders) if len({names[:1] for names in folders}) > 1 else ()
    return [Place("train", None, len(inner)) if names[: len(inner)] == inner else None for names in folders]


def wrapper(folders, outer=None):
    """The folders, from the outermost on, that hold all images and say nothing of them.

    They are named so, or as the folder `outer` that they lie in; beside them only descriptions of the images stand.
    """
    inner = ()
    while True:
        at = len(inner)
        names = {each[at : at + 1] for each in folders if each[:at] == inner}
        wrapping = [name for name in names if name and _is_wrapper(*name, outer)]
        if len(wrapping) != 1 or not all(name and _is_annotation(*name) for name in names - {*wrapping}):
            return inner
        inner += wrapping[0]


def _is_wrapper(name, outer=None):
    reading = read_name(name)
    if reading.splits and outer:
        return reading.split == read_name(outer).split and reading.rest in ((), read_name(outer).rest)
    return reading.is_filled and not reading.rest and not reading.splits


def _is_annotation(name):
    return bool(ANNOTATIONS.intersection(read_name(name).rest))
