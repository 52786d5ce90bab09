"""Comparison of runs: means over seeds with their intervals, and tables of them."""

from typing import NamedTuple

import numpy as np
from scipy.stats import t

from experiment.evaluation.results import NATS, ROWS, SHARE
from experiment.settings.axes import number_of
from experiment.settings.config import Config
from experiment.settings.words import evidence_of, nats_of

CONFIDENCE = 0.95


class Compared(NamedTuple):
    """A finished run of a comparison."""

    name: str
    group: str  # the same for all runs that differ in the seed alone
    config: Config
    test: dict  # the test numbers in results.json
    rows: list  # the rows of metrics.jsonl
    protocol: dict = {}  # what results.json says of how the numbers came to be


class Mean(NamedTuple):
    """A mean over seeds and half the width of its interval; None with one seed."""

    mean: float
    half_width: float | None
    num_seeds: int


def unit_of(config):
    """What a nat means in the numbers of a run, and what its ELBO bounds: where these differ, nats do not compare."""
    return f"{nats_of(config)}; bounds of {evidence_of(config)}"


def marked(compared):
    """The runs, with a * at the names of the groups whose nats do not compare with those of the first run."""
    unit = unit_of(compared[0].config)
    return [run if unit_of(run.config) == unit else run._replace(group=f"{run.group} *") for run in compared]


def mean_over_seeds(values):
    """The mean over seeds, with the 95 % interval of Student's t for n normal values.

        half width = t_{0.975, n - 1} s / sqrt(n)

    Reference: Student (1908).
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return Mean(float(values[0]), None, 1)
    spread = values.std(ddof=1) / np.sqrt(len(values))
    return Mean(float(values.mean()), float(t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1) * spread), len(values))


def numbers_of(test):
    """The numbers of a run that can be compared, by name: those of the results table, and the active units."""
    numbers = {key: test[key] for key in ROWS if key in test}
    return numbers | {"active_units": sum(test["active_units"])}


def num_importance_samples(compared):
    """All different K in the importance-weighted bounds of the runs."""
    return sorted({run.test["num_importance_samples"] for run in compared if "iw_bound" in run.test})


def compared_numbers(compared):
    """The names of the numbers that all runs have. The bound is among them only if all runs use the same K."""
    keys = [key for key in numbers_of(compared[0].test) if all(key in numbers_of(run.test) for run in compared)]
    return [key for key in keys if key != "iw_bound" or len(num_importance_samples(compared)) == 1]


def summarise(compared):
    """The means over seeds: group -> number -> Mean."""
    groups = {}
    for run in compared:
        groups.setdefault(run.group, []).append(numbers_of(run.test))
    return {
        group: {key: mean_over_seeds([numbers[key] for numbers in runs]) for key in compared_numbers(compared)}
        for group, runs in groups.items()
    }


def has_intervals(compared):
    """Whether a group has several runs, so that its means have intervals."""
    return len({run.group for run in compared}) < len(compared)


def best_of(compared, summary):
    """The group of the highest ELBO in words, with those that other seeds may place above it; '' where there is none.

    These are the groups whose 95 % interval over seeds meets that of the best. Of single runs it says nothing: the
    standard error over test images is no measure of the difference of two runs on the same images.
    """
    if len(summary) < 2 or any(group.endswith(" *") for group in summary):
        return ""
    best = max(summary, key=lambda group: summary[group]["elbo"].mean)
    words = f"Best ELBO: {best}, {shown('elbo', summary[best]['elbo'])} nats"
    if not has_intervals(compared):
        return f"{words}. One run each: --seeds 0 1 2 shows what chance does."

    def meets_best(group):
        distance = summary[best]["elbo"].mean - summary[group]["elbo"].mean
        widths = [summary[name]["elbo"].half_width or 0.0 for name in (best, group)]
        return group != best and distance <= sum(widths)

    rivals = "; ".join(filter(meets_best, summary))
    return words + (f"; not told apart from it: {rivals}." if rivals else ".")


def varied_numbers(compared, axes):
    """The two axes of a heat map, where runs that compare differ in just two numbers; otherwise ()."""
    values = [number_of(getattr(run.config, axis)) for run in compared for axis in axes]
    is_mixed = any(run.group.endswith(" *") for run in compared)
    return tuple(axes) if len(axes) == 2 and None not in values and not is_mixed else ()


def title_of(key):
    """The name of a number with its unit, for a column or an axis."""
    if key == "active_units":
        return "active units"
    name, unit, remark = ROWS[key]
    if name == "MIG":  # two rows have this name
        return f"MIG ({remark.split(',')[0]})"
    return f"{name}, {unit}" if unit in (NATS, "bits", "dB") else name


def shown(key, mean):
    """A Mean as text: '-101.21 +- 0.30'."""
    if key == "active_units" and mean.half_width is None:
        return f"{mean.mean:g}"
    digits = 1 if key == "active_units" else 2 if key in ROWS and ROWS[key][1] == NATS else 3
    if key in ROWS and ROWS[key][1] == SHARE:
        interval = "" if mean.half_width is None else f" +- {mean.half_width:.1%}"
        return f"{mean.mean:.1%}{interval}"
    interval = "" if mean.half_width is None else f" +- {mean.half_width:.{digits}f}"
    return f"{mean.mean:.{digits}f}{interval}"


def shown_value(key, value):
    """The number of a single run as text."""
    return shown(key, Mean(value, None, 1))


def table_of(summary):
    """The header and the rows of the table, as texts; one row for each group."""
    keys = list(next(iter(summary.values())))
    rows = [[group, *(shown(key, means[key]) for key in keys)] for group, means in summary.items()]
    return ["", *map(title_of, keys)], rows


def as_markdown(header, rows, remark):
    """The table in Markdown, with the remark below it."""
    lines = [[cell.replace("|", "\\|") for cell in cells] for cells in [header, ["---"] * len(header), *rows]]
    lines = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([*lines, "", remark, ""])


def side_by_side(compared):
    """The runs to show side by side, by name: the first seed of each group, or every run of a single group."""
    groups = {}
    for run in compared:
        groups.setdefault(run.group, run)
    if len(groups) == 1:
        return {f"seed {run.config.seed}": run for run in compared}
    if len(groups) == len(compared):
        return groups
    return {f"{group}, seed {run.config.seed}": run for group, run in groups.items()}
