"""Drawn faces are read as CelebA is, with their attributes."""

import numpy as np

from benchmarks.drawn_faces import ATTRIBUTES, draw_face, draw_faces
from data_utils import load_dataset
from image_data.photographs import Reading


def test_drawn_faces_are_read_as_celeba_with_their_attributes(tmp_path):
    draw_faces(tmp_path / "faces", 12)
    dataset = load_dataset("celeba", tmp_path / "faces", reading=Reading(image_size=16, cache_dir=tmp_path / "cache"))
    assert dataset.label_names == ATTRIBUTES
    splits = (dataset.train, dataset.validation, dataset.test)
    assert sum(len(split.images) for split in splits) == 12
    generator = np.random.default_rng(0)
    expected = sum(draw_face(generator)[1].astype(int) for _ in range(12))
    np.testing.assert_array_equal(sum(split.labels.sum(axis=0, dtype=int) for split in splits), expected)
