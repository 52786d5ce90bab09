"""Data sets by name, and the order of batches."""

import numpy as np
import pytest

from data_utils import ARRAYS, PHOTOGRAPHS, batch_order, load_dataset
from experiment.presets import PRESETS
from experiment.resolution import PHOTOGRAPH_SETTINGS
from image_data.photographs import Reading


def test_presets_and_loaders_agree_on_which_data_sets_are_photographs():
    assert set(PRESETS) == {*ARRAYS, *PHOTOGRAPHS}
    assert {name for name, preset in PRESETS.items() if "image_size" in preset.settings} == set(PHOTOGRAPHS)
    assert set(Reading._fields) == PHOTOGRAPH_SETTINGS


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
