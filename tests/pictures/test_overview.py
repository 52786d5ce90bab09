"""The picture of a run on photographs: samples stand above the training images nearest to them."""

import numpy as np

from experiment.evaluation.left_out import LeftOut
from experiment.pictures import photographs
from experiment.pictures.photographs import draw_photographs, nearest
from image_data.splits import Dataset, Split
from models.build import build_model


def test_the_nearest_image_and_its_distance(monkeypatch):
    monkeypatch.setattr(photographs, "COMPARED_AT_ONCE", 3)
    among = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 3), dtype=np.uint8)
    images = among[[7, 2, 9]] / 255 + 0.01
    indices, distances = nearest(images, among)
    np.testing.assert_array_equal(indices, [7, 2, 9])
    np.testing.assert_allclose(distances, 0.01, rtol=1e-2)


def test_the_overview_has_images_reconstructions_and_samples_with_what_they_resemble(make_config, monkeypatch):
    seen = []
    monkeypatch.setattr(
        photographs, "image_grid", lambda images, title, names, **_: seen.append((images, title, names))
    )
    config = make_config(dataset="folder", image_size=8, image_shape=(8, 8, 3), network="mlp", hidden_sizes=(16,))
    splits = [Split(np.random.default_rng(seed).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)) for seed in range(3)]
    left_out = LeftOut()
    draw_photographs(build_model(config), config, Dataset(*splits), splits[2], left_out)
    assert not left_out
    ((images, title, names),) = seen
    assert images.shape == (6, 8, 8, 8, 3)
    assert names[:3] == ["test image", "reconstruction", "sample, temperature 1"] and "sample, temperature 0.7" in names
    np.testing.assert_allclose(images[0], splits[2].images[:8] / 255, rtol=1e-6)
    for samples, found in ((2, 3), (4, 5)):
        indices, distances = nearest(images[samples], splits[0].images)
        np.testing.assert_allclose(images[found], splits[0].images[indices] / 255, rtol=1e-6)
        assert names[found] == f"nearest to it, {distances.mean():.3f} away"
    assert "nearest of 20 training images" in title


def test_other_images_have_no_overview(make_config):
    assert draw_photographs(None, make_config(), None, None, LeftOut()) == {}
