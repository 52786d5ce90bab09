"""Sprites: the same index always gives the same image, and its factors say where and what it is."""

import tracemalloc

import numpy as np
import pytest

from data_utils import limited, load_dataset
from image_data import sprites
from image_data.splits import DataError
from image_data.sprites import (
    DSPRITES_FILE,
    FACTOR_NAMES,
    NUM_SPRITES,
    NUM_VALUES,
    SHAPES,
    load_dsprites,
    render_sprites,
    sprite_factors,
)


def index_of(**factors):
    return np.ravel_multi_index([factors.get(name, 0) for name in FACTOR_NAMES], NUM_VALUES)


def center_of(image):
    rows, columns = np.nonzero(image[..., 0])
    return columns.mean() + 0.5, rows.mean() + 0.5


@pytest.fixture(scope="module")
def whole():
    return load_dataset("sprites")


def test_the_data_set_holds_each_sprite_once(whole):
    dataset = whole
    assert NUM_SPRITES == 46_080 and dataset.factor_names == FACTOR_NAMES and dataset.train.labels is None
    assert [len(split.images) for split in dataset[:3]] == [36_864, 4_608, 4_608]
    factors = np.concatenate([split.factors for split in dataset[:3]])
    assert len(np.unique(factors, axis=0)) == NUM_SPRITES
    assert set(np.unique(dataset.test.images)) == {0, 255} and dataset.image_shape == (64, 64, 1)
    again = np.ravel_multi_index(dataset.test.factors.T, NUM_VALUES)
    np.testing.assert_array_equal(render_sprites(again), dataset.test.images)


def test_a_limit_renders_what_it_needs_and_takes_the_same_sprites(whole, monkeypatch):
    rendered, render = [], sprites.render_sprites

    def counting(indices):
        rendered.extend(indices)
        return render(indices)

    monkeypatch.setattr(sprites, "render_sprites", counting)
    some = load_dataset("sprites", limit=3)
    assert len(rendered) == 9
    for split, of_whole in zip(some[:3], whole[:3], strict=True):
        np.testing.assert_array_equal(split.images, of_whole.images[:3])
        np.testing.assert_array_equal(split.factors, of_whole.factors[:3])
    assert some.fingerprint == limited(whole._replace(fingerprint=""), 3).fingerprint, "older runs are continued"


def test_images_are_a_function_of_the_index_alone():
    together = render_sprites(np.arange(0, NUM_SPRITES, 997))
    for image, index in zip(together, range(0, NUM_SPRITES, 997), strict=True):
        np.testing.assert_array_equal(render_sprites([index])[0], image)
    assert sprite_factors([index_of(shape=2, y=5)]).tolist() == [[2, 0, 0, 0, 5]]


def test_positions_are_where_the_factors_say():
    for x in range(NUM_VALUES[3]):
        for y in range(NUM_VALUES[4]):
            image = render_sprites([index_of(shape=0, scale=5, x=x, y=y)])[0]
            assert center_of(image) == (18 + 4 * x, 18 + 4 * y)


def test_no_sprite_is_cut_off():
    corners = [
        index_of(shape=s, scale=5, orientation=o, x=x, y=y)
        for s in range(3)
        for o in range(40)
        for x, y in ((0, 0), (7, 7))
    ]
    images = render_sprites(corners)
    assert not images[:, [0, -1]].any() and not images[:, :, [0, -1]].any()


def test_areas_are_those_of_the_shapes():
    """Square of half side 0.7, ellipse of half axes 1 and 1/2, at radius 16 and half of it."""
    for shape, area in (("square", (2 * 0.7) ** 2), ("ellipse", np.pi / 2)):
        for scale, radius in ((0, 8.0), (5, 16.0)):
            turned = [index_of(shape=SHAPES.index(shape), scale=scale, orientation=turn) for turn in range(40)]
            areas = (render_sprites(turned) > 0).sum(axis=(1, 2, 3))
            assert areas.mean() == pytest.approx(area * radius**2, rel=0.02)


def test_orientation_turns_by_nine_degrees_counter_clockwise():
    upright = render_sprites([index_of(shape=2, scale=5)])[0, ..., 0] > 0
    rows = np.nonzero(upright.any(axis=1))[0]
    widths = upright.sum(axis=1)[rows]
    assert widths[2] > widths[-3], "a heart is broad above and ends in a point below"
    quarter = render_sprites([index_of(shape=2, scale=5, orientation=10)])[0, ..., 0] > 0
    top, left = 0, 0
    patch = slice(top, 36), slice(left, 36)
    np.testing.assert_array_equal(np.rot90(upright[patch]), quarter[patch])


def test_sprites_read_no_files(tmp_path):
    with pytest.raises(DataError, match="they are rendered and read no files"):
        load_dataset("sprites", tmp_path)


@pytest.fixture
def dsprites(tmp_path, monkeypatch):
    """A file of dSprites' form with 50 images."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    generator = np.random.default_rng(0)
    images = generator.integers(0, 2, (50, 64, 64), dtype=np.uint8)
    classes = np.stack([np.zeros(50, int), *(generator.integers(0, 5, 50) for _ in range(4)), np.arange(50)], axis=1)
    metadata = np.array({"author": "pickled, and never read"}, dtype=object)
    path = tmp_path / DSPRITES_FILE
    np.savez_compressed(path, imgs=images, latents_classes=classes, latents_values=classes * 1.0, metadata=metadata)
    return path, images, classes


@pytest.mark.parametrize("given", ["folder", "file"])
def test_dsprites_own_file(dsprites, given):
    path, images, classes = dsprites
    dataset = load_dataset("dsprites", path if given == "file" else path.parent)
    assert [len(split.images) for split in dataset[:3]] == [40, 5, 5]
    numbers = np.concatenate([split.factors[:, -1] for split in dataset[:3]])
    assert sorted(numbers) == list(range(50))
    for split in dataset[:3]:
        np.testing.assert_array_equal(split.images[..., 0], 255 * images[split.factors[:, -1]])
        np.testing.assert_array_equal(split.factors, classes[split.factors[:, -1], 1:])


def test_the_factors_of_dsprites_have_the_values_of_its_file(tmp_path, monkeypatch):
    """A file that holds each combination of its factors once, as the published one does, with fewer values."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    sizes = (1, 3, 2, 4, 5, 6)
    classes = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    images = np.zeros((len(classes), 64, 64), np.uint8)
    images[np.arange(len(classes)), 10 * classes[:, 5], 10 * classes[:, 4]] = 1  # a pixel where posY and posX say
    np.savez_compressed(tmp_path / DSPRITES_FILE, imgs=images, latents_classes=classes)
    dataset = load_dataset("dsprites", tmp_path)
    factors = np.concatenate([split.factors for split in dataset[:3]])
    assert dataset.factor_names == ("shape", "scale", "orientation", "x", "y")
    assert [len(np.unique(each)) for each in factors.T] == [3, 2, 4, 5, 6] and len(np.unique(factors, axis=0)) == 720
    for split in dataset[:3]:
        _, rows, columns, _ = np.nonzero(split.images)
        np.testing.assert_array_equal(np.stack([columns, rows], axis=1), 10 * split.factors[:, 3:])


def test_dsprites_are_never_whole_in_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(sprites, "IMAGES_AT_ONCE", 100)
    monkeypatch.setattr("image_data.cache.BYTES_AT_ONCE", 2**20)
    images = np.zeros((4_000, 64, 64), np.uint8)
    np.savez_compressed(tmp_path / DSPRITES_FILE, imgs=images, latents_classes=np.zeros((4_000, 6), int))
    tracemalloc.start()
    try:
        load_dataset("dsprites", tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < images.nbytes / 3


def test_dsprites_are_unpacked_once(dsprites, monkeypatch):
    path, *_ = dsprites
    first = load_dsprites(path)
    monkeypatch.setattr("image_data.sprites._unpack", lambda *_: pytest.fail("unpacked again"))
    np.testing.assert_array_equal(load_dsprites(path).test.images, first.test.images)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-2000]),
        lambda path: path.write_text("<html>404</html>"),
        lambda path: np.savez(path, imgs=np.zeros((3, 64, 64), np.uint8)),
        lambda path: np.savez(path, imgs=np.zeros((3, 32, 32), np.uint8), latents_classes=np.zeros((3, 6), int)),
        lambda path: np.savez(path, imgs=np.zeros((4, 64, 64), np.uint8), latents_classes=np.zeros((3, 6), int)),
        lambda path: np.savez(path, imgs=np.zeros((50, 64, 64), np.uint8), latents_classes=np.zeros((50, 5), int)),
        lambda path: np.savez(path, imgs=np.zeros((50, 64, 64), np.uint8), latents_classes=np.zeros((50, 6))),
        lambda path: np.savez(path, imgs=np.zeros((50, 64, 64), np.uint8), latents_classes=np.full((50, 6), None)),
        lambda path: np.savez(path, imgs=np.full((50, 64, 64), 255, np.uint8), latents_classes=np.zeros((50, 6), int)),
    ],
)
def test_other_files_are_refused_as_dsprites(dsprites, damage):
    path, *_ = dsprites
    damage(path)
    with pytest.raises(DataError, match="damaged or not dSprites .*; expected dsprites_ndarray.*--dataset sprites"):
        load_dsprites(path)


def test_missing_dsprites_say_where_they_come_from(tmp_path):
    for given in (None, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            DataError, match="--dataset dsprites: found no .*github.com/google-deepmind/dsprites-dataset"
        ):
            load_dsprites(given)
