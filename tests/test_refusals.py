"""Pictures that cannot be drawn, refused before anything is read."""

import pytest

from experiment.refusals import ConfigError


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"interpolate": ("0", "1", "2")}, "--interpolate 0 1 2: expected pairs, an even number of images"),
        ({"traverse_units": (1,)}, "--traverse_units and --traverse_range: expected --traverse with them"),
        (
            {"traverse": ("0",), "traverse_units": (1, 3)},
            r"--traverse_units 1 3: 3 units reach the image; expected 0 to 2",
        ),
        ({"manifold": True}, "--manifold with --latent_size 3: only a model of two units has a plane of codes"),
        ({"embed": True, "latent_size": 1}, "--embed with --latent_size 1: one unit has no plane"),
        ({"relabel": ("0",)}, "--relabel 0: this model knows no labels; expected one trained with --is_cvae"),
        ({"traverse_range": 0.0}, r"--traverse_range 0.0: expected a number above 0"),
    ],
)
def test_pictures_that_cannot_be_drawn_are_refused(make_config, settings, message):
    with pytest.raises(ConfigError, match=message):
        make_config(**settings)
