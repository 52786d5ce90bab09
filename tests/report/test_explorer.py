"""The latent explorer of a report, in a real browser, against the Keras decoder."""

import numpy as np
import pytest
import tensorflow as tf
from browser import opened, pixels_of
from conftest import units_of

from experiment.pictures.codes import decode_moved
from experiment.report.explorer import explorer_data, is_small
from experiment.report.page import explorer, page
from experiment.training.preprocessing import make_batch
from image_data.splits import Split
from models.build import build_model

NETWORKS = {
    "dense": {},
    "gaussian": {"likelihood": "gaussian"},
    "discretized": {"likelihood": "discretized_logistic", "network": "conv", "hidden_sizes": (4, 6), "num_features": 8},
    "gated": {"network": "gated", "hidden_sizes": (6, 5), "num_blocks": 1},
    "transposed": {
        "network": "conv",
        "hidden_sizes": (4, 6),
        "activation": "leaky_relu",
        "encoder_normalization": "batch",
        "decoder_normalization": "batch",
        "num_features": 0,
        "image_shape": (16, 8, 3),
        "binarization": "none",
    },
    "resized": {
        "network": "conv",
        "hidden_sizes": (4, 6),
        "activation": "tanh",
        "decoder_normalization": "instance",
        "upsampling": "resize",
        "num_features": 8,
        "num_blocks": 1,
        "is_cvae": True,
    },
}


def made(make_config, split, **settings):
    """A model whose weights are all random, on images of its shape, its Config and those images as a Split."""
    config = make_config(**settings)
    model = build_model(config)
    generator = np.random.default_rng(0)
    for weight in model.weights:  # those that begin at zero or one too: blocks, biases, running statistics
        weight.assign(weight + generator.uniform(0.0, 0.3, weight.shape))
    images = generator.integers(0, 256, (12, *config.image_shape), dtype=np.uint8)
    return model, config, Split(images, split.labels[:12] if config.is_cvae else None)


def write(path, model, config, split):
    units = units_of(model, config, split)
    data = explorer_data(model, config, units, split)
    path.write_text(page("a model", [explorer(data, units.num_images)]))
    return data, units


def as_bytes(images):
    """[H, W, C] in [0, 1] -> uint8 [H, W, 3] as a canvas would hold them."""
    return np.broadcast_to(np.rint(255 * np.asarray(images)), (*images.shape[:2], 3)).astype(int)


def assert_same(pixels, expected, tolerance=1):
    assert np.abs(pixels.astype(int) - as_bytes(expected)).max() <= tolerance


@pytest.mark.parametrize("settings", [{"prior": "mixture", "num_components": 3}, {"prior": "class", "is_cvae": True}])
def test_codes_of_another_prior_are_drawn_beforehand(make_config, split, tmp_path, settings):
    model, config, images = made(make_config, split, **settings)
    data, _ = write(tmp_path / "report.html", model, config, images)
    z, y = (np.array([draw[name] for draw in data["draws"]], np.float32) for name in "zy")
    prior = model.prior(len(z), y)
    assert z.shape == (50, 3) and np.all(np.abs((z - prior.mean) / prior.stddev) < 5)
    np.testing.assert_allclose(data["starts"][-1]["z"], model.prior(1, y[:1]).mean[0], rtol=1e-6)
    if config.is_cvae:
        np.testing.assert_array_equal(y[:8], images.labels[:8])
    with opened(tmp_path / "report.html") as shown:
        shown.click("button[name=random]")
        drawn = pixels_of(shown).astype(int)
    decoded = model.decode((tf.constant(z),), tf.constant(y) if config.is_cvae else None).mean.numpy()
    assert min(np.abs(drawn - as_bytes(each)).max() for each in decoded) <= 1


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_sliders_decode_live_what_keras_decodes(make_config, split, tmp_path, settings):
    model, config, images = made(make_config, split, **settings)
    data, _ = write(tmp_path / "report.html", model, config, images)
    assert data["kind"] == "live"
    batch = make_batch(images.images, images.labels)
    codes = model.encode(batch)[0].numpy()

    def decoded(z, y):
        labels = None if y is None else tf.constant(y[np.newaxis], tf.float32)
        return model.decode((tf.constant(z[np.newaxis]),), labels).mean[0].numpy()

    with opened(tmp_path / "report.html") as shown:
        y = images.labels[0] if config.is_cvae else None
        z = codes[0].copy()
        before = pixels_of(shown)
        assert_same(before, decoded(z, y))
        unit = data["units"][0]
        for value in (-2.5, 1.75):
            shown.fill(f"input[name='{unit['name']}']", str(value))
            z[unit["index"]] = value
            assert_same(pixels_of(shown), decoded(z, y))
        assert (pixels_of(shown) != before).any()
        shown.select_option("select[name=start]", label="test image 2")
        y = images.labels[2] if config.is_cvae else None
        assert_same(pixels_of(shown), decoded(codes[2], y))
        if config.is_cvae:
            other = (int(y.argmax()) + 1) % len(y)
            shown.select_option("select[name=label]", index=other)
            assert_same(pixels_of(shown), decoded(codes[2], np.eye(len(y), dtype=np.float32)[other]))
        before = pixels_of(shown)
        shown.click("button[name=random]")
        assert (pixels_of(shown) != before).any()
        shown.select_option("select[name=start]", label="test image 2")  # the way back
        assert_same(pixels_of(shown), decoded(codes[2], y))
        assert shown.errors == []
        assert [url for url in shown.asked if not url.startswith(("file:", "data:"))] == []


def test_attributes_are_boxes(make_config, split, tmp_path):
    model, config, images = made(make_config, split, is_cvae=True, has_attributes=True)
    labels = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1]] * 4, np.uint8)
    images = images._replace(labels=labels)
    write(tmp_path / "report.html", model, config, images)
    code = model.encode(make_batch(images.images[:1], labels[:1]))
    with opened(tmp_path / "report.html") as shown:
        shown.check("input[name=one]")
        assert_same(pixels_of(shown), model.decode(code, tf.constant([[1.0, 1.0, 1.0]])).mean[0].numpy())
        shown.uncheck("input[name=zero]")
        assert_same(pixels_of(shown), model.decode(code, tf.constant([[0.0, 1.0, 1.0]])).mean[0].numpy())


HIERARCHY = {"hierarchical": True, "latent_size": (4, 3), "free_nats": 0.0}
HIERARCHIES = {
    "hvae": HIERARCHY,
    "chvae": {**HIERARCHY, "is_cvae": True},
    "one level": {**HIERARCHY, "latent_size": 4},
    "chain": {**HIERARCHY, "hierarchy": "chain"},
}


@pytest.mark.parametrize("settings", HIERARCHIES.values(), ids=HIERARCHIES)
def test_sliders_choose_among_images_decoded_beforehand(make_config, split, tmp_path, settings):
    model, config, images = made(make_config, split, **settings)
    data, units = write(tmp_path / "report.html", model, config, images)
    assert data["kind"] == "grid"
    moved = units.by_rate[: len(data["units"])]
    assert len(moved) == (2 if config.is_cvae else 3)
    batch = make_batch(images.images[:1], images.labels[:1] if config.is_cvae else None)
    latents = model.infer(model.bottom_up(batch), batch.labels, (0, 0), 0.0).latents
    shifts = np.concatenate([np.ravel((each.z - each.prior.mean) / each.prior.stddev) for each in latents])
    values = np.clip(np.rint(shifts[moved]), -3, 3)  # it begins next to the image's own code, with its label
    label = batch.labels
    with opened(tmp_path / "report.html") as shown:
        shown.wait_for_function("document.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1).data[3]")
        expected = decode_moved(model, config, batch, moved, values[np.newaxis], label)[0]
        assert np.abs(pixels_of(shown).astype(int) - as_bytes(expected)).mean() < 6, "but for JPEG"
        for index, value in ((0, 2.0), (1, -3.0)):
            shown.fill(f"input[name='{data['units'][index]['name']}']", str(value))
            values[index] = value
            expected = decode_moved(model, config, batch, moved, values[np.newaxis], label)[0]
            assert np.abs(pixels_of(shown).astype(int) - as_bytes(expected)).mean() < 6, "but for JPEG"
        if config.is_cvae:
            label = np.eye(3, dtype=np.float32)[2:]
            shown.select_option("select[name=label]", index=2)
            expected = decode_moved(model, config, batch, moved, values[np.newaxis], label)[0]
            assert np.abs(pixels_of(shown).astype(int) - as_bytes(expected)).mean() < 6
        assert shown.errors == []


def test_decoders_beyond_a_browser_are_decoded_beforehand(make_config):
    assert not is_small(build_model(make_config(hidden_sizes=(1500, 1500))), make_config(hidden_sizes=(1500, 1500)))
    wide = make_config(
        image_shape=(64, 64, 3), network="conv", hidden_sizes=(128, 128), num_features=0, likelihood="mse"
    )
    assert not is_small(build_model(wide), wide), "too many products"
