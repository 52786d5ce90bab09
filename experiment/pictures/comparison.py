"""The pictures of a study: its runs side by side."""

import numpy as np

from experiment.evaluation.seeds import has_intervals, numbers_of, shown, summarise, title_of
from experiment.pictures.captions import labels_for, likelihood_of, posterior_of, prior_of
from experiment.pictures.plots import heat_map, image_grid, panels, rate_distortion, validation_curves
from experiment.settings.axes import number_of, short
from experiment.training.preprocessing import make_batch
from image_data.splits import take
from models.noise import Stream, noise_seed

COLUMNS = 10


def draw_curves(compared):
    """Validation -ELBO, distortion and rate of every run, by epoch. Line n of a panel is that of run n."""
    curves = []
    for run in compared:
        rows = [row for row in run.rows if row["split"] == "validation"]
        arrays = {name: np.array([row[name] for row in rows]) for name in ("epoch", "elbo", "distortion", "rate")}
        curves.append((run.group, arrays))
    return validation_curves(curves, f"{_names_of(_configs(compared))}: validation images, a line for each run")


def draw_rate_distortion(compared):
    """Rate (KL) against distortion (reconstruction loss) on test images, a point for each run. Alemi et al. (2018)."""
    points = [(run.group, run.test["rate"], run.test["distortion"]) for run in compared]
    return rate_distortion(points, f"{_names_of(_configs(compared))}: rate against distortion, a point for each run")


def draw_heat_map(compared, axes):
    """The ELBO of the test images, a mean over seeds, for each combination of two settings that are numbers.

    Args:
        compared: runs as Compared.
        axes: the names of the two settings.
    """
    summary = summarise(compared)
    at = {run.group: tuple(number_of(getattr(run.config, axis)) for axis in axes) for run in compared}
    rows, columns = (sorted({numbers[axis] for numbers in at.values()}) for axis in (0, 1))
    values = np.full((len(rows), len(columns)), np.nan)
    texts = np.full(values.shape, "", object)
    for group, (row, column) in at.items():
        index = rows.index(row), columns.index(column)
        values[index], texts[index] = summary[group]["elbo"].mean, shown("elbo", summary[group]["elbo"])
    over = "mean over seeds, " if has_intervals(compared) else ""
    title = f"{_names_of(_configs(compared))}: {title_of('elbo')} per test image\n{over}framed: the best (highest)"
    names = {axes[0]: list(map(short, rows)), axes[1]: list(map(short, columns))}
    return heat_map(values, texts, names, title)


def draw_numbers(compared):
    """A panel for each number and a point for each run. Several seeds also show their mean and its interval."""
    summary = summarise(compared)
    keys = [key for key in next(iter(summary.values())) if key not in ("distortion", "rate")]
    values = {
        title_of(key): {
            group: (
                [numbers_of(run.test)[key] for run in compared if run.group == group],
                means[key].mean,
                means[key].half_width,
            )
            for group, means in summary.items()
        }
        for key in keys
    }
    intervals = "mean and 95 % interval over seeds; " if has_intervals(compared) else ""
    return panels(values, f"{_names_of(_configs(compared))}: {intervals}a point for each run, test images")


def _configs(compared):
    return [run.config for run in compared]


def _either(texts):
    """Texts that may be the same, joined: 'VAE / CVAE'."""
    return " / ".join(dict.fromkeys(texts))


def _names_of(configs):
    """'VAE on mnist', or 'VAE / CVAE on mnist', for titles."""
    return f"{_either(config.model.upper() for config in configs)} on {configs[0].dataset}"


def reconstructions_of(model, config, binary_split):
    """Reconstructions of the first images of a Split, with the same noise for every model: [N, H, W, C]."""
    some = take(binary_split, slice(COLUMNS))
    batch = make_batch(some.images, some.labels if config.traits.is_conditional else None)
    return model.reconstruct(batch, noise_seed(0, Stream.RECONSTRUCTIONS)).numpy()


def samples_of(model, config, split):
    """Samples with the same noise for every model, [N, H, W, C], and words for their labels."""
    labels, given = labels_for(COLUMNS, config, split)
    return model.sample(COLUMNS, noise_seed(0, Stream.SAMPLES), labels).numpy(), given


def draw_reconstructions(configs, originals, rows):
    """The images above the reconstructions of each run.

    Args:
        configs: of the runs.
        originals: uint8 [N, H, W, C].
        rows: a dict of names and images [N, H, W, C].
    """
    title = f"{_names_of(configs)}: reconstructions of the same test images, a run a row\n"
    title += f"means of {_either(likelihood_of('z', config) for config in configs)}, "
    title += f"z ~ q({_either(map(posterior_of, configs))})"
    return image_grid(np.stack([originals / 255.0, *rows.values()]), title, ["test image", *rows])


def draw_samples(configs, rows, given):
    """Samples of each run, from the same noise.

    Args:
        configs: of the runs.
        rows: a dict of names and images [N, H, W, C].
        given: words for the labels.
    """
    title = f"{_names_of(configs)}: samples from the same noise, a run a row\n"
    title += f"means of {_either(likelihood_of('z', config) for config in configs)}, "
    title += f"z ~ {_either(map(prior_of, configs))}{given}"
    return image_grid(np.stack(list(rows.values())), title, list(rows))
