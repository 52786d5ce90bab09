"""Folders of images as people keep them, made at random, each with what is to be found in it.

What is expected is noted down while the files are made: nothing here looks at a folder's name to say what it is.
"""

import unicodedata
from pathlib import Path
from random import Random
from typing import NamedTuple

SPLITS = {
    "train": ("train", "training", "Train", "TRAINING"),
    "validation": ("val", "valid", "validation", "Val", "eval", "dev"),
    "test": ("test", "testing", "Test", "TEST"),
}
# How people write more around the name of a split; the same for all splits of a data set.
DECORATIONS = (
    *("{}", "{}", "{}_data", "{} data", "{}set", "{}-set", "{}_images", "{}2017", "{} (1)", "{}_img", "{}_01"),
    *("seg_{}", "data_{}", "images-{}", "split_{}", "dataset {}", "DIV2K_{}_HR", "flowers-{}", "my {} photos v2"),
)
CLASSES = (
    *("ash", "birch", "Cedar", "7", "0", "n02085620-Chihuahua", "annual crop", "b.a.l.sa", "T-shirt", "trains"),
    *(
        "caf\u00e9",
        "\u00e5ngstr\u00f6m",
        "\u5199\u771f",
        "\u0431\u0435\u0440\u0451\u0437\u0430",
        "o'clock",
        "valley",
        "contest",
    ),
)
WRAPPERS = ("archive (3)", "Landscape", "UCMerced", "a b", "\u5199\u771f")
SYSTEM = ("@eaDir", "$RECYCLE.BIN", ".AppleDouble", "System Volume Information", "lost+found", "__MACOSX", ".cache")
PREFIXES = ("IMG_", "", "caf\u00e9 ")
SUFFIXES = (".jpg", ".JPEG", ".png", ".Tif", ".bmp", ".webp")
OTHERS = ("readme.txt", "labels.csv", "a.json", "LICENSE", "notes.jpg.txt")
HIDDEN = ("._1.jpg", ".hidden.png", "Thumbs.db", "desktop.ini")
DESCRIPTIONS = ("labels", "masks", "Annotations", "gt")


class Expected(NamedTuple):
    """What is to be found in a folder."""

    images: dict[str, tuple[str, str | None]]  # file, relative to the folder given -> (split, class)
    num_unread: int  # images that belong to no split
    is_warned: bool  # whether a folder looks like a split and is none


class Maker:
    """Makes one folder below `root`, and notes down what is to be found there."""

    classes, prefixes = CLASSES, PREFIXES  # names of class folders, and beginnings of those of files

    def __init__(self, root, seed):
        self.random, self.root, self.outside = Random(seed), Path(root) / "data", Path(root) / "outside"
        self.images, self.num_unread, self.is_warned, self.number = {}, 0, False, 0
        self.root.mkdir(parents=True)
        self.kind = self.random.choice([name for name in dir(self) if name.startswith("make_")])

    def make(self):
        """Write the folder; returns the Expected."""
        getattr(self, self.kind)(self.wrapped() if self.kind != "make_flat" else self.root)
        self.litter()
        return Expected(self.images, self.num_unread, self.is_warned)

    # --- Kinds of folders ---

    def make_flat(self, root):
        self.fill(root, "train", None)

    def make_classes(self, root):
        for name in self.some(self.classes):
            self.fill(root / self.spelled(name), "train", name)

    def make_classes_and_loose_images(self, root):
        for name in self.some(self.classes):
            self.fill(root / name, "train", None)
        self.image(root, "train", None)

    def make_splits(self, root):
        self.split_folders(root)

    def make_doubled_splits(self, root):
        """seg_train/seg_train/forest."""
        self.split_folders(root, lambda folder: folder / folder.name)

    def make_splits_of_images_and_descriptions(self, root):
        """train/images beside train/labels."""
        name, beside = self.random.choice(("images", "img", "Images")), self.random.choice(DESCRIPTIONS)
        for folder in self.split_folders(root, lambda folder: folder / name):
            self.describe(folder / beside)

    def make_splits_in_images(self, root):
        """images/train beside labels/train."""
        self.split_folders(root / self.random.choice(("images", "JPEGImages", "data", "img")))
        self.describe(root / self.random.choice(DESCRIPTIONS) / "train")

    def make_splits_in_classes(self, root):
        names = self.split_names()
        for label in self.some(self.classes):
            for split, name in names.items():
                self.fill(root / label / name, split, label)
        if self.random.random() < 0.3:
            self.unread(root / label / "ground_truth")

    def make_splits_of_several_folders(self, root):
        """train2014 and train2017 are both to train on."""
        for name in ("train2014", "train_2017"):
            self.fill(root / name / "ash", "train", "ash")
        self.fill(root / "val2014" / "ash", "validation", "ash")

    def make_splits_of_which_there_are_two_kinds(self, root):
        """trainA, trainB, testA and testB."""
        self.is_warned = True
        for name in ("trainA", "trainB", "testA", "testB"):
            self.fill(root / name, "train", name)

    def make_splits_without_training(self, root):
        self.is_warned = True
        for name in ("validation", "test"):
            self.fill(root / name, "train", name)

    def make_images_and_descriptions_without_splits(self, root):
        for name in self.some(self.classes):
            self.fill(root / "images" / name, "train", name)
        self.describe(root / "masks", are_images=True)

    # --- Their parts ---

    def split_names(self):
        """Split -> the name of its folder; there is one to train and one to validate or test, or both."""
        decoration = self.random.choice(DECORATIONS)
        held_out = self.random.choice((("validation",), ("test",), ("validation", "test")))
        return {split: decoration.format(self.random.choice(SPLITS[split])) for split in ("train", *held_out)}

    def split_folders(self, root, within=lambda folder: folder):
        """Fill folders of splits, with class folders or without; returns them."""
        has_classes = self.random.random() < 0.6
        classes = self.some(self.classes)
        folders = {split: root / name for split, name in self.split_names().items()}
        for split, folder in folders.items():
            for label in classes if has_classes else (None,):
                self.fill(within(folder) / (self.spelled(label) if label else ""), split, label)
        if self.random.random() < 0.3:
            self.unread(root / "to predict")
        return folders.values()

    def fill(self, folder, split, label):
        """Some images in a folder, or deeper in it where it is a class."""
        for _ in range(self.random.randint(1, 4)):
            is_deep = label and self.random.random() < 0.2
            self.image(folder / "deep" / "down" if is_deep else folder, split, label)

    def image(self, folder, split, label):
        folder.mkdir(parents=True, exist_ok=True)
        self.number += 1
        path = folder / f"{self.random.choice(self.prefixes)}{self.number}{self.random.choice(SUFFIXES)}"
        if self.random.random() < 0.05:  # an image that is kept elsewhere
            self.outside.mkdir(exist_ok=True)
            target = self.outside / path.name
            self.write(target)
            path.symlink_to(target)
        else:
            self.write(path)
        self.images[str(path.relative_to(self.root))] = (split, label)

    def write(self, path):
        """Write the image of this number; here a file without content, where only names are looked at."""
        path.touch()

    def unread(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.number += 1
        (folder / f"{self.number}.png").touch()
        self.num_unread += 1

    def describe(self, folder, are_images=None):
        if are_images or (are_images is None and self.random.random() < 0.5):
            self.unread(folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "1.txt").touch()

    def wrapped(self):
        """The folder within some that hold nothing else."""
        return self.root.joinpath(*self.random.choices(WRAPPERS, k=self.random.choice((0, 0, 0, 1, 2))))

    def some(self, names):
        return self.random.sample(names, self.random.randint(2, 4))

    def spelled(self, name):
        """A name as one system or another stores it."""
        return unicodedata.normalize(self.random.choice(("NFC", "NFD")), name)

    def litter(self):
        """What lies about in folders and is no image, or none that counts."""
        folders = sorted({self.root / Path(file).parent for file in self.images})
        for folder in folders:
            if self.random.random() < 0.3:
                (folder / self.random.choice(OTHERS)).touch()
            if self.random.random() < 0.3:
                (folder / self.random.choice(HIDDEN)).touch()
            if self.random.random() < 0.3:
                system = folder / self.random.choice(SYSTEM)
                system.mkdir(exist_ok=True)
                (system / "thumbnail.jpg").touch()
            if self.random.random() < 0.1:  # all that is there is there already
                (folder / "again").symlink_to(self.root)
            if self.random.random() < 0.1:
                image = self.root / self.random.choice(sorted(self.images))
                if not image.is_symlink():
                    (folder / "same.png").symlink_to(image)
