"""The metrics and pictures for TensorBoard, in outputs/<run>/tensorboard/."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from experiment.files.records import as_pixels
from experiment.files.trackers import hyper_parameters, named_numbers, numbers_of_row

FOLDER = "tensorboard"


class Board:
    """Scalars of each level, the pictures and histograms of posterior means of every epoch, and the hyper-parameters.

    TensorBoard cannot take events back. So a resumed run writes the scalars again from the start. Pictures are kept;
    those written twice are equal, because a resumed run continues to the same bits.

    The plugin of hyper-parameters takes its columns from the runs that it finds: their settings, and all their scalars,
    the test numbers among them. A list of columns would be taken from one run for all.
    """

    def __init__(self, folder, config):
        folder = Path(folder) / FOLDER
        for path in folder.glob("events.*"):
            path.unlink()
        self._scalars = tf.summary.create_file_writer(str(folder))
        self._pictures = tf.summary.create_file_writer(str(folder / "pictures"))
        with self._scalars.as_default(step=0):
            hparams.hparams(hyper_parameters(config), trial_id=folder.parent.name)

    def log(self, row):
        """Write a row of metrics.jsonl."""
        self._write(row["step"], numbers_of_row(row))

    def draw_epoch(self, step, figures, means):
        """Write Figures by name, and the posterior means of some images by level, [N, units] each."""
        with self._pictures.as_default(step=step):
            for name, figure in figures.items():
                tf.summary.image(name, as_pixels(figure)[np.newaxis])
            for name, values in means.items():
                tf.summary.histogram(f"posterior means/{name}", values)

    def end(self, step, test, files):
        """Write the test numbers, a dict, at the last step. The files, paths, stay where they are."""
        self._write(step, named_numbers("test", test))

    def flush(self):
        self._scalars.flush()
        self._pictures.flush()

    def close(self):
        self._scalars.close()
        self._pictures.close()

    def _write(self, step, numbers):
        with self._scalars.as_default(step=step):
            for name, value in numbers.items():
                tf.summary.scalar(name, value)
