"""Pictures that are asked for: which there are, and what is in them."""

import numpy as np
import pytest
from conftest import infer, units_of
from matplotlib.figure import Figure

from experiment.evaluation.left_out import LeftOut
from experiment.pictures import requested
from experiment.pictures.chosen import Chosen
from experiment.pictures.codes import Units, decode_moved, unit_name
from experiment.pictures.requested import Scene, draw_requested
from image_data.splits import Split
from models.build import build_model

HIERARCHY = {"hierarchical": True, "latent_size": (4, 3), "free_nats": 0.0}
MODELS = {
    "vae": {},
    "cvae": {"is_cvae": True},
    "hvae": HIERARCHY,
    "chvae": {**HIERARCHY, "is_cvae": True},
    "chain": {**HIERARCHY, "hierarchy": "chain"},
}


@pytest.fixture
def grids(monkeypatch):
    """What is handed to image_grid, by the first line of its title."""
    drawn = []

    def image_grid(images, title, row_names=None, column_names=None, cell_pixels=None):
        drawn.append((np.asarray(images), title, row_names, column_names))
        return Figure()

    monkeypatch.setattr(requested, "image_grid", image_grid)
    return drawn


def chosen_from(split, config, *indices):
    rows = list(indices)
    labels = split.labels[rows] if config.is_cvae else None
    return Chosen(split.images[rows], labels, tuple(f"test image {index}" for index in indices))


def explored(make_config, split, **settings):
    config = make_config(binarization="none", **settings)
    model = build_model(config)
    seen = split if config.is_cvae else Split(split.images, None)
    chosen = {
        flag: chosen_from(split, config, *map(int, getattr(config, flag)))
        for flag in ("reconstruct", "interpolate", "traverse", "relabel")
    }
    names = ("zero", "one", "two")
    inferred = infer(model, config, seen)
    left_out = LeftOut()
    scene = Scene(model, config, Units.of(inferred, config), seen, names, inferred)
    pictures = draw_requested(scene, chosen, left_out)
    assert not left_out
    return model, config, pictures


@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_every_model_can_be_explored(make_config, split, few_frames, settings):
    asked = {"reconstruct": ("1",), "interpolate": ("0", "1"), "traverse": ("2",), "embed": True}
    if settings.get("is_cvae"):
        asked["relabel"] = ("0", "3")
    _, _, pictures = explored(make_config, split, **settings, **asked)
    still = {"chosen_reconstructions", "chosen_interpolation", "traversal_0", "codes_pca", "codes_tsne"}
    moving = {"chosen_interpolation_moving", "traversal_0_moving"}
    assert set(pictures) == still | moving | ({"relabelled"} if settings.get("is_cvae") else set())
    for name, picture in pictures.items():
        assert isinstance(picture, list) == (name in moving)


def test_many_reconstructions_have_several_rows(make_config, split, grids):
    explored(make_config, split, reconstruct=tuple(map(str, range(12))))
    images, title, row_names, _ = grids[0]
    assert images.shape[:2] == (4, 10) and row_names == ["image", "reconstruction"] * 2
    np.testing.assert_allclose(images[2, 1], split.images[11] / 255)
    assert (images[2:, 2:] == 1).all() and "test image 3 and 8 more" in title


def test_nothing_is_drawn_unasked(make_config, split):
    assert explored(make_config, split)[2] == {}


def test_interpolations_end_at_reconstructions_between_the_images(make_config, split, grids):
    model, config, _ = explored(make_config, split, interpolate=("0", "1", "2", "3"))
    images, title, row_names, _ = grids[0]
    assert "first and last column: the images themselves" in title
    pairs = ("test image 0 to test image 1", "test image 2 to test image 3")
    assert row_names == [f"{pair}, {path}" for pair in pairs for path in ("straight", "spherical")]
    chosen = chosen_from(split, config, 0, 1, 2, 3)
    batch = requested.as_seen(chosen, config)
    means = model.decode(model.encode(batch)).mean.numpy()
    for row, (start, end) in enumerate([(0, 1), (0, 1), (2, 3), (2, 3)]):
        np.testing.assert_allclose(images[row, 0], split.images[start] / 255)
        np.testing.assert_allclose(images[row, 1], means[start], atol=1e-5)
        np.testing.assert_allclose(images[row, -2], means[end], atol=1e-5)
        np.testing.assert_allclose(images[row, -1], split.images[end] / 255)
    frame, _, row_names, column_names = grids[1]
    assert (row_names, column_names, frame.shape[:2]) == (list(pairs), ["straight", "spherical"], (2, 2))
    np.testing.assert_allclose(frame[1], [means[2], means[2]], atol=1e-5)
    codes = model.encode(batch)[0].numpy()
    half = model.decode((codes[:1] / 2 + codes[1:2] / 2,)).mean.numpy()[0]
    np.testing.assert_allclose(images[0, 5], half, atol=1e-5)


@pytest.mark.parametrize("asked, moved", [({}, [0, 1, 2]), ({"traverse_units": (4, 1)}, [4, 1])])
def test_traversals_without_data_move_units_that_were_asked_for_or_the_first_of_the_top_level(
    make_config, split, grids, asked, moved
):
    config = make_config(binarization="none", traverse=("5",), **HIERARCHY, **asked)
    model, chosen = build_model(config), chosen_from(split, config, 5)
    scene = Scene(model, config, units=None, test=None, label_names=(), inferred=None)
    requested.draw_traversals(scene, chosen)
    images, title, row_names, _ = grids[0]
    assert row_names == [unit_name(config, unit) for unit in moved]
    assert "not sorted by rate, as there is no data" in title
    batch = requested.as_seen(chosen, config)
    for row, unit in enumerate(moved):
        lowest = decode_moved(model, config, batch, [unit], np.array([[-3.0]]))[0]
        np.testing.assert_allclose(images[row, 1], lowest, atol=1e-5)


def test_traversals_name_the_units_of_most_rate_first(make_config, split, grids):
    model, config, _ = explored(make_config, split, traverse=("5",), traverse_range=2.0)
    units = units_of(model, config, Split(split.images, None))
    images, title, row_names, _ = grids[0]
    assert "from -2 to 2 standard deviations" in title and "test image 5" in title
    assert [name.split(",")[0] for name in row_names] == [f"unit {unit}" for unit in units.by_rate]
    assert all(name.endswith("inactive") != units.is_active[int(name.split()[1][:-1])] for name in row_names)
    codes = model.encode(requested.as_seen(chosen_from(split, config, 5), config))[0].numpy()
    codes[0, units.by_rate[0]] = 2.0
    np.testing.assert_allclose(images[0, -1], model.decode((codes,)).mean.numpy()[0], atol=1e-5)


def test_units_that_are_asked_for_are_traversed(make_config, split, grids):
    explored(make_config, split, traverse=("0",), traverse_units=(2, 0))
    assert [name.split(",")[0] for name in grids[0][2]] == ["unit 2", "unit 0"]
    assert grids[0][3][:2] == ["image", "-3"] and grids[1][3] == ["unit 2", "unit 0"]


def test_style_is_kept_where_the_label_is_changed(make_config, split, grids):
    model, config, _ = explored(make_config, split, is_cvae=True, relabel=("0", "1"))
    images, _, row_names, column_names = grids[0]
    assert column_names == ["image", "own y", "zero", "one", "two"]
    assert row_names == ["test image 0", "test image 1"]
    batch = requested.as_seen(chosen_from(split, config, 0, 1), config)
    twos = np.tile(np.eye(3, dtype=np.float32)[2], (2, 1))
    np.testing.assert_allclose(images[:, -1], model.decode(model.encode(batch), twos).mean.numpy(), atol=1e-5)


def test_attributes_are_flipped_one_at_a_time(make_config, split, grids):
    labels = np.array([[1, 0, 1], [1, 1, 0]] * 22, np.uint8)
    asked = {"is_cvae": True, "relabel": ("0",), "has_attributes": True}
    model, config, _ = explored(make_config, split._replace(labels=labels), **asked)
    images, title, _, _ = grids[0]
    assert "one attribute flipped" in title
    code = model.encode(requested.as_seen(chosen_from(split._replace(labels=labels), config, 0), config))
    flipped = np.array([[1, 1, 1]], np.float32)  # the second, "one"
    np.testing.assert_allclose(images[0, 3], model.decode(code, flipped).mean.numpy()[0], atol=1e-5)


def test_the_manifold_has_the_median_code_in_its_middle(make_config, split, grids, monkeypatch):
    monkeypatch.setattr(requested, "MANIFOLD_SIDE", 3)  # quantiles 1/6, 1/2, 5/6
    model, _, pictures = explored(make_config, split, latent_size=2, manifold=True)
    assert list(pictures) == ["manifold"]
    images = grids[0][0]
    third = 0.9674216  # the 5/6 quantile of N(0, 1)
    for (row, column), code in {(1, 1): (0, 0), (0, 2): (third, third), (2, 1): (0, -third)}.items():
        expected = model.decode((np.array([code], np.float32),)).mean.numpy()[0]
        np.testing.assert_allclose(images[row, column], expected, atol=1e-5)


def test_a_conditional_manifold_has_a_picture_for_each_label(make_config, split):
    _, _, pictures = explored(make_config, split, latent_size=2, is_cvae=True, manifold=True)
    assert list(pictures) == ["manifold_0_zero", "manifold_1_one", "manifold_2_two"]
