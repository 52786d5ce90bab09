"""Runs beside each other: means over seeds with their intervals, and tables of them."""

from typing import NamedTuple

import numpy as np
from scipy.stats import t

from experiment.evaluation.results import NATS, ROWS, SHARE
from experiment.settings.config import Config

CONFIDENCE = 0.95


class Compared(NamedTuple):
    """A finished run."""

    name: str
    group: str  # what it shares with those that differ by their seed alone
    config: Config
    test: dict  # of results.json
    rows: list  # of metrics.jsonl


class Mean(NamedTuple):
    """A mean over seeds, and half of its interval; None where there is but one seed."""

    mean: float
    half_width: float | None
    num_seeds: int


def mean_over_seeds(values):
    """The mean, and t_{0.975, n - 1} s / sqrt(n): the interval of Student (1908) for n normal values."""
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return Mean(float(values[0]), None, 1)
    spread = values.std(ddof=1) / np.sqrt(len(values))
    return Mean(float(values.mean()), float(t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1) * spread), len(values))


def numbers_of(test):
    """The numbers of a run that can be compared, by name: those of the table of results, and the active units."""
    numbers = {key: test[key] for key in ROWS if key in test}
    return numbers | {"active_units": sum(test["active_units"])}


def num_importance_samples(compared):
    """The different K of the runs' importance-weighted bounds."""
    return sorted({run.test["num_importance_samples"] for run in compared if "iw_bound" in run.test})


def compared_numbers(compared):
    """The names of the numbers that all runs have, with one K for all bounds."""
    keys = [key for key in numbers_of(compared[0].test) if all(key in numbers_of(run.test) for run in compared)]
    return [key for key in keys if key != "iw_bound" or len(num_importance_samples(compared)) == 1]


def summarise(compared):
    """group -> number -> Mean over the runs of the group."""
    groups = {}
    for run in compared:
        groups.setdefault(run.group, []).append(numbers_of(run.test))
    return {
        group: {key: mean_over_seeds([numbers[key] for numbers in runs]) for key in compared_numbers(compared)}
        for group, runs in groups.items()
    }


def title_of(key):
    """The name of a number and its unit, for a column or an axis."""
    if key == "active_units":
        return "active units"
    name, unit, remark = ROWS[key]
    if name == "MIG":  # of which there are two
        return f"MIG ({remark.split(',')[0]})"
    return f"{name}, {unit}" if unit in (NATS, "bits", "dB") else name


def shown(key, mean):
    """'-101.21 +- 0.30'."""
    digits = 1 if key == "active_units" else 2 if key in ROWS and ROWS[key][1] == NATS else 3
    if key in ROWS and ROWS[key][1] == SHARE:
        interval = "" if mean.half_width is None else f" +- {mean.half_width:.1%}"
        return f"{mean.mean:.1%}{interval}"
    interval = "" if mean.half_width is None else f" +- {mean.half_width:.{digits}f}"
    return f"{mean.mean:.{digits}f}{interval}"


def table_of(summary):
    """A header and rows of texts, a row for each group."""
    keys = list(next(iter(summary.values())))
    rows = [[group, *(shown(key, means[key]) for key in keys)] for group, means in summary.items()]
    return ["", *map(title_of, keys)], rows


def as_markdown(header, rows, remark):
    """The table in Markdown, and what is to be known of it."""
    lines = [f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows]]
    return "\n".join([*lines, "", remark, ""])


def side_by_side(compared):
    """The runs that are shown beside each other, by name: the first seed of each group, or all of a single group."""
    groups = {}
    for run in compared:
        groups.setdefault(run.group, run)
    if len(groups) == 1:
        return {f"seed {run.config.seed}": run for run in compared}
    if len(groups) == len(compared):
        return groups
    return {f"{group}, seed {run.config.seed}": run for group, run in groups.items()}
