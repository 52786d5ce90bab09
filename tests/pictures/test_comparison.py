"""Means over seeds, tables and figures of several runs."""

import numpy as np
import pytest

from experiment.evaluation.seeds import (
    Compared,
    Mean,
    as_markdown,
    mean_over_seeds,
    shown,
    side_by_side,
    summarise,
    table_of,
)
from experiment.pictures.comparison import draw_curves, draw_numbers, draw_rate_distortion

TEST = {
    "elbo": -100.0,
    "distortion": 80.0,
    "rate": 20.0,
    "num_images": 44,
    "active_units": [3, 4],
    "mig_histogram": 0.25,
}


def run(make_config, beta, seed, **test):
    rows = [
        {"split": "validation", "step": 10 * epoch, "epoch": epoch, "elbo": -110.0, "distortion": 85.0, "rate": 25.0}
        for epoch in (1, 2)
    ]
    config = make_config(beta=beta, seed=seed)
    return Compared(f"run_{beta}_{seed}", f"beta {beta:g}", config, {**TEST, **test}, rows)


@pytest.fixture
def compared(make_config):
    return [
        run(make_config, 1.0, 0, elbo=-100.0),
        run(make_config, 1.0, 1, elbo=-102.0),
        run(make_config, 1.0, 2, elbo=-104.0),
        run(make_config, 4.0, 0),
    ]


def test_intervals_cover_the_mean_as_often_as_they_say():
    """Of samples of three normal values 95 % of the intervals hold the mean; a factor of 1.96 would hold 82 %."""
    generator = np.random.default_rng(0)
    means = [mean_over_seeds(generator.normal(5.0, 2.0, 3)) for _ in range(4000)]
    covered = np.mean([abs(each.mean - 5.0) <= each.half_width for each in means])
    assert covered == pytest.approx(0.95, abs=0.012)


def test_one_seed_has_no_interval():
    assert mean_over_seeds([3.0]) == Mean(3.0, None, 1)


def test_runs_are_summed_up_by_group(compared):
    summary = summarise(compared)
    assert list(summary) == ["beta 1", "beta 4"]
    mean = summary["beta 1"]["elbo"]
    assert (mean.mean, mean.num_seeds) == (-102.0, 3)
    assert mean.half_width == pytest.approx(4.30265 * 2.0 / np.sqrt(3), rel=1e-5)  # t_{0.975, 2} s / sqrt(n)
    assert summary["beta 4"]["active_units"] == Mean(7.0, None, 1)


def test_tables_have_units_and_intervals(compared):
    header, rows = table_of(summarise(compared))
    assert header == ["", "ELBO, nats", "distortion, nats", "rate, nats", "MIG (20 bins)", "active units"]
    assert rows[0][:2] == ["beta 1", "-102.00 +- 4.97"] and rows[1][4:] == ["0.250", "7.0"]
    lines = as_markdown(header, rows, "a remark").splitlines()
    assert lines[2].startswith("| beta 1 | -102.00 +- 4.97 |") and lines[-1] == "a remark"
    assert shown("recognised", Mean(0.912, 0.01, 3)) == "91.2% +- 1.0%"


def test_pictures_are_of_the_first_run_of_each_group_or_of_each_seed(compared):
    named = {name: run.name for name, run in side_by_side(compared).items()}
    assert named == {"beta 1, seed 0": "run_1.0_0", "beta 4, seed 0": "run_4.0_0"}
    assert list(side_by_side(compared[2:])) == ["beta 1", "beta 4"]
    assert list(side_by_side(compared[:3])) == ["seed 0", "seed 1", "seed 2"]


def test_figures_show_every_run(compared):
    points = draw_rate_distortion(compared).axes[0]
    assert len(points.collections) >= 4 and {text.get_text() for text in points.texts} >= {"beta 1", "beta 4"}
    curves = draw_curves(compared).axes
    assert [axes.get_title() for axes in curves] == ["-ELBO (without beta)", "distortion", "rate"]
    assert all(len(axes.lines) == 4 and len(axes.get_legend().get_texts()) == 2 for axes in curves)
    np.testing.assert_array_equal(curves[0].lines[0].get_ydata(), [110.0, 110.0])
    panels = {axes.get_title(): axes for axes in draw_numbers(compared).axes}
    assert set(panels) == {"ELBO, nats", "MIG (20 bins)", "active units"}
    np.testing.assert_array_equal(panels["ELBO, nats"].lines[0].get_ydata(), [-100.0, -102.0, -104.0])
