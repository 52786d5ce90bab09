"""What every data set is handed on as."""

import numpy as np

from image_data.splits import Dataset, Split, checksum, counted, one_hot, take


def test_checksum_changes_with_any_image_or_label(split):
    images, labels = split.images.copy(), split.labels.copy()
    first = checksum(split, Split(images, labels))
    assert first == checksum(split, Split(images.copy(), labels.copy()))
    images[3, 0, 0, 0] ^= 1
    assert checksum(split, Split(images, labels)) != first
    assert checksum(split, split._replace(labels=split.labels[::-1])) != first
    assert checksum(split, Split(split.images)) != first
    assert checksum(split) != first


def test_take_keeps_images_labels_and_factors_together(split):
    factors = np.arange(44).reshape(44, 1)
    taken = take(Split(split.images, split.labels, factors), slice(10, 13))
    np.testing.assert_array_equal(taken.images, split.images[10:13])
    np.testing.assert_array_equal(taken.labels, split.labels[10:13])
    assert taken.factors.ravel().tolist() == [10, 11, 12]
    assert take(Split(split.images), [3]).labels is None


def test_counted():
    assert [counted(number, "file") for number in (0, 1, 2100)] == ["0 files", "1 file", "2,100 files"]


def test_one_hot():
    assert one_hot([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_labels_are_classes_where_every_image_of_every_split_has_one():
    images, one, two = np.zeros((2, 3, 3, 1), np.uint8), np.uint8([[1, 0], [0, 1]]), np.uint8([[1, 1], [0, 1]])
    known, several, none = (Split(images, labels) for labels in (one, two, None))
    assert Dataset(known, known, known).has_classes
    assert not any(Dataset(known, *rest).has_classes for rest in ((several, known), (known, several), (known, none)))
