"""Which files are images, and which class and split each belongs to; nothing is opened."""

import os
import re
import unicodedata
from pathlib import Path

import pytest

from benchmarks.faults.layouts import Maker
from image_data.folders import collect_folder, find_images
from image_data.splits import DataError


def touch(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def found(collection):
    """file -> (split, class)."""
    names = [None] * len(collection.files)
    if collection.labels is not None:
        names = [collection.label_names[index] for index in collection.labels.argmax(axis=1)]
    return dict(zip(collection.files, zip(collection.groups, names, strict=True), strict=True))


def test_sub_folders_are_classes(tmp_path):
    touch(
        tmp_path, "ash/1.jpg", "ash/deep/down/2.PNG", "birch/3.tif", "birch/notes.txt", ".hidden/4.jpg", "ash/._1.jpg"
    )
    (tmp_path / "empty").mkdir()
    collection = collect_folder("folder", tmp_path)
    assert found(collection) == {
        "ash/1.jpg": ("train", "ash"),
        "ash/deep/down/2.PNG": ("train", "ash"),
        "birch/3.tif": ("train", "birch"),
    }
    assert collection.label_names == ("ash", "birch")
    assert "not read, because not named as an image: 1 other file (.txt)" in collection.notes
    assert "classes: 2 (ash, birch); no image in: empty" in collection.notes


def test_flat_folders_have_no_labels(tmp_path):
    collection = collect_folder("animals", touch(tmp_path, "1.jpg", "2.jpg"))
    assert found(collection) == {"1.jpg": ("train", None), "2.jpg": ("train", None)}
    assert collection.labels is None and collection.label_names == ()


def test_images_beside_class_folders_take_the_labels_away_and_it_is_said(tmp_path):
    collection = collect_folder("folder", touch(tmp_path, "1.jpg", "ash/2.jpg"))
    assert collection.labels is None
    assert "no labels: 1 of 2 images outside of class folders, such as 1.jpg" in collection.notes


@pytest.mark.parametrize(
    "names",
    [
        ("Training Data", "Validation Data", "Testing Data"),
        ("training data", "VALIDATION DATA", "testing data"),
        ("train", "valid", "test"),
        ("Train_Set", "val-set", "test_images"),
    ],
)
@pytest.mark.parametrize("with_classes", [True, False])
@pytest.mark.parametrize("wrapper", ["", "archive/Landscape/"])
def test_folders_that_are_named_as_splits(names, with_classes, wrapper, tmp_path):
    for name in names:
        for part in ("Coast", "Desert") if with_classes else ("",):
            touch(tmp_path, f"{wrapper}{name}/{part}/{name[:2]}{part}.jpeg")
    splits = found(collect_folder("landscape", tmp_path)).values()
    classes = ["Coast", "Desert"] if with_classes else [None]
    assert sorted(splits, key=str) == sorted(
        ((split, name) for split in ("train", "validation", "test") for name in classes), key=str
    )


def test_images_outside_of_the_splits_are_not_read_and_it_is_said(tmp_path):
    collection = collect_folder("butterflies", touch(tmp_path, "train/a/1.jpg", "test/a/2.jpg", "to predict/3.jpg"))
    assert found(collection) == {"train/a/1.jpg": ("train", "a"), "test/a/2.jpg": ("test", "a")}
    assert "not read, because outside of test, train: 1 image, such as to predict/3.jpg" in collection.notes


def test_a_class_named_as_a_split_is_a_class(tmp_path):
    collection = collect_folder("folder", touch(tmp_path, "train/1.jpg", "tram/2.jpg"))
    assert collection.label_names == ("train", "tram")


@pytest.mark.parametrize(
    "files",
    [
        {"train2017/1.jpg": ("train", None), "val2017/2.jpg": ("validation", None), "test2017/3.jpg": ("test", None)},
        {
            "seg_train/seg_train/forest/1.jpg": ("train", "forest"),
            "seg_test/seg_test/forest/2.jpg": ("test", "forest"),
            "seg_pred/seg_pred/3.jpg": None,
        },
        {"trainset/ash/1.jpg": ("train", "ash"), "testset/ash/2.jpg": ("test", "ash")},
        {"train/ash/1.jpg": ("train", "ash"), "eval/ash/2.jpg": ("validation", "ash")},
        {
            "images/train/1.jpg": ("train", None),
            "images/val/2.jpg": ("validation", None),
            "labels/train/1.txt": None,
            "labels/val/2.txt": None,
        },
        {"images/train/1.jpg": ("train", None), "images/val/2.jpg": ("validation", None), "masks/train/1.png": None},
        {"train/images/1.jpg": ("train", None), "train/masks/1.png": None, "test/images/2.jpg": ("test", None)},
        {"Training_set/1.jpg": ("train", None), "val_images/2.jpg": ("validation", None)},
        {"TrainData/1.jpg": ("train", None), "split 2 - test/2.jpg": ("test", None), "train-2/3.jpg": ("train", None)},
        {"DIV2K_train_HR/1.png": ("train", None), "DIV2K_valid_HR/2.png": ("validation", None)},
        {
            "cable/train/good/1.png": ("train", "cable"),
            "bottle/test/broken/2.png": ("test", "bottle"),
            "cable/gt/3.png": None,
        },
        {"data/set/train/1.png": ("train", None), "data/set/test/2.png": ("test", None), "data/set/readme.md": None},
        {"trainval/ash/1.png": ("train", "ash"), "test/ash/2.png": ("test", "ash"), "3.png": None},
        {"images/ash/1.jpg": ("train", "ash"), "images/elm/2.jpg": ("train", "elm"), "masks/ash/1.png": None},
    ],
)
def test_common_names_of_splits_one_level_down_as_well(files, tmp_path):
    (tmp_path / "root").mkdir()
    collection = collect_folder("folder", touch(tmp_path / "root", *files))
    root = collection.root.relative_to(tmp_path / "root")
    assert {str(root / file): place for file, place in found(collection).items()} == {
        file: place for file, place in files.items() if place
    }
    assert not any("WARNING" in note for note in collection.notes)


def test_the_names_of_splits_and_classes_are_said(tmp_path):
    touch(tmp_path, *(f"train2017/{name}/1.jpg" for name in "gfedcba"), "train2014/a/1.jpg", "val/a/1.jpg")
    notes = collect_folder("folder", tmp_path).notes
    assert "splits: train 8 (train2014, train2017), validation 1 (val)" in notes
    assert "classes: 7 (a, b, c, d, e and 2 more)" in notes


@pytest.mark.parametrize(
    "files, classes, unused",
    [
        (["trainA/1.jpg", "trainB/2.jpg", "testA/3.jpg", "testB/4.jpg"], 4, "testA, testB, trainA, trainB"),
        (["train/1.jpg", "tram/2.jpg"], 2, "train"),
        (["training data/1.jpg"], 1, "training data"),
        (["ash/train/1.jpg", "ash/test/2.jpg", "elm/3.jpg"], 2, "ash/test, ash/train"),
        (["train/ash/1.jpg", "test/ash/2.jpg", "train_blurred/ash/3.jpg"], 1, "train_blurred"),
    ],
)
def test_what_looks_like_a_split_and_is_none_is_warned_of(files, classes, unused, tmp_path):
    collection = collect_folder("folder", touch(tmp_path, *files))
    assert len(collection.label_names) == classes
    assert [note for note in collection.notes if "WARNING" in note] == [
        f"WARNING: named as splits, but not taken for splits: {unused}; expected one folder to train on and one to "
        "validate or test on, named alike, such as train and test"
    ]


def test_one_class_under_two_spellings_is_one_class(tmp_path):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    touch(
        tmp_path, f"train/{composed}/1.jpg", f"train/{decomposed}/2.jpg", f"test/{decomposed}/3.jpg", "train/ash/4.jpg"
    )
    collection = collect_folder("folder", tmp_path)
    assert collection.label_names == ("ash", composed)
    assert sorted(name for _, name in found(collection).values()) == ["ash", *[composed] * 3]


def test_a_single_spelling_stays_as_it_is_and_where_it_was(tmp_path):
    collection = collect_folder("folder", touch(tmp_path, "e\u0301t\u00e9/1.jpg", "fig/2.jpg"))
    assert collection.label_names == ("e\u0301t\u00e9", "fig"), "weights that were saved know this name and this order"


def test_classes_whose_names_are_no_text_are_told_apart(tmp_path):
    try:
        touch(tmp_path, os.fsdecode(b"\xe9/1.jpg"), os.fsdecode(b"\xe8/2.jpg"))
    except OSError:
        pytest.skip("this file system takes only names that are text")
    assert collect_folder("folder", tmp_path).label_names == ("\\xe8", "\\xe9")


def test_what_systems_leave_behind_is_no_data(tmp_path):
    touch(tmp_path, "ash/1.jpg", "elm/2.jpg", "ash/Thumbs.db", "ash/desktop.ini", "ash/@eaDir/1.jpg/SYNOPHOTO_M.jpg")
    for name in ("@eaDir", "$RECYCLE.BIN", ".AppleDouble", "System Volume Information", "lost+found", "__MACOSX"):
        touch(tmp_path, f"{name}/old.jpg", f"elm/{name}/._2.jpg")
    touch(tmp_path, "._ash.jpg", ".Trashes/3.jpg")
    collection = collect_folder("folder", tmp_path)
    assert found(collection) == {"ash/1.jpg": ("train", "ash"), "elm/2.jpg": ("train", "elm")}
    assert collection.notes == ("classes: 2 (ash, elm)",)
    wrapped = collect_folder("folder", touch(tmp_path / "outer", "lost+found/x.bin", "inner/a/1.jpg", "inner/b/2.jpg"))
    assert wrapped.root.name == "inner", "they do not hide that a folder only wraps another"


def test_folders_without_images_are_named_within_splits_too(tmp_path):
    touch(tmp_path, "train/ash/1.jpg", "test/ash/2.jpg", "train/elm/readme.txt", "test/fir/readme.txt")
    assert "classes: 1 (ash); no image in: elm, fir" in collect_folder("folder", tmp_path).notes


@pytest.mark.parametrize("given", ["", "UCMerced_LandUse", "UCMerced_LandUse/Images"])
def test_ucmerced_is_found_from_everywhere(given, tmp_path):
    root = touch(tmp_path, "UCMerced_LandUse/Images/river/river00.tif", "UCMerced_LandUse/Images/beach/beach00.tif")
    touch(root, "UCMerced_LandUse/readme.txt")
    collection = collect_folder("ucmerced", root / given)
    assert collection.label_names == ("beach", "river") and collection.root.name == "Images"


def test_ucmerced_in_a_folder_named_data(tmp_path):
    touch(tmp_path, "data/river/1.tif", "code/main.py", "code/old/other.py")
    assert collect_folder("ucmerced", tmp_path).label_names == ("river",)
    assert collect_folder("ucmerced", tmp_path / "data").label_names == ("river",)


@pytest.mark.parametrize(
    "files, message",
    [
        ([], "found no image, no other file; expected the archive UCMerced_LandUse"),
        (["notes.txt", "list.csv", "a/b.csv"], r"found no image, 3 other files \(.csv, .txt\); expected"),
        (["1.tif", "2.tif"], "found 2 images outside of class folders, such as 1.tif; expected the archive"),
    ],
)
def test_other_layouts_are_refused_with_what_was_found_expected_and_where_it_comes_from(files, message, tmp_path):
    with pytest.raises(DataError, match=message) as refusal:
        collect_folder("ucmerced", touch(tmp_path, *files))
    assert str(refusal.value).startswith(f"--data_dir {tmp_path}: ")
    assert "weegee.vision.ucmerced.edu" in str(refusal.value)


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="nowhere: found nothing there; expected"):
        collect_folder("folder", tmp_path / "nowhere")
    with pytest.raises(DataError, match="file.jpg: found a file; expected"):
        collect_folder("folder", touch(tmp_path, "file.jpg") / "file.jpg")


def test_a_loop_of_links_ends_and_counts_no_image_twice(tmp_path):
    root = touch(tmp_path / "root", *(f"ash/{index}.jpg" for index in range(5)), "birch/6.jpg")
    (root / "ash" / "aaa").symlink_to(root)
    (root / "ash" / "bbb").symlink_to(root / "birch")
    (root / "birch" / "same.jpg").symlink_to(root / "ash" / "1.jpg")
    (root / "birch" / "other.jpg").symlink_to(touch(tmp_path / "outside", "8.jpg") / "8.jpg")
    (root / "round").symlink_to("round")
    (root / "birch" / "round.jpg").symlink_to("round.jpg")
    (root / "zzz").symlink_to(touch(tmp_path / "elsewhere", "7.jpg"))
    files, others = find_images(root)
    assert files == [
        *(f"ash/{index}.jpg" for index in range(5)),
        "birch/6.jpg",
        "birch/other.jpg",
        "birch/round.jpg",
        "zzz/7.jpg",
    ]
    assert others == {"no suffix": 1}


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    root = touch(tmp_path, "ash/1.jpg", "birch/2.jpg")
    (root / "birch").chmod(0)
    with pytest.raises(DataError, match="birch: expected a folder that can be read .*mend its permissions"):
        collect_folder("folder", root)


@pytest.mark.parametrize("seeds", [range(start, start + 50) for start in range(0, 200, 50)], ids=str)
def test_two_hundred_folders_as_people_keep_them(seeds, tmp_path):
    for seed in seeds:
        maker = Maker(tmp_path / str(seed), seed)
        expected = maker.make()
        collection = collect_folder("folder", maker.root)
        root, about = collection.root.relative_to(maker.root), f"{maker.kind}, seed {seed}: {collection.notes}"
        places = {
            str(root / file): (split, label and unicodedata.normalize("NFC", label))
            for file, (split, label) in found(collection).items()
        }
        assert places == expected.images, about
        unread = re.search("not read, because (?!not named).*: (\\d+) image", "; ".join(collection.notes))
        assert int(unread[1] if unread else 0) == expected.num_unread, about
        assert any("WARNING" in note for note in collection.notes) == expected.is_warned, about


def test_the_folders_are_of_every_kind(tmp_path):
    makers = [Maker(tmp_path / str(seed), seed) for seed in range(200)]
    assert {maker.kind for maker in makers} == {name for name in dir(Maker) if name.startswith("make_")}


def test_the_shared_landscapes_are_divided_here(real_data):
    collection = collect_folder("landscape", real_data("landscape"))
    assert set(collection.groups) == {"train"} and len(collection.files) == 22
    assert {Path(file).suffix for file in collection.files} == {".jpg"}
