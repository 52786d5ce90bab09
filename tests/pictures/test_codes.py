"""Single units: where they are, what they carry, and images with some of them moved."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import elbo_of, units_of

from experiment.pictures import codes as codes_of_pictures
from experiment.pictures.codes import (
    Units,
    by_level,
    decode_means,
    decode_moved,
    locate,
    spherical,
    straight,
    unit_name,
)
from experiment.training.preprocessing import make_batch
from models.build import build_model

WEIGHTS = np.linspace(0, 1, 5)
LEVELS = {"hierarchical": True, "latent_size": (4, 3), "free_nats": 0.0}


def test_units_are_counted_from_the_top(make_config):
    config = make_config(**LEVELS)  # z1 of 4 units, z2 of 3
    assert [locate(config, unit) for unit in (0, 2, 3, 6)] == [(0, 0), (0, 2), (1, 0), (1, 3)]
    assert [unit_name(config, unit) for unit in (2, 6)] == ["unit 2 = z2[2]", "unit 6 = z1[3]"]
    with pytest.raises(IndexError):
        locate(config, 7)
    assert unit_name(make_config(), 1) == "unit 1"
    values = by_level(config, np.arange(7))
    assert {name: list(units) for name, units in values.items()} == {"z2": [0, 1, 2], "z1": [3, 4, 5, 6]}


def test_units_of_maps_have_a_place(make_config):
    maps = {"network": "conv", "hidden_sizes": (4,), "latent_size": ("4x4x2", 3), "num_features": 8}
    config = make_config(hierarchical=True, **maps)
    assert unit_name(config, 3 + 13) == "unit 16 = z1[1, 2, 1]"  # 13 = (1 * 4 + 2) * 2 + 1


def test_units_are_sorted_by_rate():
    assert Units(np.array([0.5, 2.0, 0.5]), np.array([True, True, False]), 9, 3).by_rate == [1, 0, 2]


@pytest.mark.parametrize("settings", [{}, LEVELS], ids=["vae", "hvae"])
def test_rates_and_activity_of_units_are_those_of_the_evaluation(make_config, split, settings):
    config = make_config(**settings)
    model = build_model(config)
    for weight in model.weights:  # blocks, which begin at zero, too
        weight.assign_add(np.random.default_rng(len(weight.shape)).normal(0.0, 0.2, weight.shape))
    units = units_of(model, config, split)
    estimate = elbo_of(model, config, split)
    levels = by_level(config, units.rates).values()
    assert [rate.sum() for rate in levels] == pytest.approx(list(estimate.rate_per_level), rel=1e-4)
    active = [level.sum() for level in by_level(config, units.is_active).values()]
    assert active == list(estimate.active_units)
    assert units.num_images == len(split.images)


def test_units_that_the_decoder_does_not_see_are_not_offered(make_config, split):
    config = make_config(**LEVELS, hierarchy="chain")
    model = build_model(config)
    units = units_of(model, config, split)
    assert len(units.rates) == 7 and sorted(units.by_rate) == [0, 1, 2]
    batch = make_batch(split.images[:1], None)
    still = decode_moved(model, config, batch, [5], np.array([[-3.0], [3.0]]))
    np.testing.assert_array_equal(still[0], still[1])


def test_moved_units_are_those_of_the_code(make_config, split):
    config = make_config(latent_size=4)
    model = build_model(config)
    batch = make_batch(split.images[:1], None)
    values = np.array([[-1.0, 2.0], [0.5, 0.0]])
    moved = decode_moved(model, config, batch, [2, 0], values)
    codes = np.tile(model.encode(batch)[0].numpy(), (2, 1))
    codes[:, [2, 0]] = values
    np.testing.assert_allclose(moved, model.decode((tf.constant(codes),)).mean.numpy(), atol=1e-6)


def test_units_of_a_hierarchy_move_from_their_priors(make_config, split):
    """Units 1 (of z2) and 5 (of z1): z2 first, then z1 from its prior given that z2, by hand."""
    config = make_config(**LEVELS)
    model = build_model(config)
    batch = make_batch(split.images[:1], None)
    moved = decode_moved(model, config, batch, [5, 1], np.array([[1.5, -2.0]]))
    z2, z1 = (code.numpy() for code in model.encode(batch))
    z2[0, 1] = -2.0
    prior = model.generate(1, None, (0, 0), 0.0, (tf.constant(z2),)).latents[1].prior
    z1[0, 2] = prior.mean[0, 2] + 1.5 * prior.stddev[0, 2]
    expected = model.decode((tf.constant(z2), tf.constant(z1))).mean.numpy()
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    # A unit of z2 alone: z1 follows, at the mean of its prior.
    alone = decode_moved(model, config, batch, [1], np.array([[-2.0]]))
    np.testing.assert_allclose(alone, model.decode((tf.constant(z2),)).mean.numpy(), atol=1e-6)


def test_few_images_are_decoded_at_once(make_config, split, monkeypatch):
    """The report of a hierarchy decodes 343 images, which of 256x256 pixels are more than 20 GB at once."""
    config = make_config(**LEVELS)
    model = build_model(config)
    batch = make_batch(split.images[:1], None)
    values = np.linspace(-2.0, 2.0, 14).reshape(7, 2)
    together = decode_moved(model, config, batch, [5, 1], values)
    sizes, generate = [], model.generate

    def counted(num_images, *given, **more):
        sizes.append(int(num_images))
        return generate(num_images, *given, **more)

    monkeypatch.setattr(codes_of_pictures, "AT_ONCE", 3)
    monkeypatch.setattr(model, "generate", counted)
    np.testing.assert_allclose(decode_moved(model, config, batch, [5, 1], values), together, atol=1e-6)
    assert set(sizes) == {3, 1}


def test_another_label_is_for_the_decoder_alone(make_config, split):
    config = make_config(is_cvae=True)
    model = build_model(config)
    batch = make_batch(split.images[:1], split.labels[:1])
    other = tf.constant(1.0 - split.labels[:1].astype(np.float32))
    code = model.encode(batch)[0].numpy()
    code[0, 0] = 1.0
    moved = decode_moved(model, config, batch, [0], np.array([[1.0]]), other)
    np.testing.assert_allclose(moved, model.decode((tf.constant(code),), other).mean.numpy(), atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"is_cvae": True}, {"hierarchical": True, "latent_size": (4, 3)}])
def test_they_are_those_of_one_call(make_config, monkeypatch, settings):
    monkeypatch.setattr(codes_of_pictures, "AT_ONCE", 3)
    config = make_config(**settings)
    model = build_model(config)
    generator = np.random.default_rng(0)
    codes = [generator.normal(size=(7, *shape)).astype(np.float32) for shape in reversed(config.level_shapes)]
    labels = np.eye(3, dtype=np.float32)[generator.integers(0, 3, 7)] if config.is_cvae else None
    expected = model.decode(tuple(codes), labels).mean.numpy()
    np.testing.assert_allclose(decode_means(model, codes, labels), expected, atol=1e-6)


@pytest.mark.parametrize("path", [straight, spherical])
@pytest.mark.parametrize("shape", [(6,), (4, 4, 2)])
def test_both_ends_are_on_every_path(path, shape):
    start, end = np.random.default_rng(0).standard_normal((2, 3, *shape)).astype(np.float32)
    codes = path(start, end, WEIGHTS)
    assert codes.shape == (3, 5, *shape)
    np.testing.assert_allclose(codes[:, 0], start, atol=1e-5)
    np.testing.assert_allclose(codes[:, -1], end, atol=1e-5)


def test_the_middle_of_a_straight_line_is_the_mean():
    start, end = np.array([[1.0, 2.0]]), np.array([[3.0, -2.0]])
    np.testing.assert_allclose(straight(start, end, [0.5])[0, 0], [2.0, 0.0])


def test_a_spherical_path_keeps_the_norm_and_turns_evenly():
    start, end = np.array([[2.0, 0.0, 0.0]]), np.array([[0.0, 2.0, 0.0]])
    codes = spherical(start, end, WEIGHTS)[0]
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 2.0, rtol=1e-6)
    np.testing.assert_allclose(np.arctan2(codes[:, 1], codes[:, 0]), WEIGHTS * np.pi / 2, atol=1e-6)


@pytest.mark.parametrize("end", [[[2.0, 4.0]], [[-1.0, -2.0]], [[0.0, 0.0]], [[1.0, 2.0]]])
def test_where_two_codes_span_no_plane_the_path_is_straight(end):
    start, end = np.array([[1.0, 2.0]]), np.array(end)
    np.testing.assert_allclose(spherical(start, end, WEIGHTS), straight(start, end, WEIGHTS), atol=1e-3)
