"""CelebA's layout, from files of its form: 178x218 JPEGs and both lists."""

import numpy as np
import pytest
from PIL import Image

from data_utils import load_dataset
from image_data.celeba import collect_celeba
from image_data.photographs import Reading
from image_data.splits import DataError

ATTRIBUTES = ("Bald", "Eyeglasses", "Smiling")
NUM_FACES = 12


def partition_of(index):
    return (0, 0, 1, 2)[index % 4]


def attributes_of(index):
    return [index % 2, index % 3 == 0, index >= 6]


@pytest.fixture
def celeba(tmp_path, monkeypatch):
    """A small CelebA whose faces' brightness tells their number."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    root = tmp_path / "celeba"
    (root / "img_align_celeba").mkdir(parents=True)
    names = [f"{index + 1:06}.jpg" for index in range(NUM_FACES)]
    for index, name in enumerate(names):
        face = Image.new("RGB", (178, 218), (20 * index, 20 * index, 20 * index))
        face.paste((255, 0, 0), (0, 0, 178, 18))  # what the central crop cuts away
        face.save(root / "img_align_celeba" / name, quality=95)
    lines = [f"{name} {partition_of(index)}" for index, name in enumerate(names)]
    (root / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
    signs = [" ".join(f"{2 * bool(value) - 1:2}" for value in attributes_of(index)) for index in range(NUM_FACES)]
    lines = [f"{name} {row}" for name, row in zip(names, signs, strict=True)]
    (root / "list_attr_celeba.txt").write_text("\n".join([str(NUM_FACES), " ".join(ATTRIBUTES), *lines]) + "\n")
    return root


def test_lists_give_splits_and_attributes(celeba):
    dataset = load_dataset("celeba", celeba, reading=Reading(image_size=16))
    assert dataset.label_names == ATTRIBUTES and dataset.image_shape == (16, 16, 3)
    for partition, split in enumerate(dataset[:3]):
        numbers = np.rint(split.images[:, 8, 8, 0] / 20).astype(int)
        assert sorted(numbers) == [index for index in range(NUM_FACES) if partition_of(index) == partition]
        assert split.labels.tolist() == [list(map(int, attributes_of(index))) for index in numbers]
        assert (split.images[:, 1, :, 0].astype(int) - split.images[:, 1, :, 1] < 30).all(), "cropped to the centre"
    assert any("list_eval_partition.txt" in note for note in dataset.notes)


@pytest.mark.parametrize("given", ["img_align_celeba", "."])
def test_lists_are_found_above_the_images(celeba, given):
    assert collect_celeba(celeba / given).label_names == ATTRIBUTES


def test_lists_in_the_folders_of_the_archive_and_images_in_two(celeba):
    for folder, name in (("Anno", "list_attr_celeba.txt"), ("Eval", "list_eval_partition.txt")):
        (celeba / folder).mkdir()
        (celeba / name).rename(celeba / folder / name)
    (celeba / "img_align_celeba").rename(celeba / "inner")
    (celeba / "img_align_celeba").mkdir()
    (celeba / "inner").rename(celeba / "img_align_celeba" / "img_align_celeba")
    collection = collect_celeba(celeba)
    assert collection.label_names == ATTRIBUTES and set(collection.groups) == {"train", "validation", "test"}


def test_lists_as_csv(celeba):
    for name, header in (
        ("list_eval_partition", "image_id,partition"),
        ("list_attr_celeba", "image_id," + ",".join(ATTRIBUTES)),
    ):
        rows = (celeba / f"{name}.txt").read_text().splitlines()[2 if "attr" in name else 0 :]
        quoted = ('"' + '", "'.join(row.split()) + '"' for row in rows)
        (celeba / f"{name}.csv").write_text("\n".join([header, *quoted]))
    expected = collect_celeba(celeba)
    for path in celeba.glob("*.txt"):
        path.unlink()
    found = collect_celeba(celeba)
    assert found.groups == expected.groups and found.label_names == ATTRIBUTES
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_lists_of_other_systems(celeba):
    expected = collect_celeba(celeba)
    for path in celeba.glob("*.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    found = collect_celeba(celeba)
    assert found.groups == expected.groups and found.label_names == ATTRIBUTES


def test_without_lists_the_images_are_divided_here_and_have_no_labels(celeba):
    for path in celeba.glob("*.txt"):
        path.unlink()
    dataset = load_dataset("celeba", celeba, reading=Reading(image_size=16))
    assert [len(split.images) for split in dataset[:3]] == [9, 2, 1]
    assert dataset.train.labels is None


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        ("list_eval_partition.txt", "000003.jpg 1\n", "", "found none for 1, such as 000003.jpg"),
        (
            "list_eval_partition.txt",
            "000003.jpg 1",
            "000003.jpg 7",
            "expected 0 .train., 1 .validation. or 2 .test., found '7'",
        ),
        ("list_eval_partition.txt", "000003.jpg 1", "000003.jpg", "expected a file's name and 1 value in each line"),
        (
            "list_eval_partition.txt",
            "000003.jpg 1",
            "000003.jpg 1\n000003.jpg 2",
            "found two that differ for 000003.jpg",
        ),
        (
            "list_attr_celeba.txt",
            "000003.jpg -1",
            "000003.jpg x",
            "expected 1, or -1 or 0, for every attribute, found 'x",
        ),
        ("list_attr_celeba.txt", "Bald Eyeglasses Smiling", "", "expected the names of the attributes in its header"),
        ("list_attr_celeba.txt", "Bald ", "", "expected a file's name and 2 values in each line, found '000001.jpg"),
    ],
)
def test_damaged_lists_are_refused_by_name(celeba, name, old, new, message):
    path = celeba / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message) as refusal:
        collect_celeba(celeba)
    assert name in str(refusal.value)


def test_other_layouts_are_refused(tmp_path):
    (tmp_path / "img_align_celeba").mkdir()
    with pytest.raises(DataError, match="found no image in .*expected the folder img_align_celeba .*mmlab.ie.cuhk"):
        collect_celeba(tmp_path)
    (tmp_path / "img_align_celeba" / "people").mkdir()
    (tmp_path / "img_align_celeba" / "people" / "1.jpg").touch()
    with pytest.raises(DataError, match="found images in folders, such as people/1.jpg; expected"):
        collect_celeba(tmp_path)
