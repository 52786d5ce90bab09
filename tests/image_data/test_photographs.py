"""Folders of images: order, splits, the cache, and files that cannot be read."""

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_utils import load_dataset
from image_data import photographs
from image_data.cache import digest
from image_data.decoding import DARK
from image_data.photographs import Collection, Reading, load_photographs, split_sizes, stratified_order
from image_data.splits import DataError, one_hot


@pytest.fixture(autouse=True)
def cache_home(tmp_path_factory, monkeypatch):
    """A cache of its own for every test."""
    home = tmp_path_factory.mktemp("keras")
    monkeypatch.setenv("KERAS_HOME", str(home))
    return home


def write_images(root, classes, num_images=10, size=16):
    """Images whose one colour tells their class (red) and their number (green)."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(num_images):
            Image.new("RGB", (size, size), (40 * label, 20 * index, 7)).save(root / name / f"{index:03}.png")
    return root


def colours(split):
    """(class, number) of every image that `write_images` made."""
    return [(int(pixel[0]) // 40, int(pixel[1]) // 20) for pixel in split.images[:, 3, 3]]


READING = Reading(image_size=8)


def test_images_labels_and_splits(tmp_path):
    root = write_images(tmp_path, ["ash", "birch", "cedar"])
    dataset = load_dataset("folder", root, reading=READING)
    assert dataset.image_shape == (8, 8, 3) and dataset.label_names == ("ash", "birch", "cedar")
    assert [len(split.images) for split in dataset[:3]] == [21, 6, 3]
    seen = [colour for split in dataset[:3] for colour in colours(split)]
    assert sorted(seen) == [(label, index) for label in range(3) for index in range(10)], "each image once"
    for split, share in zip(dataset[:3], (7, 2, 1), strict=True):
        assert split.labels.sum(axis=0).tolist() == [share] * 3, "each class alike"
        assert [label for label, _ in colours(split)] == split.labels.argmax(axis=1).tolist()
        assert (split.images[..., 2] == 7).all(), "the last channel is blue"


def test_splits_do_not_depend_on_how_the_folder_is_listed(tmp_path, monkeypatch):
    root = write_images(tmp_path, ["ash", "birch"])
    first = load_dataset("folder", root, reading=READING)
    scandir = os.scandir

    class Reversed:
        def __init__(self, folder):
            self.entries = list(scandir(folder))[::-1]

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    again = load_dataset("folder", root, reading=READING._replace(cache_dir=str(tmp_path / "cache")))
    for split, other in zip(first[:3], again[:3], strict=True):
        np.testing.assert_array_equal(split.images, other.images)
    assert first.fingerprint == again.fingerprint


def test_a_folder_that_was_moved_is_still_the_same_data(tmp_path):
    first = load_dataset("folder", write_images(tmp_path / "here", ["ash", "birch"]), reading=READING)
    (tmp_path / "here").rename(tmp_path / "there")
    moved = load_dataset("folder", tmp_path / "there", reading=READING)
    assert moved.fingerprint == first.fingerprint
    np.testing.assert_array_equal(moved.test.images, first.test.images)


def test_one_more_file_moves_hardly_any_other(tmp_path):
    names = [f"{index:04}.png" for index in range(1000)]
    collections = [
        Collection(tmp_path, tuple(files), ("train",) * len(files)) for files in (names, [*names, "new.png"])
    ]
    validation = [{one.files[index] for index in stratified_order(one)[:200]} for one in collections]
    assert len(validation[0] ^ validation[1]) <= 2


def test_shares_of_classes_of_any_size(tmp_path):
    classes = [0] * 500 + [1] * 50 + [2] * 7 + [3] * 1
    labels = one_hot(classes, 4)
    files = tuple(f"{index}.png" for index in range(len(classes)))
    collection = Collection(tmp_path, files, ("train",) * len(files), labels)
    sizes = split_sizes(collection, Reading())
    assert sizes == {"validation": 112, "test": 56, "train": 390}
    order = stratified_order(collection)
    assert sorted(order) == list(range(len(files)))
    start = 0
    for name in ("validation", "test", "train"):
        counts = Counter(classes[index] for index in order[start : start + sizes[name]])
        share = sizes[name] / len(files)
        for label, num_files in enumerate((500, 50, 7, 1)):
            assert abs(counts[label] - share * num_files) < 1.5
        start += sizes[name]


def test_shares_of_the_splits_can_be_given(tmp_path):
    root = write_images(tmp_path, ["ash"], num_images=12)
    dataset = load_dataset("folder", root, reading=READING._replace(validation_split=0.5, test_split=0.25))
    assert [len(split.images) for split in dataset[:3]] == [3, 6, 3]


def test_three_images_are_the_least(tmp_path):
    root = write_images(tmp_path, ["ash"], num_images=3)
    assert [len(split.images) for split in load_dataset("folder", root, reading=READING)[:3]] == [1, 1, 1]
    (root / "ash" / "000.png").unlink()
    with pytest.raises(
        DataError,
        match=r"found 2 images that can be read, of which none would be left to train on \(1 to validate, 1 to test\)",
    ):
        load_dataset("folder", root, reading=READING)


def num_decoded(monkeypatch):
    """A list that grows by every file that is decoded."""
    decoded, decode = [], photographs.read_image

    def counting(path, form):
        decoded.append(Path(path).name)
        return decode(path, form)

    monkeypatch.setattr(photographs, "read_image", counting)
    return decoded


def test_files_are_decoded_once_until_one_of_them_changes(tmp_path, monkeypatch, cache_home):
    decoded = num_decoded(monkeypatch)
    root = write_images(tmp_path, ["ash", "birch"])
    first = load_dataset("folder", root, reading=READING)
    assert len(decoded) == 20
    load_dataset("folder", root, reading=READING)
    load_dataset("animals", root, reading=READING._replace(validation_split=0.4))
    assert len(decoded) == 20, "neither the name of the data set nor the shares of the splits matter"

    Image.new("RGB", (16, 16), (0, 0, 200)).save(root / "ash" / "003.png")
    os.utime(root / "ash" / "003.png", (1, 1))
    changed = load_dataset("folder", root, reading=READING)
    assert len(decoded) == 40
    assert changed.fingerprint != first.fingerprint
    load_dataset("folder", root, reading=READING._replace(grayscale=True))
    load_dataset("folder", root, reading=READING._replace(crop="none"))
    load_dataset("folder", root, reading=READING._replace(image_size=4))
    assert len(decoded) == 100, "each form has a cache of its own"
    assert len(list((cache_home / "image_cache").iterdir())) == 4


def test_folders_that_change_places_are_noticed(tmp_path):
    root = write_images(tmp_path, ["ash", "birch"])
    for path in root.rglob("*.png"):
        path.write_bytes(path.read_bytes().ljust(200, b"\0"))  # alike in size and time, as in an archive
        os.utime(path, (1, 1))
    load_dataset("folder", root, reading=READING)
    (root / "ash").rename(root / "other")
    (root / "birch").rename(root / "ash")
    (root / "other").rename(root / "birch")
    dataset = load_dataset("folder", root, reading=READING)
    assert [1 - label for label, _ in colours(dataset.train)] == dataset.train.labels.argmax(axis=1).tolist()


@pytest.mark.parametrize("groups", ["train", "train test", "train validation", "train validation test"])
def test_a_limit_reads_what_it_needs_and_takes_the_same_images(groups, tmp_path, monkeypatch):
    decoded = num_decoded(monkeypatch)
    for group in groups.split():
        write_images(tmp_path / group if " " in groups else tmp_path, ["ash", "birch", "cedar"])
    whole = load_dataset("folder", tmp_path, reading=READING)
    decoded.clear()
    some = load_dataset("folder", tmp_path, limit=2, reading=READING)
    assert len(decoded) == 6
    for split, of_whole in zip(some[:3], whole[:3], strict=True):
        np.testing.assert_array_equal(split.images, of_whole.images[:2])
        np.testing.assert_array_equal(split.labels, of_whole.labels[:2])
    assert some.fingerprint != whole.fingerprint
    decoded.clear()
    assert load_dataset("folder", tmp_path, limit=2, reading=READING).fingerprint == some.fingerprint
    assert load_dataset("folder", tmp_path, limit=100, reading=READING).fingerprint == whole.fingerprint
    assert load_dataset("folder", tmp_path, reading=READING).fingerprint == whole.fingerprint
    assert decoded == [], "some images and all of them have caches of their own"


def test_a_limit_takes_the_same_images_where_others_cannot_be_read(tmp_path):
    root = write_images(tmp_path, ["ash", "birch"])
    spoil(root)
    reading = READING._replace(skip_unreadable=True)
    whole, some = load_dataset("folder", root, reading=reading), load_dataset("folder", root, limit=2, reading=reading)
    for split, of_whole in zip(some[:3], whole[:3], strict=True):
        np.testing.assert_array_equal(split.images, of_whole.images[:2])


def test_labels_without_a_training_image_are_named(tmp_path):
    write_images(tmp_path / "train", ["ash", "birch"])
    write_images(tmp_path / "test", ["birch", "cedar", "fir"])
    notes = load_dataset("folder", tmp_path, reading=READING).notes
    assert "WARNING: no training image of 2 labels: cedar, fir" in notes
    (tmp_path / "train" / "cedar").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "train" / "cedar" / "1.png")
    assert "WARNING: no training image of 1 label: fir" in load_dataset("folder", tmp_path, reading=READING).notes


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_be_read_again_is_read(tmp_path):
    root = write_images(tmp_path, ["ash"])
    (root / "ash" / "001.png").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        load_dataset("folder", root, reading=READING)
    (root / "ash" / "001.png").chmod(0o644)
    load_dataset("folder", root, reading=READING)


def test_large_images_wait_for_each_other_a_few_at_a_time(tmp_path, monkeypatch):
    root = write_images(tmp_path, ["ash"], num_images=100)
    most = []

    class Pool:
        def __init__(self, num_threads):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def map(self, function, tasks):
            most.append(sum(map(len, tasks)))
            return map(function, tasks)

    monkeypatch.setattr(photographs, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(photographs, "BYTES_AT_ONCE", 48 * 8 * 8 * 3)
    dataset = load_dataset("folder", root, reading=READING)
    assert sum(len(split.images) for split in dataset[:3]) == 100
    assert max(most) <= 16 * max(os.cpu_count(), 3)


def test_an_interrupted_build_starts_anew(tmp_path, monkeypatch):
    root = write_images(tmp_path, ["ash", "birch"])
    decode = photographs.read_image

    def interrupted(path, form):
        if path.name == "005.png":
            raise KeyboardInterrupt
        return decode(path, form)

    monkeypatch.setattr(photographs, "read_image", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_dataset("folder", root, reading=READING)
    monkeypatch.setattr(photographs, "read_image", decode)
    dataset = load_dataset("folder", root, reading=READING)
    assert sum(len(split.images) for split in dataset[:3]) == 20


def spoil(root):
    (root / "ash" / "001.png").write_bytes(b"")
    (root / "birch" / "002.png").write_text("not an image")


def test_unreadable_files_are_refused_by_name(tmp_path):
    root = write_images(tmp_path, ["ash", "birch"])
    spoil(root)
    for _ in range(2):  # the second time from the cache
        with pytest.raises(DataError) as refusal:
            load_dataset("folder", root, reading=READING)
        message = str(refusal.value)
        assert "2 of 20 files cannot be read as images" in message
        assert "ash/001.png (empty file)" in message and "birch/002.png (not one of JPEG" in message
        assert "--skip_unreadable" in message and "\n" not in message


def test_the_first_ten_of_many_unreadable_files_are_named(tmp_path):
    root = write_images(tmp_path, ["ash"], num_images=13)
    for path in (root / "ash").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError) as refusal:
        load_dataset("folder", root, reading=READING)
    assert str(refusal.value).count("(empty file)") == 10 and "; and 3 more:" in str(refusal.value)
    with pytest.raises(DataError, match="found 0 images that can be read"):
        load_dataset("folder", root, reading=READING._replace(skip_unreadable=True))


def test_unreadable_files_are_left_out_and_recorded(tmp_path):
    root = write_images(tmp_path, ["ash", "birch"])
    spoil(root)
    dataset = load_dataset("folder", root, reading=READING._replace(skip_unreadable=True))
    assert dict(dataset.unreadable)["ash/001.png"] == "empty file" and len(dataset.unreadable) == 2
    assert any("2 files" in note for note in dataset.notes)
    seen = sorted(colour for split in dataset[:3] for colour in colours(split))
    assert seen == sorted({(label, index) for label in range(2) for index in range(10)} - {(0, 1), (1, 2)})
    for split in dataset[:3]:
        assert [label for label, _ in colours(split)] == split.labels.argmax(axis=1).tolist(), "labels did not slip"


def test_what_is_worth_knowing_of_files_is_noted_and_cached(tmp_path):
    root = write_images(tmp_path, ["ash"])
    for index in (3, 5):
        Image.fromarray(np.full((16, 16), 100 * index, np.uint16)).save(root / "ash" / f"{index:03}.png")
    for _ in range(2):
        notes = load_dataset("folder", root, reading=READING).notes
        assert sum(note.endswith(DARK) and note.startswith("2 files, such as ash/00") for note in notes) == 1
    brighter = load_dataset("folder", root, reading=READING._replace(white_level=500.0))
    assert not any(DARK in note for note in brighter.notes)
    assert 255 in np.concatenate([split.images for split in brighter[:3]]), "the cache tells the two apart"


def test_a_new_setting_at_its_default_leaves_the_names_of_caches(tmp_path, cache_home):
    load_dataset("folder", write_images(tmp_path / "trees", ["ash"]), reading=READING)
    (folder,) = (cache_home / "image_cache").iterdir()
    described = "ImageForm(size=8, channels=3, crop='center')"  # as it was before there were others
    assert folder.name == f"trees-{digest(str((tmp_path / 'trees').resolve()), described)}"


def test_names_that_are_no_text_can_be_printed(tmp_path):
    root = write_images(tmp_path, ["ash"])
    try:
        os.rename(os.fsencode(root / "ash" / "001.png"), os.fsencode(root / "ash") + b"/\xff.png")
    except OSError:
        pytest.skip("this file system takes only names that are text")
    dataset = load_dataset("folder", root, reading=READING)
    assert sum(len(split.images) for split in dataset[:3]) == 10
    (root / "ash" / os.fsdecode(b"\xff.png")).write_bytes(b"")
    with pytest.raises(DataError) as refusal:
        load_dataset("folder", root, reading=READING)
    str(refusal.value).encode("utf-8")


def test_explicit_groups_are_kept(tmp_path):
    write_images(tmp_path, ["ash"], num_images=9)
    files = tuple(f"ash/{index:03}.png" for index in range(9))
    groups = ("test", "train", "validation") * 3
    dataset = load_photographs(Collection(tmp_path, files, groups), READING)
    numbers = [sorted(index for _, index in colours(split)) for split in dataset[:3]]
    assert numbers == [[1, 4, 7], [2, 5, 8], [0, 3, 6]]


@pytest.mark.parametrize("missing, kept, there", [("test", "validation", [2, 5, 8]), ("validation", "test", [0, 3, 6])])
def test_a_group_that_is_missing_is_taken_from_the_training_images_alone(missing, kept, there, tmp_path):
    write_images(tmp_path, ["ash"], num_images=9)
    files = tuple(f"ash/{index:03}.png" for index in range(9))
    groups = tuple("train" if group == missing else group for group in ("test", "train", "validation") * 3)
    dataset = load_photographs(Collection(tmp_path, files, groups), READING)
    numbers = {name: sorted(index for _, index in colours(getattr(dataset, name))) for name in ("train", missing, kept)}
    assert numbers[kept] == there and len(numbers[missing]) == 1
    assert sorted(numbers["train"] + numbers[missing]) == sorted(set(range(9)) - set(there))
    assert f"{missing}: 1 of the 6 images" in dataset.notes


def test_what_is_held_out_is_counted_with_the_folder_that_it_is_taken_from(tmp_path):
    write_images(tmp_path, ["train2017"], num_images=28)
    write_images(tmp_path, ["val2017"], num_images=2)
    (tmp_path / "train2017" / "broken.png").touch()
    dataset = load_dataset("folder", tmp_path, reading=READING._replace(skip_unreadable=True))
    assert "test: 3 of the 28 in train2017" in dataset.notes and len(dataset.test.images) == 3
    (tmp_path / "train2017" / "broken.png").unlink()
    assert "test: 3 of the 28 in train2017" in load_dataset("folder", tmp_path, limit=2, reading=READING).notes
    shutil.rmtree(tmp_path / "val2017")
    (tmp_path / "train2017").rename(tmp_path / "ash")
    notes = load_dataset("folder", tmp_path, reading=READING).notes
    assert "validation: 6 of the 28 images, test: 3 of the 28 images" in notes


def test_ucmerced_with_all_its_odd_sizes(real_data):
    dataset = load_dataset("ucmerced", real_data("UCMerced_LandUse"))
    assert sum(len(split.images) for split in dataset[:3]) == 420 and dataset.image_shape == (64, 64, 3)
    assert [len(split.images) for split in dataset[:3]] == [294, 84, 42]
    assert len(dataset.label_names) == 21 and dataset.validation.labels.sum(axis=0).tolist() == [4] * 21
    from_images = load_dataset("ucmerced", real_data("UCMerced_LandUse") / "Images")
    assert from_images.fingerprint == dataset.fingerprint
