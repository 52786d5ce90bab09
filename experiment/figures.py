"""Arrays -> matplotlib Figures. Saves nothing, knows no model and no file."""

import numpy as np
from matplotlib.figure import Figure

DPI = 150
CELL_INCHES = 0.62  # side of an image in a grid
GAP = 2  # pixels between images


def image_grid(images, title, row_names=None):
    """Rows of images under a title.

    Args: images [rows, columns, H, W, C] in [0, 1], C = 1 or 3; row_names, a name for each row or None.
    """
    num_rows, num_columns, height, width, channels = images.shape
    canvas = np.ones((num_rows * (height + GAP) - GAP, num_columns * (width + GAP) - GAP, channels))
    for row in range(num_rows):
        for column in range(num_columns):
            top, left = row * (height + GAP), column * (width + GAP)
            canvas[top : top + height, left : left + width] = images[row, column]

    names = row_names or []
    name_inches = 0.1 + 0.075 * max((len(name) for name in names), default=0)
    title_inches = 0.1 + 0.19 * (1 + title.count("\n"))
    scale = CELL_INCHES * max(1.0, 6 / num_columns)
    grid_width, grid_height = scale * num_columns, scale * num_rows * height / width
    # A title may be wider than a narrow grid.
    title_width = 0.085 * max(map(len, title.split("\n")))
    figure_width = max(name_inches + grid_width + 0.1, title_width)
    figure_height = title_inches + grid_height + 0.1
    figure = Figure(figsize=(figure_width, figure_height), dpi=DPI)
    axes = figure.add_axes(
        (name_inches / figure_width, 0.1 / figure_height, grid_width / figure_width, grid_height / figure_height)
    )
    axes.imshow(canvas.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([row * (height + GAP) + height / 2 for row in range(len(names))], names, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.text(0.1 / figure_width, 1 - 0.08 / figure_height, title, fontsize=9, va="top")
    return figure


def loss_curve(train, validation, title):
    """Loss, distortion and rate over training, beside the validation ELBO.

    Args: train, a dict of arrays step, loss, distortion, rate; validation, a dict of arrays step and elbo; in nats.
    """
    figure = Figure(figsize=(9, 3.6), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=10)
    left, right = figure.subplots(1, 2)
    left.plot(train["step"], train["loss"], label="training loss", color="tab:blue")
    left.plot(train["step"], train["distortion"], label="training distortion", color="tab:green", linestyle="--")
    left.plot(validation["step"], -validation["elbo"], label="validation -ELBO", color="tab:red", marker=".")
    # The first steps are far above everything that follows; a reader wants to see what follows.
    settled = train["loss"][len(train["loss"]) // 10 :]
    finite = np.concatenate([settled, train["distortion"], -validation["elbo"]])
    left.set_ylim(0.95 * finite.min() if finite.min() > 0 else None, 1.05 * np.percentile(finite, 98))
    left.set_ylabel("nats per image")
    right.plot(train["step"], train["rate"], label="training rate (KL)", color="tab:orange")
    right.set_ylabel("nats per image")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure
