"""Every picture is of means of the likelihood, of the images and labels that its caption names."""

from dataclasses import replace

import numpy as np
import pytest

from experiment.evaluation.left_out import LeftOut
from experiment.pictures import always
from experiment.training.preprocessing import binarize_once
from models.build import build_model
from models.distributions import Batch
from models.noise import Stream, noise_seed


@pytest.fixture
def drawn(monkeypatch):
    """Title -> what was handed to the grid of images."""
    seen = {}

    def record(images, title, row_names=None):
        seen[title.split("\n")[0].split(": ")[1]] = (images, row_names)
        return True

    monkeypatch.setattr(always, "image_grid", record)
    return seen


def drawn_always(model, config, split):
    left_out = LeftOut()
    seen = binarize_once(split, config.binarization, Stream.TEST_BINARIZATION)
    pictures = always.draw_always(model, config, split, seen, left_out)
    assert not left_out
    return pictures


def draw(config, split):
    model = build_model(config)
    return model, drawn_always(model, config, split)


def test_pictures_of_a_vae(make_config, split, drawn):
    config = replace(make_config(), grid=13)
    model, pictures = draw(config, split)
    assert list(pictures) == ["samples", "reconstructions", "interpolation"]
    samples, _ = drawn["samples"]
    assert samples.shape == (2, 10, 8, 8, 1)
    expected = model.sample(13, noise_seed(0, Stream.SAMPLES))
    np.testing.assert_allclose(samples.reshape(20, 8, 8, 1)[:13], expected, rtol=1e-6)
    assert (samples.reshape(20, 8, 8, 1)[13:] == 1).all(), "cells without an image are blank"


def test_reconstructions_stand_under_their_originals(make_config, split, drawn):
    model, _ = draw(make_config(), split)
    rows, names = drawn["reconstructions"]
    assert names == ["test image", "binarised", "reconstruction"]
    given = Batch(rows[1].astype(np.float32), None)
    expected = model.reconstruct(given, noise_seed(0, Stream.RECONSTRUCTIONS))
    np.testing.assert_allclose(rows[2], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows[0], split.images[:10] / 255.0, rtol=1e-6)
    assert set(np.unique(rows[1])) == {0.0, 1.0}
    draw(make_config(likelihood="mse"), split)
    rows, names = drawn["reconstructions"]
    assert names == ["test image", "reconstruction"]


@pytest.mark.parametrize("is_cvae", [False, True])
def test_interpolation_begins_and_ends_at_the_decoded_posterior_means(make_config, split, drawn, is_cvae):
    model, _ = draw(make_config(is_cvae=is_cvae, likelihood="mse"), split)
    rows, _ = drawn["interpolation between pairs of test images, first and last column"]
    assert rows.shape == (5, 12, 8, 8, 1)
    np.testing.assert_allclose(rows[:, 0], split.images[0:10:2] / 255.0, rtol=1e-6)
    np.testing.assert_allclose(rows[:, -1], split.images[1:10:2] / 255.0, rtol=1e-6)
    batch = always.make_batch(split.images[:10], split.labels[:10] if is_cvae else None)
    ends = model.decode(model.encode(batch), batch.labels).mean.numpy()
    np.testing.assert_allclose(rows[:, 1], ends[0::2], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(rows[:, -2], ends[1::2], rtol=1e-4, atol=1e-6)


def test_a_row_for_each_class_and_the_same_z_in_each_column(make_config, split, drawn):
    config = make_config(is_cvae=True)
    model, pictures = draw(config, split)
    assert "classes" in pictures
    rows, names = drawn["one label a row, one z a column"]
    assert names == list(config.label_names)
    z = model.sample(10, noise_seed(0, Stream.CLASSES), np.tile([0.0, 0.0, 1.0], (10, 1)).astype(np.float32))
    np.testing.assert_allclose(rows[2], z, rtol=1e-6)


def test_attributes_are_switched_on_one_by_one_on_top_of_the_common_ones(make_config, split, drawn):
    labels = np.tile(np.array([[0, 1, 1]], np.uint8), (44, 1))
    labels[:5] = [1, 1, 0]
    config = make_config(is_cvae=True, has_attributes=True)
    model, _ = draw(config, split._replace(labels=labels))
    rows, _ = drawn["one attribute more a row, on top of the most common ones, one z a column"]
    for row, given in zip(rows, ([1, 1, 1], [0, 1, 1], [0, 1, 1]), strict=True):
        expected = model.sample(10, noise_seed(0, Stream.CLASSES), np.tile(np.float32(given), (10, 1)))
        np.testing.assert_allclose(row, expected, rtol=1e-5)
    samples, _ = drawn["samples"]
    expected = model.sample(10, noise_seed(0, Stream.SAMPLES), labels[:10].astype(np.float32))
    np.testing.assert_allclose(samples[0], expected, rtol=1e-5)


def test_of_very_many_classes_the_first_are_drawn(make_config, split, drawn):
    config = replace(make_config(is_cvae=True), label_names=tuple(f"class {index}" for index in range(60)))
    draw(config, split._replace(labels=np.eye(60, dtype=np.uint8)[:44]))
    rows, names = drawn["one label a row, the first 40 of 60, one z a column"]
    assert len(rows) == 40 and names == list(config.label_names[:40])


def test_pictures_in_colour(make_config, split, drawn):
    config = replace(make_config(likelihood="discretized_logistic"), image_shape=(8, 8, 3))
    colour = split._replace(images=np.repeat(split.images, 3, axis=-1) // np.array([1, 2, 4], np.uint8))
    draw(config, colour)
    rows, _ = drawn["reconstructions"]
    np.testing.assert_allclose(rows[0], colour.images[:10] / 255.0, rtol=1e-6)
    assert drawn["samples"][0].shape == (1, 10, 8, 8, 3)


def test_fewer_images_than_columns_are_enough(make_config, split, drawn):
    few = split._replace(images=split.images[:3], labels=split.labels[:3])
    draw(make_config(is_cvae=True), few)
    assert drawn["reconstructions"][0].shape[1] == 3
    assert drawn["interpolation between pairs of test images, first and last column"][0].shape[:2] == (1, 12)
    _, pictures = draw(make_config(), split._replace(images=split.images[:1], labels=split.labels[:1]))
    assert list(pictures) == ["samples", "reconstructions"]


HIERARCHY = {"hierarchical": True, "latent_size": (4, 3, 2), "likelihood": "mse"}


@pytest.mark.parametrize("is_cvae", [False, True])
def test_a_level_is_shown_by_drawing_it_and_those_below_anew(make_config, split, drawn, is_cvae):
    model, pictures = draw(make_config(**HIERARCHY, is_cvae=is_cvae), split)
    assert [name for name in pictures if name.startswith("resampled")] == [
        "resampled_z2",
        "resampled_z1",
    ]
    labels = split.labels[:5].astype(np.float32) if is_cvae else None
    batch = Batch(split.images[:5] / np.float32(255), labels)
    codes = model.encode(batch)
    repeated = None if labels is None else np.repeat(labels, 9, axis=0)
    for index, name in ((1, "z2"), (2, "z1")):
        rows, _ = drawn[f"what {name} adds"]
        assert rows.shape == (5, 10, 8, 8, 1)
        np.testing.assert_allclose(rows[:, 0], batch.images, rtol=1e-6)
        kept = tuple(np.repeat(code, 9, axis=0) for code in codes[:index])
        expected = model.sample(45, noise_seed(0, Stream.LEVELS), repeated, codes=kept)
        np.testing.assert_allclose(rows[:, 1:].reshape(45, 8, 8, 1), expected, rtol=1e-4, atol=1e-5)


def test_top_levels_alone_reconstruct_less_and_all_of_them_what_decoding_gives(make_config, split, drawn):
    model, _ = draw(make_config(**HIERARCHY), split)
    rows, names = drawn["reconstructions from the top levels only"]
    assert names == ["test image", "from z3", "from z3 to z2", "from z3 to z1"]
    batch = Batch(split.images[:10] / np.float32(255), None)
    codes = model.encode(batch)
    for count in (1, 2, 3):
        np.testing.assert_allclose(rows[count], model.decode(codes[:count]).mean, rtol=1e-4, atol=1e-5)


def test_each_temperature_has_its_row_and_the_noise_of_the_others(make_config, split, drawn):
    model, _ = draw(make_config(**HIERARCHY), split)
    rows, names = drawn["samples, standard deviations of every prior times the temperature"]
    assert names == [f"temperature {value:g}" for value in always.TEMPERATURES]
    for row, temperature in zip(rows, always.TEMPERATURES, strict=True):
        expected = model.sample(10, noise_seed(0, Stream.SAMPLES), None, temperature)
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_the_curve_has_a_line_for_each_level(make_config):
    rows = [
        {
            "split": "train",
            "step": step,
            "epoch": step // 3,
            "loss": 3.0,
            "distortion": 1.0,
            "rate_per_level": [0.5, 1.0 * step, 2.0],
        }
        for step in (1, 2, 3)
    ]
    rows.append(
        {
            "split": "validation",
            "step": 3,
            "epoch": 1,
            "elbo": -3.0,
            "loss": 3.0,
            "rate_per_level": [1, 1, 1],
            "active_units": [1, 2, 4],
        }
    )
    figure = always.draw_loss_curve(make_config(**HIERARCHY), rows)
    drawn = {line.get_label(): line.get_ydata().tolist() for axes in figure.axes for line in axes.lines}
    assert drawn["training KL of z2"] == [1.0, 2.0, 3.0]
    assert drawn["training KL of all levels"] == [3.5, 4.5, 5.5]
    assert [drawn[f"active units of {name}"] for name in ("z3", "z2", "z1")] == [[1], [2], [4]]
    assert drawn["training KL of z3"] == [0.5] * 3
