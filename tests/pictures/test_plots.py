"""Figures show the arrays that they were given, where they should be."""

import io

import numpy as np
from PIL import Image

from experiment.pictures.plots import DPI, image_grid, legible, loss_curve, scatter, unit_rates


def render(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def test_images_stand_in_their_rows_and_columns_right_side_up_in_true_colours():
    images = np.zeros((2, 3, 4, 4, 3))
    images[0, 0, :2, :, 0] = 1.0  # upper half red
    images[1, 2, :, 2:, 2] = 1.0  # right half blue
    figure = image_grid(images, "a title", ["first row", "second row"])
    pixels = render(figure).astype(int)
    red = np.argwhere((pixels == [255, 0, 0]).all(axis=-1))
    blue = np.argwhere((pixels == [0, 0, 255]).all(axis=-1))
    assert len(red) > 100 and len(blue) > 100
    assert red[:, 0].max() < blue[:, 0].min() and red[:, 1].max() < blue[:, 1].min()
    # An image's other half is black, below the red and left of the blue.
    assert (pixels[red[:, 0].max() + 5, red[:, 1].max() - 5] == 0).all()
    assert (pixels[blue[:, 0].max() - 5, blue[:, 1].min() - 5] == 0).all()


def test_names_are_no_formulas():
    render(image_grid(np.zeros((1, 1, 8, 8, 1)), "a $title^$", ["b$_$"]))


def test_nothing_is_cut_off():
    for columns, title in ((1, "a very long title over a single narrow column of images"), (12, "short")):
        pixels = render(image_grid(np.zeros((3, columns, 8, 8, 1)), title, ["a long name of a row"] * 3))
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge == 255).all()
        assert pixels.shape[0] > DPI / 2


def test_loss_curve_shows_all_its_curves():
    steps = np.arange(1, 21)
    train = {"epoch": steps, "loss": 300.0 / steps, "distortion": 200.0 / steps, "rates": {"z": 100.0 / steps}}
    nll = 300.0 / steps[::5]
    kl = {"z": 90.0 / steps[::5]}
    validation = {"epoch": steps[::5], "elbo": -nll, "loss": nll - 5, "rates": kl, "active_units": {"z": steps[::5]}}
    figure = loss_curve(train, validation, "a title")
    drawn = {line.get_label(): line.get_ydata() for axes in figure.axes for line in axes.lines}
    assert any(np.array_equal(line.get_ydata(), kl["z"]) for line in figure.axes[1].lines)
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch"] * 3
    np.testing.assert_array_equal(drawn["training loss"], train["loss"])
    np.testing.assert_array_equal(drawn["training reconstruction loss"], train["distortion"])
    np.testing.assert_array_equal(drawn["training KL of z"], train["rates"]["z"])
    np.testing.assert_array_equal(drawn["validation -ELBO"], nll)
    np.testing.assert_array_equal(drawn["validation loss"], nll - 5)
    np.testing.assert_array_equal(drawn["active units of z"], steps[::5])
    render(figure)


def test_a_loss_curve_below_zero_is_in_sight():
    steps = np.arange(1, 21)
    negative = -1300.0 - steps
    train = {"epoch": steps, "loss": negative, "distortion": negative, "rates": {"z": np.ones(20)}}
    validation = {
        "epoch": steps,
        "elbo": -negative,
        "loss": negative,
        "rates": {"z": np.ones(20)},
        "active_units": {"z": steps},
    }
    left = loss_curve(train, validation, "a title").axes[0]
    assert "validation loss" not in {line.get_label() for line in left.lines}, "the -ELBO says the same"
    low, high = left.get_ylim()
    assert low < negative.min() and high > negative.max()


def test_every_pixel_of_an_image_is_shown_alike():
    image = np.random.default_rng(0).integers(0, 2, (1, 10, 128, 128, 1)).astype(float)
    figure = image_grid(image, "noise")
    pixels = render(figure)[..., 0]
    extent = figure.axes[0].get_window_extent()
    top, left = pixels.shape[0] - round(extent.y1), round(extent.x0)
    shown = pixels[top : top + 128, left : left + 128] / 255
    np.testing.assert_array_equal(shown, image[0, 0, :, :, 0])


def test_a_loss_curve_of_a_single_call_can_be_drawn():
    one = {name: np.array([1.0]) for name in ("epoch", "loss", "distortion", "elbo")}
    rates = {"rates": {"z": np.array([1.0])}}
    render(loss_curve(one | rates, one | rates | {"active_units": {"z": np.array([1])}}, "a title"))
    none = {name: np.array([]) for name in ("epoch", "loss", "elbo")}
    render(loss_curve(one | rates, none | {"rates": {"z": np.array([])}, "active_units": {"z": np.array([])}}, "none"))


def test_validation_that_goes_up_is_in_sight():
    epochs = np.arange(1.0, 21.0)
    falling, rising = 100.0 / epochs, 20.0 + epochs**2
    train = {"epoch": epochs, "loss": falling, "distortion": falling, "rates": {"z": epochs}}
    validation = {
        "epoch": epochs,
        "elbo": -rising,
        "loss": rising,
        "rates": {"z": 9 * epochs},
        "active_units": {"z": epochs},
    }
    left, middle, _ = loss_curve(train, validation, "overfitting").axes
    assert left.get_ylim()[1] > rising.max() and middle.get_ylim()[1] > 9 * 20


def test_names_in_any_script_are_legible(recwarn):
    assert [legible(name) for name in ("cat", "кошка", "猫", "बिल्ली")] == ["cat", "кошка", "Mao", "billi"]
    render(image_grid(np.zeros((1, 1, 8, 8, 1)), "森林", ["猫"], ["बिल्ली"]))
    render(scatter(np.zeros((4, 2)), np.array([0, 1, 0, 1]), ("猫", "犬"), "森林"))
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_a_long_title_is_wrapped_and_does_not_widen_a_narrow_grid():
    words = "CVAE, conv, on mnist: interpolation of z and label y between posterior means"
    figure = image_grid(np.zeros((1, 2, 28, 28, 1)), f"{words}\nthere and back", column_names=["straight", "spherical"])
    figure.canvas.draw()
    width, (title,) = figure.bbox.width, figure.texts
    assert title.get_text().replace("\n", " ") == f"{words} there and back"
    assert title.get_window_extent().x1 <= width
    assert figure.axes[0].bbox.width > 0.7 * width
    assert {label.get_rotation() for label in figure.axes[0].get_xticklabels()} == {0}


def falling(num_epochs, steps_per_epoch=10):
    """Curves for loss_curve that begin far above what follows."""
    steps, epochs = np.arange(1, steps_per_epoch * num_epochs + 1) / steps_per_epoch, np.arange(1.0, num_epochs + 1)
    train, validation = 100 + 400 * np.exp(-5 * steps), 100 + 400 * np.exp(-5 * epochs)
    units = {"rates": {"z": epochs}, "active_units": {"z": epochs}}
    return {"epoch": steps, "loss": train, "distortion": train, "rates": {"z": steps}}, {
        "epoch": epochs,
        "elbo": -validation,
        "loss": validation,
        **units,
    }


def test_what_leaves_the_frame_of_a_loss_curve_is_noted():
    train, validation = falling(10)
    left, middle, _ = loss_curve(train, validation, "a title").axes
    assert left.get_ylim()[1] < train["loss"].max()
    assert left.get_title() == f"training loss begins above the frame, its highest is {train['loss'].max():.5g}"
    flat = {**train, "loss": train["distortion"] * 0 + 100.0, "distortion": train["distortion"] * 0 + 90.0}
    assert loss_curve(flat, validation, "a title").axes[0].get_title() == ""


def test_legends_of_a_loss_curve_lie_below_it_and_ticks_are_whole_epochs():
    for num_epochs in (1, 3, 40):
        figure = loss_curve(*falling(num_epochs), "a title")
        figure.canvas.draw()
        for axes in figure.axes:
            assert axes.get_legend().get_window_extent().y1 <= axes.get_window_extent().y0
            ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= num_epochs]
            assert len(ticks) > 1 and all(tick == int(tick) for tick in ticks)
            shown = [line.get_color() for line in axes.get_legend().get_lines()]
            assert shown == [line.get_color() for line in axes.lines if not line.get_label().startswith("_")]


def test_bars_of_units_bear_their_numbers_where_these_fit():
    rates = {"z2": np.array([0.1, 3.0, 2.0]), "z1": np.array([1.0, 4.0])}
    active = {name: rate > 0.5 for name, rate in rates.items()}
    axes = unit_rates(rates, active, "a title").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "0", "4", "3"]
    np.testing.assert_allclose(axes.get_xticks(), [0.5, 1.5, 2.5, 4.5, 5.5])
    many = unit_rates({"z": np.arange(500.0)}, {"z": np.ones(500, bool)}, "a title").axes[0]
    assert len(many.get_xticks()) == 0
