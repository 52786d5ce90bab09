"""Labels from a file: of every image, and of no other."""

import os

import numpy as np
import pytest
from PIL import Image

from data_utils import load_dataset
from image_data.folders import collect_folder
from image_data.lists import with_labels
from image_data.photographs import Collection, Reading
from image_data.splits import DataError

FILES = ("a/1.png", "a/2.png", "b/1.png", "b/3.png", "caf\u00e9.png")


@pytest.fixture
def label(tmp_path):
    """A function: the text of a file of labels -> the Collection of FILES with them."""
    for file in FILES:
        (tmp_path / "images" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / file).touch()

    def write(text):
        (tmp_path / "labels.csv").write_bytes(os.fsencode(text))
        return with_labels(collect_folder("folder", tmp_path / "images"), tmp_path / "labels.csv")

    return write


def labels_of(collection):
    rows = zip(collection.files, collection.labels, strict=True)
    return {file: [collection.label_names[index] for index in np.flatnonzero(row)] for file, row in rows}


@pytest.mark.parametrize(
    "names",
    [
        FILES,
        ("images/a/1.png", "images\\a\\2.png", "./b/1.png", "b/3.png", "cafe\u0301.png"),
        ("a/1", "2", "b/1", "3.png", '"caf\u00e9"'),
    ],
)
@pytest.mark.parametrize("delimiter, end", [(",", "\n"), (";", "\r\n"), (", ", "\n\n"), ("\t", "\n")])
def test_files_are_found_by_their_paths_or_the_ends_of_them(names, delimiter, end, label):
    rows = ["file" + delimiter + "label", *(name + delimiter + of for name, of in zip(names, "xyxyz", strict=True))]
    collection = label("\ufeff" + end.join(rows) + end)
    assert labels_of(collection) == dict(zip(FILES, map(list, "xyxyz"), strict=True))
    assert collection.label_names == ("x", "y", "z")
    assert any(note.endswith("labels.csv; classes: 3 (x, y, z)") for note in collection.notes)


def test_attributes(label):
    rows = ("1,0,1", "0,0,0", "0,-1,1", "1, 1,1", "0,0,0")
    collection = label("\n".join(["file,old,wet,red", *map(",".join, zip(FILES, rows, strict=True))]))
    assert labels_of(collection) == dict(
        zip(FILES, [["old", "red"], [], ["red"], ["old", "wet", "red"], []], strict=True)
    )


def test_numbers_are_in_their_order_and_names_may_be_any_bytes(label, tmp_path):
    odd = os.fsdecode(b"\xff.png")
    try:
        (tmp_path / "images" / odd).touch()
    except OSError:
        odd = "other.png"
        (tmp_path / "images" / odd).touch()
    numbers = ("10", "9", "2", "10", "9", "2")
    collection = label("\n".join(["id,breed", *map(",".join, zip((*FILES, odd), numbers, strict=True))]))
    assert collection.label_names == ("2", "9", "10") and labels_of(collection)[odd] == ["2"]


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda text: text + "a/9.png,x\nz.png,x\n",
            r"found 2 of files that are no images here: a/9.png, z.png; remove",
        ),
        (
            lambda text: text.replace("b/1.png,x\n", ""),
            r"expected a row for every image, found none for 1: b/1.png; add",
        ),
        (lambda text: text.replace("b/1.png", "1.png"), r"found 1 of names that several images have: 1.png; remove"),
        (lambda text: text + "3.png,y\n", r"one row for each image, found several for 1: b/3.png; remove all but one"),
        (
            lambda text: text + "b/3.png,y\n",
            r"one line for each image, found two that differ for b/3.png; mend the file",
        ),
        (lambda text: text.replace("b/1.png,x", "b/1.png,"), r"expected a label in every row, found 1 without; mend"),
        (lambda text: text.replace("b/1.png,x", "b/1.png"), r"a file's name and 1 value in each line, found 'b/1.png'"),
        (
            lambda text: text.replace("file,label\n", ""),
            r"expected a header of the columns file and label.*'a/1.png, x'",
        ),
        (lambda text: text.replace("label", ""), r"expected a header .*found 'file, '"),
        (lambda text: text.replace("label", "file"), r"expected a header .*all different, found 'file, file'"),
        (lambda text: "", r"expected a header .*found ''"),
        (lambda text: text.replace(",", ",2,").replace("file,2", "file,wet"), r"expected 1, or -1 or 0, .*found '2 x'"),
    ],
)
def test_other_files_are_refused(change, message, label):
    text = "file,label\n" + "".join(f"{file},x\n" for file in FILES)
    with pytest.raises(DataError, match=message) as refusal:
        label(change(text))
    assert str(refusal.value).startswith("--labels ") and "\n" not in str(refusal.value)


def test_a_missing_file_is_refused(label, tmp_path):
    collection = label("file,label\n" + "".join(f"{file},x\n" for file in FILES))
    with pytest.raises(DataError, match="nowhere.csv: no such file; expected a .csv with the columns file and label"):
        with_labels(collection, tmp_path / "nowhere.csv")


def test_labels_go_with_their_images(tmp_path):
    for index in range(12):
        (tmp_path / "images" / "all").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * index, 0, 0)).save(tmp_path / "images" / "all" / f"{index}.png")
    (tmp_path / "labels.csv").write_text("file,kind\n" + "".join(f"{index}.png,{index % 3}\n" for index in range(12)))
    reading = Reading(image_size=8, cache_dir=str(tmp_path / "cache"), labels=str(tmp_path / "labels.csv"))
    dataset = load_dataset("folder", tmp_path / "images", reading=reading)
    for split in dataset[:3]:
        assert (split.images[:, 0, 0, 0] // 20 % 3).tolist() == split.labels.argmax(axis=1).tolist()
    assert dataset.label_names == ("0", "1", "2")
    assert any("in place of those of the folders; classes: 3 (0, 1, 2)" in note for note in dataset.notes)


def test_names_that_print_alike_stay_apart_and_an_open_quote_is_named(tmp_path):
    collection = Collection(tmp_path, ("0.png", "1.png"), ("train", "train"))
    path = tmp_path / "latin.csv"
    path.write_bytes(b"file,label\n0.png,caf\xe8\n1.png,caf\xe9\n")
    assert len(set(with_labels(collection, path).label_names)) == 2
    path.write_text('file,label\n0.png,"cat\n' + "1.png,dog\n" * 20_000)
    with pytest.raises(DataError, match="expected a .csv file, found field larger .*; is a quote left open?"):
        with_labels(collection, path)
