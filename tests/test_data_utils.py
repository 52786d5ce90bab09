"""Data sets by name, and the order of batches."""

import numpy as np
import pytest

from data_utils import ARRAYS, PHOTOGRAPHS, RENDERED, batch_order, cut, cut_evenly, cut_full, load_dataset, over_batches
from experiment.settings.config import defaults_where
from experiment.settings.datasets import DATASETS
from image_data.photographs import Reading


def test_presets_and_loaders_agree_on_which_data_sets_are_photographs():
    assert set(DATASETS) == {*ARRAYS, *RENDERED, *PHOTOGRAPHS}
    assert {name for name, preset in DATASETS.items() if "image_size" in preset.settings} == set(PHOTOGRAPHS)
    defaults = defaults_where("photographs_only")
    assert Reading._field_defaults == {**defaults, "image_size": 64}, "Config has none: each data set has its own size"


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_without_a_folder_say_what_is_expected_and_where_it_comes_from(name):
    with pytest.raises(ValueError, match=f"--dataset {name}: found no --data_dir; expected "):
        load_dataset(name)


def test_batch_order_is_a_function_of_seed_and_epoch():
    order = batch_order(103, 10, seed=1, epoch=2)
    assert order.shape == (10, 10)
    assert len(np.unique(order)) == 100
    np.testing.assert_array_equal(order, batch_order(103, 10, seed=1, epoch=2))
    assert not np.array_equal(order, batch_order(103, 10, seed=1, epoch=3))
    assert not np.array_equal(order, batch_order(103, 10, seed=2, epoch=2))


def test_every_image_is_seen_over_a_few_epochs():
    seen = {index for epoch in range(10) for index in batch_order(103, 10, 0, epoch).flat}
    assert seen == set(range(103))


def test_batches_cover_every_image_once_in_order():
    images, labels = np.arange(44)[:, np.newaxis], np.arange(44) % 3
    for rows in (cut(44, 15), cut_evenly(44, 15)):
        seen = list(over_batches(lambda index, *arrays: (index, *arrays), (images, None, labels), rows))
        assert [index for index, *_ in seen] == [0, 1, 2] and all(nothing is None for _, _, nothing, _ in seen)
        np.testing.assert_array_equal(np.concatenate([each for _, each, _, _ in seen]), images)
        np.testing.assert_array_equal(np.concatenate([each for *_, each in seen]), labels)


def test_batches_are_cut_to_one_size_or_evenly():
    assert [len(range(*at.indices(44))) for at in cut(44, 15)] == [15, 15, 14]
    assert [len(at) for at in cut_evenly(10, 3)] == [3, 3, 2, 2]
    assert [at.tolist() for at in cut_full(5, 3)] == [[0, 1, 2], [3, 4, 4]]
