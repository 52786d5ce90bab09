"""The metrics and pictures for TensorBoard, in outputs/<run>/tensorboard/."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from experiment.files.records import as_pixels
from experiment.settings.config import MODEL, TRAINING, names_in

FOLDER = "tensorboard"
SCALARS = ("loss", "gradient_norm", "elbo", "distortion", "rate", "images_per_second")
BY_LEVEL = ("rate_per_level", "active_units")


class Board:
    """Scalars of each level, the pictures and histograms of posterior means of every epoch, and the hyper-parameters.

    TensorBoard cannot take events back. So a resumed run writes the scalars again from the start. Pictures are kept;
    those written twice are equal, because a resumed run continues to the same bits.
    """

    def __init__(self, folder, config):
        folder = Path(folder) / FOLDER
        for path in folder.glob("events.*"):
            path.unlink()
        self._scalars = tf.summary.create_file_writer(str(folder))
        self._pictures = tf.summary.create_file_writer(str(folder / "pictures"))
        values = hyper_parameters(config)
        metrics = [hparams.Metric(f"validation/{name}") for name in ("elbo", "distortion", "rate")]
        with self._scalars.as_default(step=0):
            hparams.hparams_config(hparams=list(map(hparams.HParam, values)), metrics=metrics)
            hparams.hparams(values, trial_id=folder.parent.name)

    def draw(self, row):
        """Write a row of metrics.jsonl."""
        with self._scalars.as_default(step=row["step"]):
            for name in SCALARS:
                if name in row:
                    tf.summary.scalar(f"{row['split']}/{name}", row[name])
            for name in BY_LEVEL:
                for height, value in enumerate(reversed(row.get(name, [])), 1):
                    tf.summary.scalar(f"{row['split']}/{name}/z{height}", value)

    def draw_epoch(self, step, figures, means):
        """Write Figures by name, and the posterior means of some images by level, [N, units] each."""
        with self._pictures.as_default(step=step):
            for name, figure in figures.items():
                tf.summary.image(name, as_pixels(figure)[np.newaxis])
            for name, values in means.items():
                tf.summary.histogram(f"posterior means/{name}", values)

    def flush(self):
        self._scalars.flush()
        self._pictures.flush()

    def close(self):
        self._scalars.close()
        self._pictures.close()


def hyper_parameters(config):
    """The settings of model and training as TensorBoard accepts them: numbers, switches and text."""
    values = {name: getattr(config, name) for name in sorted(names_in(MODEL, TRAINING) | {"dataset"})}
    return {
        name: value if isinstance(value, (bool, int, float, str)) else " ".join(map(str, value))
        for name, value in values.items()
        if value not in (None, ())
    }
