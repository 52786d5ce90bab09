"""The records in outputs/<run>/: metrics.jsonl, results.json, pictures, report.html. Nothing else writes them."""

import json
import os
import zlib
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from atomic_files import atomic_path, sealed, write_text
from experiment.files.names import METRICS_FILE, REPORT_FILE, RESULTS_FILE, TABLE_FILE

FRAME_MILLISECONDS = 90
LONGEST_ROWS = 65_536  # bytes that hold a whole row, and the beginning of the next
UNREADABLE_FILE = "unreadable_images.json"
STUDY_FILE, STUDY_TABLE_FILE = "study.json", "study.md"


class RecordError(ValueError):
    """A damaged record. One line: found, expected, what to do."""


class MetricsLog:
    """metrics.jsonl, and the same rows for trackers, if there are some.

    There is a row for every call of the compiled training program and for every validation. It holds
    - step, epoch, and split ("train" or "validation");
    - means over images in nats, without beta: elbo, distortion (reconstruction loss), rate (KL) and rate_per_level (top
      level first);
    - loss, with beta;
    - in training rows also gradient_norm and images_per_second, in validation rows active_units of each level;
    - checksum, of the row without it.
    """

    def __init__(self, folder, step=0, trackers=()):
        """Begin a log, or continue it. Rows after `step` are dropped: the saved state does not know of them.

        Args:
            folder: the run's outputs.
            step: the step of the saved state; 0 begins a new log.
            trackers: what gets the same rows, a Board or Tracked each. Who opened them closes them.
        """
        path = Path(folder) / METRICS_FILE
        kept = [row for row in read_metrics(path) if row["step"] <= step] if step else []
        if step and _has_gap(kept, step):
            print(f"WARNING: {path} lacks rows up to the saved step, {step:,}: the curves have a gap")
        write_text(path, "".join(_line(row) for row in kept))
        self._file = path.open("a", encoding="utf-8")
        self._trackers = trackers
        for row in kept:
            self._track(row)

    def append_training(self, progress):
        """Write a row from a Progress."""
        rate = sum(progress.rate_per_level)
        self._append(
            step=progress.step,
            epoch=progress.epoch,
            split="train",
            loss=progress.loss,
            gradient_norm=progress.gradient_norm,
            elbo=-progress.distortion - rate,
            distortion=progress.distortion,
            rate=rate,
            rate_per_level=progress.rate_per_level,
            images_per_second=progress.images_per_second,
        )

    def append_validation(self, progress, estimate, loss):
        """Write a row from an ElboEstimate and the loss of the validation images."""
        self._append(step=progress.step, epoch=progress.epoch, split="validation", loss=loss, **estimate._asdict())

    def _append(self, **row):
        self._file.write(_line(row))
        self._file.flush()
        self._track(row)

    def _track(self, row):
        for tracker in self._trackers:
            tracker.log(row)

    def sync(self):
        """Make all rows durable. Call it before you save the state that follows them."""
        os.fsync(self._file.fileno())
        for tracker in self._trackers:
            tracker.flush()

    def close(self):
        self._file.close()


def read_metrics(path):
    """The rows of a metrics.jsonl, by step. A last line without its end, from a killed run, is left out.

    Raises:
        RecordError: a line is not a row of JSON with its step, or was changed after it was written.
    """
    text = Path(path).read_text(encoding="utf-8", errors="replace") if Path(path).is_file() else ""
    try:
        rows = [json.loads(line) for line in text.split("\n")[:-1]]
        if not all({"step", "epoch", "split"} <= row.keys() for row in rows):
            raise KeyError
        if any("checksum" in row for row in rows):  # older versions wrote none
            rows = [_unsealed(row) for row in rows]
        return sorted(rows, key=lambda row: row["step"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(
            f"{path}: expected a row of JSON in each line, as it was written, with its step, epoch and numbers; move "
            "it away to go on"
        ) from error


def last_epoch(path):
    """The epochs completed in the last whole row of a metrics.jsonl; 0 without one. It reads the file's end alone."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LONGEST_ROWS))
            return json.loads(file.read().split(b"\n")[-2])["epoch"]
    except (OSError, ValueError, LookupError, TypeError):
        return 0


def training_seconds(rows, batch_size):
    """The training time in seconds, over all sessions of a run, from the rows of its metrics.jsonl."""
    train = [row for row in rows if row["split"] == "train"]
    steps = np.diff([0, *(row["step"] for row in train)])
    return sum(count * batch_size / row["images_per_second"] for count, row in zip(steps, train, strict=True))


def write_results(folder, results, lines):
    """Write results.json, the numbers and protocol of a finished run, and results.txt, the same as a table."""
    write_text(Path(folder) / RESULTS_FILE, sealed(results))
    write_text(Path(folder) / TABLE_FILE, "".join(f"{line}\n" for line in lines))


def write_study(folder, card, table):
    """Write study.json, the numbers of a study's runs and their means, and study.md, the means as a Markdown table."""
    write_text(Path(folder) / STUDY_FILE, json.dumps(card, indent=2, allow_nan=False) + "\n")
    write_text(Path(folder) / STUDY_TABLE_FILE, table)


def write_unreadable(folder, unreadable):
    """Write unreadable_images.json: the files that a run leaves out, each with the reason."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    write_text(Path(folder) / UNREADABLE_FILE, json.dumps(dict(unreadable), indent=2) + "\n")


def write_figure(folder, name, figure):
    """Write a Figure as a PNG file, or a list of Figures as the frames of a GIF. Returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    is_animation = isinstance(figure, list)
    path = folder / f"{name}.{'gif' if is_animation else 'png'}"
    with atomic_path(path) as temporary:
        if is_animation:
            save_animation(figure, temporary)
        else:
            figure.savefig(temporary, format="png")
    return path


def write_figures(folder, figures, left_out):
    """Write Figures by name; returns the paths of those that can be written, the others are left out."""
    paths = [left_out.attempt(f"file of {name}", write_figure, folder, name, figures[name]) for name in figures]
    return list(filter(None, paths))


def save_animation(figures, path):
    """Write Figures as the frames of a GIF that repeats."""
    first, *others = (Image.fromarray(as_pixels(figure)) for figure in figures)
    first.save(path, format="GIF", save_all=True, append_images=others, duration=FRAME_MILLISECONDS, loop=0)


def as_pixels(figure):
    """A Figure as an image: uint8 [H, W, 3]."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def write_report(folder, html):
    """Write report.html."""
    write_text(Path(folder) / REPORT_FILE, html)


def _has_gap(rows, step):
    """Whether rows, by step, end before a step, or lack the validation of their last epoch."""
    last_epoch_of = {"train": 0, "validation": 0} | {row["split"]: row["epoch"] for row in rows}
    return not rows or rows[-1]["step"] < step or last_epoch_of["train"] > last_epoch_of["validation"]


def _line(row):
    return json.dumps({**row, "checksum": _checksum(row)}, allow_nan=False) + "\n"


def _unsealed(row):
    """A row of `_line` without its checksum. Raises ValueError if it does not fit, KeyError if it is missing."""
    if row.pop("checksum") != _checksum(row):
        raise ValueError
    return row


def _checksum(row):
    return zlib.crc32(json.dumps(row, allow_nan=False).encode())
