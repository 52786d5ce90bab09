"""Arrays that a user gives are used as they are meant, or refused in one line."""

import numpy as np
import pytest

from data_utils import load_dataset
from image_data.given import given_dataset, grey_values, images_of, labels_of
from image_data.splits import DataError, DataMissing

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 6, 5), dtype=np.uint8)
CLASSES = np.arange(40) % 4


def test_missing_splits_are_taken_from_the_training_images_each_class_alike():
    dataset = given_dataset({"train": (IMAGES, CLASSES)})
    assert [len(split.images) for split in dataset[:3]] == [28, 8, 4] and dataset.image_shape == (6, 5, 1)
    for split, expected in zip(dataset[:3], (7, 2, 1), strict=True):
        assert split.labels.sum(axis=0).tolist() == [expected] * 4
    seen = np.concatenate([split.images for split in dataset[:3]])[..., 0]
    assert {image.tobytes() for image in seen} == {image.tobytes() for image in IMAGES}
    by_image = {image.tobytes(): number for image, number in zip(IMAGES, CLASSES, strict=True)}
    for image, label in zip(dataset.train.images, dataset.train.labels, strict=True):
        assert by_image[image.tobytes()] == label.argmax(), "labels stay with their images"
    for split in dataset[:3]:
        np.testing.assert_array_equal(split.images[..., 0], IMAGES[split.names.astype(int)], "rows of x_train")


def test_given_splits_are_as_given():
    dataset = given_dataset({"train": (IMAGES, CLASSES), "test": (IMAGES[:7], CLASSES[:7])}, ("a", "b", "c", "d"))
    np.testing.assert_array_equal(dataset.test.images[..., 0], IMAGES[:7])
    assert [len(split.images) for split in dataset[:3]] == [32, 8, 7] and dataset.label_names == ("a", "b", "c", "d")


def test_an_npz_file_is_a_data_set(tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=IMAGES, y_train=np.eye(4)[CLASSES], label_names=list("abcd"))
    dataset = load_dataset("arrays", tmp_path / "mine.npz", limit=5)
    assert len(dataset.train.images) == 5 and dataset.label_names == ("a", "b", "c", "d")
    np.savez(tmp_path / "other.npz", images=IMAGES)
    with pytest.raises(DataError, match="found arrays images; expected an .npz file with x_train"):
        load_dataset("arrays", tmp_path / "other.npz")
    with pytest.raises(DataMissing, match="expected --data_dir FILE"):
        load_dataset("arrays")


@pytest.mark.parametrize(
    "images, message",
    [
        (IMAGES / 255, r"images float64 \[40, 6, 5\]: expected uint8"),
        (IMAGES.astype(int), r"images int64 \[40, 6, 5\]: expected uint8"),
        (IMAGES[0], r"images uint8 \[6, 5\]: expected uint8"),
        (IMAGES[:0], r"images uint8 \[0, 6, 5\]: expected \[N, 6, 5, 1\]"),
        (IMAGES[:, None], r"images uint8 \[40, 1, 6, 5\]: expected C = 1 or 3 .* the channels last"),
        (IMAGES[:, :4], r"images uint8 \[40, 4, 5\]: expected \[N, 6, 5, 1\]"),
    ],
)
def test_other_images_are_refused(images, message):
    with pytest.raises(DataError, match=message):
        images_of(images, (6, 5, 1))


def test_labels_that_no_training_image_has_are_warned_of():
    (note,) = given_dataset({"train": (IMAGES, np.tile([0, 5], 20))}).notes
    assert note.startswith("WARNING: 4 of 6 labels have no training image: 1, 2, 3, ...;")
    assert given_dataset({"train": (IMAGES, np.tile([0, 1], 20))}).notes == ()


def test_labels_of_text_are_refused():
    with pytest.raises(DataError, match="expected 40 class numbers from 0, or 0 and 1"):
        labels_of(CLASSES.astype(str), 40)


@pytest.mark.parametrize(
    "labels",
    [CLASSES[:3], CLASSES + 1, CLASSES - 1, CLASSES / 3, np.eye(5)[CLASSES], 2 * np.eye(4)[CLASSES], CLASSES > 9.5],
)
def test_other_labels_are_refused(labels):
    if labels.dtype == bool:
        labels = np.full(40, np.nan)
    with pytest.raises(DataError, match=r"expected 40 class numbers from 0 to 3, or 0 and 1 \[40, 4\]"):
        labels_of(labels, 40, 4)


def test_floats_are_grey_values_where_it_is_said():
    np.testing.assert_array_equal(grey_values(np.float32([[0.0, 0.5, 1.0]])), np.uint8([[0, 128, 255]]))
    for wrong in (IMAGES / 1.0, np.array([np.nan]), np.array([-0.1]), IMAGES):
        with pytest.raises(DataError, match="expected floats from 0 to 1"):
            grey_values(wrong)
