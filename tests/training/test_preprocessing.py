"""Scaling, and binarisation as Bernoulli draws of grey values."""

import numpy as np
import pytest

from experiment.training.preprocessing import (
    BINARIZATION_SEED,
    add_input_noise,
    binarize,
    binarize_once,
    binarize_when_read,
    flip_horizontally,
    make_batch,
    perturb,
    shift,
    turn,
)
from image_data.splits import Split
from models.distributions import Batch
from models.noise import Stream, noise_seed


def test_scaling_maps_255_to_one(split):
    batch = make_batch(split.images, split.labels)
    np.testing.assert_allclose(batch.images, split.images / 255.0, rtol=1e-6)
    assert batch.labels.dtype == "float32"
    assert make_batch(split.images, None).labels is None


def test_every_grey_value_is_on_as_often_as_it_is_bright():
    num_draws = 20_000
    greys = np.tile(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), (num_draws, 1, 1, 1))
    binary = binarize(greys, noise_seed(0)).numpy()
    assert set(np.unique(binary)) == {0, 255}
    share = (binary == 255).mean(axis=0).ravel()
    expected = np.arange(256) / 255
    standard_error = np.sqrt(expected * (1 - expected) / num_draws)
    assert (np.abs(share - expected) <= 5 * standard_error).all()
    assert share[0] == 0.0 and share[255] == 1.0


def test_draws_differ_by_seed_and_repeat(split):
    first, again, other = (binarize(split.images, noise_seed(seed)).numpy() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_evaluation_draws_once_and_only_under_dynamic_binarisation(split):
    first, again = (binarize_once(split, "dynamic", Stream.TEST_BINARIZATION) for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)
    assert first.images.dtype == np.uint8 and set(np.unique(first.images)) == {0, 255}
    assert first.labels is split.labels
    assert binarize_once(split, "none", Stream.TEST_BINARIZATION) is split
    other = binarize_once(split, "dynamic", Stream.VALIDATION_BINARIZATION)
    assert not np.array_equal(first.images, other.images)


def test_binary_images_stay_as_they_are():
    binary = np.random.default_rng(0).integers(0, 2, (10, 8, 8, 1), dtype=np.uint8) * 255
    drawn = binarize_once(Split(binary, None), "dynamic", Stream.TEST_BINARIZATION)
    np.testing.assert_array_equal(drawn.images, binary)


def test_half_of_the_images_are_mirrored_left_to_right():
    images = np.random.default_rng(0).integers(0, 256, (2000, 3, 4, 3), dtype=np.uint8)
    flipped = flip_horizontally(images, noise_seed(0)).numpy()
    is_mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(flipped[~is_mirrored], images[~is_mirrored])
    assert abs(is_mirrored.mean() - 0.5) < 5 * 0.5 / np.sqrt(2000)
    other = flip_horizontally(images, noise_seed(1)).numpy()
    assert not np.array_equal(flipped, other)
    np.testing.assert_array_equal(flipped, flip_horizontally(images, noise_seed(0)))


def test_images_are_turned_by_quarters_each_as_often(split):
    images = np.random.default_rng(0).integers(0, 256, (2000, 3, 3, 1), dtype=np.uint8)
    turned = turn(images, noise_seed(0)).numpy()
    is_turned = [(turned == np.rot90(images, k, axes=(1, 2))).all(axis=(1, 2, 3)) for k in range(4)]
    np.testing.assert_array_equal(np.sum(is_turned, axis=0), 1)
    assert np.abs(np.mean(is_turned, axis=1) - 0.25).max() < 5 * 0.433 / np.sqrt(2000)


def test_images_are_moved_by_every_offset_and_edges_are_mirrored():
    image = np.arange(1, 31, dtype=np.uint8).reshape(1, 5, 6, 1)
    images = np.tile(image, (600, 1, 1, 1))
    moved = shift(images, noise_seed(0), most=2).numpy()
    padded = np.pad(image[0], ((2, 2), (2, 2), (0, 0)), "symmetric")
    windows = {(row, column): padded[row : row + 5, column : column + 6] for row in range(5) for column in range(5)}
    counts = [(moved == window).all(axis=(1, 2, 3)).sum() for window in windows.values()]
    assert sum(counts) == 600 and min(counts) > 5 and max(counts) < 60


def test_changes_come_in_their_order_each_with_noise_of_its_own(make_config):
    config = make_config(horizontal_flip=True, quarter_turns=True, shift=3, image_shape=(8, 8, 1))
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    expected = flip_horizontally(images, noise_seed(0, Stream.TRAIN_FLIPS, 7))
    expected = turn(expected, noise_seed(0, Stream.TRAIN_TURNS, 7))
    expected = shift(expected, noise_seed(0, Stream.TRAIN_SHIFTS, 7), most=3)
    expected = binarize(expected, noise_seed(0, Stream.TRAIN_BINARIZATION, 7))
    np.testing.assert_array_equal(perturb(images, 7, config), expected)


def test_the_encoder_sees_a_share_of_the_pixels_inverted_others_at_each_step(make_config):
    config, grey = make_config(input_noise=0.1), np.float32(0.25)
    batch = Batch(np.full((50, 28, 28, 1), grey), np.ones((50, 3), np.float32))
    first, second = (add_input_noise(batch, step, config) for step in (7, 8))
    assert first.images is batch.images and first.labels is batch.labels
    inverted = [each.seen.numpy() == 1.0 - grey for each in (first, second)]
    assert set(np.unique(first.seen)) == {grey, 1.0 - grey}
    assert np.mean(inverted, axis=(1, 2, 3, 4)) == pytest.approx(0.1, abs=4.0 * np.sqrt(0.09 / 39_200))
    both = np.logical_and(*inverted).mean()
    assert both == pytest.approx(0.01, abs=0.003), "the noise of two steps is independent"
    assert add_input_noise(batch, 7, make_config()) is batch


def test_images_that_are_binarised_when_they_are_read_are_those_of_all_at_once(monkeypatch):
    monkeypatch.setattr("experiment.training.preprocessing.IMAGES_AT_ONCE", 3)
    images = np.random.default_rng(0).integers(0, 256, (11, 5, 3, 1), dtype=np.uint8)
    stream = Stream.TEST_BINARIZATION
    expected = binarize(images, noise_seed(BINARIZATION_SEED, stream)).numpy()
    read = binarize_when_read(Split(images), "dynamic", stream).images
    np.testing.assert_array_equal(binarize_once(Split(images), "dynamic", stream).images, expected)
    for rows in (slice(None), slice(2, 9), slice(4), slice(10, 99), slice(5, 5), np.array([8, 9, 10, 10])):
        np.testing.assert_array_equal(read[rows], expected[rows])
    assert binarize_when_read(Split(images), "none", stream).images is images
