"""The pictures of a study: its runs side by side."""

import numpy as np

from experiment.evaluation.seeds import numbers_of, summarise, title_of
from experiment.pictures.captions import labels_for, likelihood_of, posterior_of, prior_of
from experiment.pictures.plots import image_grid, panels, rate_distortion, validation_curves
from experiment.settings.words import name_of
from experiment.training.preprocessing import make_batch
from image_data.splits import take
from models.noise import Stream, noise_seed

COLUMNS = 10


def draw_curves(compared):
    """Validation -ELBO, distortion and rate of every run, by epoch."""
    curves = []
    for run in compared:
        rows = [row for row in run.rows if row["split"] == "validation"]
        arrays = {name: np.array([row[name] for row in rows]) for name in ("epoch", "elbo", "distortion", "rate")}
        curves.append((run.group, arrays))
    return validation_curves(curves, f"{name_of(compared[0].config)}: validation images, a line for each run")


def draw_rate_distortion(compared):
    """Rate (KL) against distortion (reconstruction loss) on test images, a point for each run. Alemi et al. (2018)."""
    points = [(run.group, run.test["rate"], run.test["distortion"]) for run in compared]
    return rate_distortion(points, f"{name_of(compared[0].config)}: rate against distortion, a point for each run")


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
    intervals = "mean and 95 % interval over seeds; " if any(m.half_width is not None for m in _all(summary)) else ""
    return panels(values, f"{name_of(compared[0].config)}: {intervals}a point for each run, test images")


def _all(summary):
    return [mean for means in summary.values() for mean in means.values()]


def reconstructions_of(model, config, binary_split):
    """Reconstructions of the first images of a Split, with the same noise for every model: [N, H, W, C]."""
    some = take(binary_split, slice(COLUMNS))
    batch = make_batch(some.images, some.labels if config.traits.is_conditional else None)
    return model.reconstruct(batch, noise_seed(0, Stream.RECONSTRUCTIONS)).numpy()


def samples_of(model, config, split):
    """Samples with the same noise for every model, [N, H, W, C], and words for their labels."""
    labels, given = labels_for(COLUMNS, config, split)
    return model.sample(COLUMNS, noise_seed(0, Stream.SAMPLES), labels).numpy(), given


def draw_reconstructions(config, originals, rows):
    """The images above the reconstructions of each run.

    Args:
        config: of a run.
        originals: uint8 [N, H, W, C].
        rows: a dict of names and images [N, H, W, C].
    """
    title = f"{name_of(config)}: reconstructions of the same test images, a run a row\n"
    title += f"means of {likelihood_of('z', config)}, z ~ q({posterior_of(config)})"
    return image_grid(np.stack([originals / 255.0, *rows.values()]), title, ["test image", *rows])


def draw_samples(config, rows, given):
    """Samples of each run, from the same noise.

    Args:
        config: of a run.
        rows: a dict of names and images [N, H, W, C].
        given: words for the labels.
    """
    title = f"{name_of(config)}: samples from the same noise, a run a row\n"
    title += f"means of {likelihood_of('z', config)}, z ~ {prior_of(config)}{given}"
    return image_grid(np.stack(list(rows.values())), title, list(rows))
