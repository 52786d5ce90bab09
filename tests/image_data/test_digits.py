"""Embedded digits."""

import numpy as np
import pytest

from data_utils import load_dataset
from image_data.splits import DataError


def test_digits_are_embedded_stratified_and_disjoint():
    dataset = load_dataset("digits")
    assert dataset.image_shape == (28, 28, 1)
    assert [len(split.images) for split in dataset[:3]] == [1257, 180, 360]
    everything = np.concatenate([split.images for split in dataset[:3]]).reshape(1797, -1)
    assert len(np.unique(everything, axis=0)) == 1797, "no image is in two splits"
    for split in dataset[:3]:
        share = split.labels.mean(axis=0)
        assert share.min() > 0.09 and share.max() < 0.11
    assert dataset.train.images.max() == 255
    again = load_dataset("digits")
    np.testing.assert_array_equal(again.test.images, dataset.test.images)
    with pytest.raises(DataError, match="embedded and reads no files"):
        load_dataset("digits", ".")
