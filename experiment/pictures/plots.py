"""Arrays -> matplotlib Figures. It saves nothing, and knows no model and no file."""

from functools import cache
from math import ceil

import numpy as np
from anyascii import anyascii
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

DPI = 150
CELL_PIXELS = 96  # approximate side of an image in a grid
MOVING_CELL_PIXELS = 64  # the same in an animation, which has many frames
GRID_PIXELS = 900  # minimum width of a grid with few columns
TITLE_PIXELS = 500  # width to which a title may widen a narrow grid; a longer one is wrapped
GAP = 2  # between images, in pixels of an image
MARGIN = 15
MOST_MARKERS = 30  # epochs that are marked on a curve


@cache
def _letters():
    """The code points that matplotlib's own font can draw."""
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def legible(text):
    """A text as our font can draw it: names in scripts that it lacks are written in Latin letters."""
    return "".join(letter if ord(letter) in _letters() or letter == "\n" else anyascii(letter) for letter in text)


def image_grid(images, title, row_names=None, column_names=None, cell_pixels=CELL_PIXELS):
    """Rows of images under a title. Each image pixel covers the same whole number of figure pixels.

    Args:
        images: [rows, columns, H, W, C] in [0, 1], C = 1 or 3.
        title: one or several lines.
        row_names: a name for each row, or None.
        column_names: a name for each column, or None.
        cell_pixels: approximate width of an image, up to twice that with few columns.

    Returns:
        A Figure.
    """
    title, row_names = legible(title), list(map(legible, row_names or []))
    column_names = list(map(legible, column_names or []))
    num_rows, num_columns, height, width, channels = images.shape
    canvas = np.full((num_rows * (height + GAP) - GAP, num_columns * (width + GAP) - GAP, channels), 255, np.uint8)
    for row in range(num_rows):
        for column in range(num_columns):
            top, left = row * (height + GAP), column * (width + GAP)
            canvas[top : top + height, left : left + width] = np.rint(255 * images[row, column])

    # All sizes below are whole pixels of the figure.
    wanted = max(cell_pixels, min(GRID_PIXELS // num_columns, 2 * cell_pixels))
    scale = max(1, round(wanted / width))
    grid_height, grid_width = scale * canvas.shape[0], scale * canvas.shape[1]
    names = row_names
    left = MARGIN + max((text_pixels(name, 8) + 10 for name in names), default=0)
    figure_width = left + grid_width + MARGIN
    least_width = 2 * MARGIN + min(TITLE_PIXELS, max(text_pixels(line, 9) for line in title.split("\n")))
    figure_width = max(figure_width, least_width)
    lines = [part for line in title.split("\n") for part in wrapped(line, 9, figure_width - 2 * MARGIN)]
    longest = max((text_pixels(name, 8) for name in column_names), default=0)
    is_upright = longest > scale * width
    above = 0 if not longest else 15 + longest if is_upright else 25
    figure_height = MARGIN + 29 * len(lines) + above + grid_height + MARGIN
    figure = Figure(figsize=(figure_width / DPI, figure_height / DPI), dpi=DPI)
    axes = figure.add_axes(
        (left / figure_width, MARGIN / figure_height, grid_width / figure_width, grid_height / figure_height)
    )
    shown = canvas[..., 0] if channels == 1 else canvas
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    columns = column_names
    axes.set_xticks(
        [column * (width + GAP) + width / 2 for column in range(len(columns))],
        columns,
        fontsize=8,
        parse_math=False,
        rotation=90 if is_upright else 0,
    )
    axes.xaxis.tick_top()
    axes.set_yticks(
        [row * (height + GAP) + height / 2 for row in range(len(names))], names, fontsize=8, parse_math=False
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.text(MARGIN / figure_width, 1 - 12 / figure_height, "\n".join(lines), fontsize=9, va="top", parse_math=False)
    return figure


def in_colour(images):
    """Images [..., H, W, C] with three channels, whether they are grey or not."""
    return images if images.shape[-1] == 3 else images.repeat(3, axis=-1)


def heat_colours(values):
    """Values of at least 0, [..., H, W], as colours [..., H, W, 3] from black for 0 to white for the largest."""
    return colormaps["inferno"](values / max(values.max(), 1e-9))[..., :3]


def text_pixels(text, size):
    """The width of a line of text of this size (points) in pixels of a figure."""
    font = get_font(findfont("DejaVu Sans"))
    font.set_size(size, DPI)
    font.set_text(text, 0.0)
    return ceil(font.get_width_height()[0] / 64)  # it counts in 64ths of a pixel


def wrapped(line, size, pixels):
    """A line of text as lines that are no wider than so many pixels, but for words that are."""
    lines = [""]
    for word in line.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and text_pixels(longer, size) > pixels:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def scatter(points, classes, names, title):
    """Points [N, 2] in the colours of their classes [N]; grey if classes is None. `names` are those of the classes."""
    figure = Figure(figsize=(7, 6), dpi=DPI, layout="constrained")
    figure.suptitle(legible(title), fontsize=10, parse_math=False)
    axes = figure.subplots()
    if classes is None:
        axes.scatter(*points.T, s=5, color="tab:gray")
    else:
        for index, (name, colour) in enumerate(colours_of(names).items()):
            # A label that begins with an underscore would be left out of the legend.
            axes.scatter(
                *points[classes == index].T, s=5, color=colour, label=legible(f" {name}" if name[:1] == "_" else name)
            )
        legend = axes.legend(
            fontsize=7, markerscale=3, loc="center left", bbox_to_anchor=(1, 0.5), ncols=1 + len(names) // 30
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure


def loss_curve(train, validation, title):
    """Loss and reconstruction loss over training and validation; the KL of each level, and its active units.

    Args:
        train: a dict of arrays epoch, loss, distortion, and rates, a dict of arrays by level; in nats per image.
        validation: a dict of arrays epoch, elbo, loss, and rates and active_units, dicts of arrays by level.
        title: of the figure.
    """
    figure = Figure(figsize=(13, 4.6), dpi=DPI, layout="constrained")
    figure.suptitle(legible(title), fontsize=10, parse_math=False)
    left, middle, right = figure.subplots(1, 3)
    # Thin, with small markers and none of many epochs: it hides no training curve.
    marker = "." if len(validation["epoch"]) <= MOST_MARKERS else None
    of_validation = {"linewidth": 1, "markersize": 4, "marker": marker}
    left.plot(train["epoch"], train["loss"], label="training loss", color="tab:blue")
    left.plot(train["epoch"], train["distortion"], label="training reconstruction loss", color="tab:green", ls="--")
    left.plot(validation["epoch"], -validation["elbo"], label="validation -ELBO", color="tab:red", **of_validation)
    if not np.allclose(validation["loss"], -validation["elbo"]):
        left.plot(validation["epoch"], validation["loss"], label="validation loss", color="tab:purple", **of_validation)
    left.set_ylim(*_settled_limits(train, validation))
    _note_what_is_above(left, "training loss", train["loss"])
    left.set_ylabel("nats per image")
    total = np.sum(list(train["rates"].values()), axis=0)
    if len(train["rates"]) > 1:
        middle.plot(train["epoch"], total, label="training KL of all levels", color="black", linewidth=1)
    for name, rate in train["rates"].items():
        (line,) = middle.plot(train["epoch"], rate, label=f"training KL of {name}")
        middle.plot(validation["epoch"], validation["rates"][name], color=line.get_color(), ls=":", **of_validation)
    middle.set_ylabel("nats per image")
    highest = [rate.max() for rate in validation["rates"].values() if len(rate)]
    middle.set_ylim(0, 1.1 * max([np.percentile(total, 98), *highest]) + 1e-3)
    _note_what_is_above(middle, "training KL", total)
    for name, num_units in validation["active_units"].items():
        right.plot(validation["epoch"], num_units, label=f"active units of {name}", **of_validation)
    right.set_ylabel("units, on validation images")
    right.set_ylim(bottom=0)
    for axes in (left, middle, right):
        axes.set_xlabel("epoch")
        axes.set_xlim(0, max(1, ceil(max(train["epoch"].max(initial=0), validation["epoch"].max(initial=0)))))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        num_columns, size = (1, 8) if axes is left or len(train["rates"]) < 5 else (3, 6)
        title = "dotted: validation" if axes is middle else None
        # Below the axes, where no curve is.
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16)}
        axes.legend(**below, fontsize=size, ncols=num_columns, title=title, title_fontsize=size)
    return figure


def _note_what_is_above(axes, name, values):
    """A line above the frame on a curve that leaves it: training begins far above all that follows."""
    if len(values) and values.max() > axes.get_ylim()[1]:
        axes.set_title(f"{name} begins above the frame, its highest is {values.max():,.5g}", fontsize=8)


def _settled_limits(train, validation):
    """Limits that show what follows the first tenth of training, which is far above it, and all of validation since."""
    settled = train["loss"][len(train["loss"]) // 10 :]
    validated = np.stack([-validation["elbo"], validation["loss"]])
    shown = np.concatenate([settled, train["distortion"], validated.ravel()])
    since = validated[:, validated.shape[1] // 10 :]
    low, high = shown.min(), max(np.percentile(shown, 98), since.max(initial=-np.inf))
    return low - 0.05 * (high - low) - 1e-3, high + 0.05 * (high - low) + 1e-3


def unit_rates(rates, is_active, title):
    """The rate (KL) of every unit as a bar, sorted within its level, with the unit's number below it where it fits.

    Args:
        rates: nats, a dict of arrays by level. Units are counted through all levels in their order.
        is_active: a dict of arrays by level.
        title: one line.
    """
    figure = Figure(figsize=(13, 3), dpi=DPI, layout="constrained")
    figure.suptitle(legible(title), fontsize=10, parse_math=False)
    axes = figure.subplots()
    start = num_before = 0
    places, numbers = [], []
    for name, rate in rates.items():
        order = np.argsort(-rate, kind="stable")
        active, edges = is_active[name][order], start + np.arange(len(rate) + 1)
        words = f"{name}, {int(active.sum()):,} of {len(rate):,} active"
        shown = axes.stairs(np.where(active, rate[order], 0.0), edges, fill=True, label=words)
        axes.stairs(np.where(active, 0.0, rate[order]), edges, fill=True, color=shown.get_facecolor(), alpha=0.3)
        places += list(edges[:-1] + 0.5)
        numbers += [str(num_before + unit) for unit in order]
        start, num_before = edges[-1] + max(1, len(rate) // 20), num_before + len(rate)
    axes.set_xlabel("units, sorted by rate within their level; pale: not active")
    axes.set_ylabel("rate, nats per image")
    axes.set_xlim(-0.5, edges[-1] + 0.5)
    pixels_per_bar = 0.9 * figure.bbox.width / (edges[-1] + 1)
    is_wide = max(text_pixels(number, 6) for number in numbers) + 4 <= pixels_per_bar
    if is_wide or text_pixels("88", 6) <= pixels_per_bar:
        axes.set_xticks(places, numbers, fontsize=6, rotation=0 if is_wide else 90)
        axes.tick_params(axis="x", length=0, pad=2)
    else:
        axes.set_xticks([])
    axes.legend(loc="upper right", fontsize=8)
    return figure


def validation_curves(curves, title):
    """-ELBO, distortion and rate by epoch: a line for each run, a colour for each group.

    The line of run n has the gid curve-n-m in panel m, by which a page finds it.

    Args:
        curves: pairs of a group's name and a dict of arrays epoch, elbo, distortion and rate, in nats.
        title: one line.
    """
    colours = colours_of(group for group, _ in curves)
    figure = Figure(figsize=(13, 3.6 + _legend_inches(colours)), dpi=DPI, layout="constrained")
    figure.suptitle(legible(title), fontsize=10, parse_math=False)
    terms = {"-ELBO (without beta)": lambda run: -run["elbo"], "distortion": _term("distortion"), "rate": _term("rate")}
    for panel, (axes, (name, value_of)) in enumerate(zip(figure.subplots(1, 3), terms.items(), strict=True)):
        for number, (group, run) in enumerate(curves):
            (line,) = axes.plot(run["epoch"], value_of(run), color=colours[group], marker=".", linewidth=1)
            line.set_gid(f"curve-{number}-{panel}")
        axes.set_title(name, fontsize=9)
        axes.set_ylabel("nats per image")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    _add_legend(figure, colours, marker=".")
    return figure


def _term(name):
    return lambda run: run[name]


LEGEND_CHARACTERS = 150  # of a line of a legend below a figure of 13 inches


def _legend_columns(colours):
    return max(1, min(len(colours), LEGEND_CHARACTERS // (8 + max(map(len, colours)))))


def _legend_inches(colours):
    """The height of the legend that `_add_legend` adds."""
    return 0.18 * -(-len(colours) // _legend_columns(colours))


def _add_legend(figure, colours, **style):
    """A legend below the panels of a figure, group -> colour: it hides no curve, however many groups there are."""
    handles = [Line2D([], [], color=colour, label=legible(group), **style) for group, colour in colours.items()]
    legend = figure.legend(handles=handles, fontsize=8, loc="outside lower center", ncols=_legend_columns(colours))
    for text in legend.get_texts():
        text.set_parse_math(False)


def rate_distortion(points, title):
    """Points (group, rate, distortion) in nats, over lines of equal ELBO."""
    colours = colours_of(group for group, *_ in points)
    figure = Figure(figsize=(7 + 0.075 * max(map(len, colours)), 5.5), dpi=DPI, layout="constrained")
    figure.suptitle(legible(title), fontsize=10, parse_math=False)
    axes = figure.subplots()
    for group, colour in colours.items():
        places = np.array([place for name, *place in points if name == group])
        axes.scatter(*places.T, color=colour, s=40, zorder=3, label=legible(group))
    legend = figure.legend(fontsize=8, loc="outside right center")
    for text in legend.get_texts():
        text.set_parse_math(False)
    axes.margins(0.15)
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    grid_rate, grid_distortion = np.meshgrid(np.linspace(left, right, 50), np.linspace(low, high, 50))
    lines = axes.contour(grid_rate, grid_distortion, -grid_rate - grid_distortion, 8, colors="tab:gray", linewidths=0.6)
    axes.clabel(lines, fmt="ELBO %g", fontsize=7)
    axes.set_xlabel("rate, nats per image")
    axes.set_ylabel("distortion, nats per image")
    return figure


def panels(numbers, title):
    """A panel for each number and a row for each group: its values as points, and their mean with its interval.

    Args:
        numbers: title of a number -> group -> (values, mean, half width of the interval or None).
        title: one line.
    """
    names = list(next(iter(numbers.values())))
    num_columns = min(4, len(numbers))
    num_rows = -(-len(numbers) // num_columns)
    width, height = 0.075 * max(map(len, names)) + 2.9 * num_columns, 0.8 + max(1.2, 0.3 * len(names))
    figure = Figure(figsize=(max(7, width), 0.5 + height * num_rows), dpi=DPI, layout="constrained")
    figure.suptitle(legible(title), fontsize=10, parse_math=False)
    everywhere = figure.subplots(num_rows, num_columns, squeeze=False, sharey=True).ravel()
    for axes in everywhere[len(numbers) :]:
        axes.set_axis_off()
    for axes, (name, groups) in zip(everywhere, numbers.items(), strict=False):
        for at, (values, mean, half_width) in enumerate(groups.values()):
            axes.plot(values, [at] * len(values), ".", color="tab:blue")
            if half_width is not None:
                axes.errorbar(mean, at + 0.2, xerr=half_width, fmt="|", color="black", capsize=3)
        axes.set_title(name, fontsize=9, parse_math=False)
        axes.tick_params(labelsize=8)
        are_whole = all(float(value).is_integer() for values, *_ in groups.values() for value in values)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=are_whole))
        axes.grid(alpha=0.3)
    everywhere[0].set_yticks(range(len(names)), list(map(legible, names)), parse_math=False)
    everywhere[0].set_ylim(len(names) - 0.5, -0.5)  # the first group on top, as in the table
    return figure


def heat_map(values, texts, names, title):
    """A number for each pair of settings as a colour and as text; a frame around the highest.

    Args:
        values: [rows, columns]; NaN where there is none.
        texts: [rows, columns], what is written into each cell.
        names: what the rows are -> their names, what the columns are -> their names.
        title: one or two lines.
    """
    num_rows, num_columns = values.shape
    longest = max(map(len, texts.ravel()))
    size = (2.6 + num_columns * max(1.0, 0.09 * longest), 1.8 + 0.6 * num_rows)
    figure = Figure(figsize=(max(size[0], 0.075 * max(map(len, title.split("\n"))) + 0.5), size[1]), dpi=DPI)
    figure.set_layout_engine("constrained")
    figure.suptitle(legible(title), fontsize=9, parse_math=False)
    axes = figure.subplots()
    image = axes.imshow(values, cmap="viridis", aspect="auto")
    figure.colorbar(image, ax=axes).ax.tick_params(labelsize=8)
    for (row, column), text in np.ndenumerate(texts):
        colour = "black" if image.norm(values[row, column]) > 0.6 else "white"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour, parse_math=False)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    axes.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, fill=False, edgecolor="red", linewidth=2))
    (row_axis, row_names), (column_axis, column_names) = names.items()
    axes.set_yticks(range(num_rows), row_names, fontsize=8, parse_math=False)
    axes.set_xticks(range(num_columns), column_names, fontsize=8, parse_math=False)
    axes.set_ylabel(row_axis, parse_math=False)
    axes.set_xlabel(column_axis, parse_math=False)
    return figure


def colours_of(groups):
    """A colour for each group, in order of first appearance."""
    names = list(dict.fromkeys(groups))
    return dict(zip(names, colormaps["tab10" if len(names) <= 10 else "turbo"](_spread(len(names))), strict=True))


def _spread(number):
    """Positions of `number` colours in a colour map: the first of ten, or evenly spread."""
    return np.arange(number) if number <= 10 else np.linspace(0, 1, number)
