"""Images of many codes, a few at a time."""

import numpy as np
import pytest

from experiment import images
from experiment.images import decode_means
from models import build_model


@pytest.mark.parametrize("settings", [{}, {"is_cvae": True}, {"hierarchical": True, "latent_size": (4, 3)}])
def test_they_are_those_of_one_call(make_config, monkeypatch, settings):
    monkeypatch.setattr(images, "AT_ONCE", 3)
    config = make_config(**settings)
    model = build_model(config)
    generator = np.random.default_rng(0)
    codes = [generator.normal(size=(7, *shape)).astype(np.float32) for shape in reversed(config.level_shapes)]
    labels = np.eye(3, dtype=np.float32)[generator.integers(0, 3, 7)] if config.is_cvae else None
    expected = model.decode(tuple(codes), labels).mean.numpy()
    np.testing.assert_allclose(decode_means(model, codes, labels), expected, atol=1e-6)
