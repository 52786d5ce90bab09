"""Random folders of images, with labels, without, and with what is wrong in them: read right, or refused by name."""

import csv
import os
import re
import shutil
import unicodedata
from io import StringIO

import numpy as np
from PIL import Image

from benchmarks.faults.layouts import CLASSES, PREFIXES, Maker
from benchmarks.faults.trials import Trial
from data_utils import load_dataset
from image_data.photographs import Reading
from image_data.splits import DataError

HOSTILE = (  # names that a file system takes
    *(
        "-rf",
        "50%",
        "a\nb",
        'the "best"',
        "x;y, z",
        "tab\there",
        "trailing ",
        "con",
        "birds.jpg",
        "\u202egpj",
        "\U0001f98b",
    ),
    *("{}", "$HOME", "*", "~", "#1", "w" * 200, os.fsdecode(b"\xe9t\xe9")),
)
SIDE = 8  # of the images, in pixels
ATTRIBUTES = ("wings", "5 o'clock", "\u0431\u0435\u043b\u044b\u0439")


class Painter(Maker):
    """Makes folders of images of which each has a colour of its own, below names of any kind."""

    classes, prefixes = (
        (*CLASSES, *HOSTILE),
        (*PREFIXES, *PREFIXES, *(f"{name} " for name in HOSTILE if len(name) < 99)),
    )

    def __init__(self, root, seed):
        super().__init__(root, seed)
        self.files = {}  # number -> the file of that colour

    def image(self, folder, split, label):
        super().image(folder, split, label)
        self.files[self.number] = next(reversed(self.images))

    def write(self, path):
        format_ = Image.registered_extensions()[path.suffix.lower()]
        options = {"lossless": True} if format_ == "WEBP" else {"quality": 95} if format_ == "JPEG" else {}
        Image.new("RGB", (SIDE, SIDE), colour_of(self.number)).save(path, format_, **options)


def colour_of(number):
    """The colour of the image of a number below 256."""
    return number // 16 * 16 + 8, number % 16 * 16 + 8, 128


def number_of(pixels):
    """The number of an image [H, W, 3] of one colour."""
    high, low, _ = (pixels.reshape(-1, 3).astype(int).mean(axis=0) - 8) / 16
    return 16 * round(high) + round(low)


def random_folders(count, generator, folder):
    """Make a folder of images, change what is in it, and read it. Yields a Trial for each.

    Each image is found again by its colour, in the split and with the labels that were noted down when it was made.
    """
    for index in range(count):
        place, seed = folder / f"{index}", int(generator.integers(2**31))
        yield trial_of(Painter(place, seed), place / "cache")
        shutil.rmtree(place)


def trial_of(maker, cache):
    """The Trial of one folder."""
    images = maker.make().images
    change = maker.random.choice(list(CHANGES))
    wanted = CHANGES[change](maker, images, maker.random)
    reading = Reading(image_size=SIDE, cache_dir=str(cache), **wanted.pop("reading", {}))
    what = f"{maker.kind.removeprefix('make_')}, {len(images)} images, {change}"
    try:
        dataset = load_dataset("folder", wanted.pop("data_dir", maker.root), reading=reading)
    except DataError as error:
        return Trial(f"{what}: {ascii(str(error))[:160]}", why_refused_wrongly(error, images, **wanted))
    except Exception as error:  # what a user would see as a traceback
        return Trial(what, f"{type(error).__name__}: {error}")
    return Trial(what, why_read_wrongly(dataset, images, maker.files, **wanted))


# --- What is done to a folder, and what is then to be found -----------------------------------------------------------


def nothing(maker, images, random):
    """Classes are the folders'."""
    classes = [label for _, label in images.values()]
    return {} if None in classes else {"labels": dict(zip(images, classes, strict=True))}


def labels(maker, images, random):
    """A list of classes, in place of those of the folders."""
    values = {file: random.choice((*CLASSES, "x;y, z", 'the "best"')) for file in images}
    path = write_list(maker, ["file", "label"], {file: [value] for file, value in values.items()}, random)
    return {"reading": {"labels": path}, "labels": values}


def attributes(maker, images, random):
    """A table of attributes, of 0 and 1 or of -1 and 1."""
    values = {file: [random.choice((0, 1)) for _ in ATTRIBUTES] for file in images}
    no = random.choice((0, -1))
    rows = {file: [value or no for value in row] for file, row in values.items()}
    path = write_list(maker, ["image", *ATTRIBUTES], rows, random)
    return {"reading": {"labels": path}, "attributes": values}


def wrong_labels(maker, images, random):
    """A list that does not fit, in one of many ways."""
    values, header = {file: ["ash"] for file in images}, ["file", "label"]
    wrong = random.choice(
        ("no row", "a row too many", "a value too many", "no label", "no header", "no list", "other values", "bytes")
    )
    some = random.choice(sorted(images))
    match wrong:
        case "no row":
            del values[some]
        case "a row too many":
            values["nowhere/none.png"] = ["ash"]
        case "a value too many":
            values[some] = ["ash", "elm"]
        case "no label":
            values[some] = [" "]
        case "no header":
            header = [some, "ash"]
        case "other values":
            header, values = ["file", "a", "b"], {file: ["1", "0"] for file in images} | {some: ["1", "2"]}
    path = write_list(maker, header, values, random)
    if wrong == "bytes":
        with open(path, "wb") as file:
            file.write(random.randbytes(random.choice((0, 1, 200))))
    if wrong == "no list":
        os.unlink(path)
    return {"reading": {"labels": path}, "refused": "--labels"}


def no_image(maker, images, random):
    """A folder without an image, a file, or nothing at all."""
    kind = random.choice(("empty", "others", "file", "nowhere"))
    place = maker.outside.parent / "other"
    if kind in ("empty", "others"):
        place.mkdir()
    if kind == "others":
        (place / "readme.txt").touch()
    if kind == "file":
        place.touch()
    return {"data_dir": place, "refused": "other"}


def unreadable(maker, images, random, **reading):
    """One image is none. The others may be read without it."""
    some = random.choice(sorted(file for file in images if not (maker.root / file).is_symlink()) or [None])
    if some is None:
        return nothing(maker, images, random)
    path = maker.root / some
    content = path.read_bytes()
    path.unlink()
    match random.choice(("empty", "text", "cut off", "noise", "link", "pipe")):
        case "empty":
            path.touch()
        case "text":
            path.write_text("<html>404</html>")
        case "cut off":
            path.write_bytes(content[: len(content) // 3])
        case "noise":
            path.write_bytes(random.randbytes(500))
        case "link":
            path.symlink_to("nowhere.png")
        case "pipe":
            os.mkfifo(path)
    if not reading:
        return {"refused": os.path.basename(some)}
    return {"reading": reading, **nothing(maker, images, random), "unreadable": some}


def left_out(maker, images, random):
    """The same with --skip_unreadable."""
    return unreadable(maker, images, random, skip_unreadable=True)


CHANGES = {
    "as it is": nothing,
    "with a list of labels": labels,
    "with a table of attributes": attributes,
    "with a list that does not fit": wrong_labels,
    "without an image": no_image,
    "with an unreadable file": unreadable,
    "without its unreadable file": left_out,
}


def write_list(maker, header, rows, random):
    """Write a list as one program or another does. Returns its path."""
    path = maker.root.parent / "list.csv"
    text = StringIO()
    writer = csv.writer(text, delimiter=random.choice(",;\t"), lineterminator=random.choice(("\n", "\r\n")))
    writer.writerow(header)
    prefix, is_short = random.choice(("", "./", "data/")), random.random() < 0.3
    for file, values in random.sample(sorted(rows.items()), len(rows)):
        is_hostile = any(name in file for name in HOSTILE)
        name = os.path.basename(file) if is_short and not is_hostile else f"{prefix}{file}"
        writer.writerow([name, *values])
    encoding = random.choice(("utf-8", "utf-8-sig"))
    path.write_text(text.getvalue(), encoding=encoding, errors="surrogateescape", newline="")
    return str(path)


# --- What was found ---------------------------------------------------------------------------------------------------


def why_refused_wrongly(error, images, refused=None, labels=None, attributes=None, unreadable=None):
    """What is wrong with a refusal; "" for nothing. Some folders have too few images to train on."""
    text = str(error)
    if "\n" in text or not text.isprintable():
        return f"not one printable line: {text!r}"
    if refused:
        numbered = re.search(r"\d+\.\w+$", refused)  # what is left of a name that cannot be printed whole
        is_named = refused in text or (numbered and numbered[0] in text)
        return "" if is_named else f"does not name {refused!r}: {text}"
    left = [split for file, (split, _) in images.items() if file != unreadable]
    missing = {"validation", "test"} - {*left}
    if left.count("train") <= len(missing) and "none would be left to train on" in text:
        return ""
    return f"refused: {text}"


def why_read_wrongly(dataset, images, files, refused=None, labels=None, attributes=None, unreadable=None):
    """What is wrong with a Dataset; "" for nothing."""
    if refused:
        return f"not refused, though {refused} is wrong"
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    found = {name: [files.get(number_of(image)) for image in split.images] for name, split in splits.items()}
    problems = why_divided_wrongly(found, {file: place[0] for file, place in images.items() if file != unreadable})
    if labels or attributes:
        rows = {
            file: [dataset.label_names[index] for index in np.flatnonzero(row)]
            for name, split in splits.items()
            for file, row in zip(found[name], () if split.labels is None else split.labels, strict=True)
        }
        problems += why_labelled_wrongly(rows, labels or attributes, unreadable)
    elif any(split.labels is not None for split in splits.values()):
        problems.append("labels where there are none")
    left_out = {os.path.basename(file) for file, _ in dataset.unreadable} - {"same.png"}  # a link to another
    if left_out != ({os.path.basename(unreadable)} if unreadable else set()):
        problems.append(f"unreadable: {dataset.unreadable}")
    return "; ".join(problems)


def why_divided_wrongly(found, wanted):
    """Problems of the files of each split; wanted: file -> the split whose folder it is in."""
    problems = []
    everything = [file for files in found.values() for file in files]
    if sorted(everything, key=str) != sorted(wanted):
        problems.append(f"{len(everything)} images, of which {len(set(everything) & set(wanted))} of {len(wanted)}")
    num_train = [*wanted.values()].count("train")
    for name, share in (("validation", 0.2), ("test", 0.1)):
        own = {file for file, split in wanted.items() if split == name}
        if own and set(found[name]) != own:
            problems.append(f"{name} is not its folder")
        if not own and not (1 <= len(found[name]) <= max(1, share * num_train + 1)):
            problems.append(f"{len(found[name])} of {num_train} held out to {name}")
    return problems


def why_labelled_wrongly(found, wanted, unreadable):
    """Problems of labels; found: file -> names of its labels; wanted: file -> its class, or its signs."""
    for file, value in wanted.items():
        if file == unreadable:
            continue
        if isinstance(value, list):
            expected = [name for name, is_true in zip(ATTRIBUTES, value, strict=True) if is_true]
        else:
            expected = [spelled(value)]
        if [unicodedata.normalize("NFC", name) for name in found.get(file, ())] != expected:
            return [f"{file!r} has {found.get(file)}, not {expected}"]
    return []


def spelled(label):
    """A label as it is to be shown: composed, in one printable line, with what cannot be printed written out."""
    composed = unicodedata.normalize("NFC", label)
    text = os.fsencode(composed).decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
