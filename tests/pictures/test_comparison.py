"""Means over seeds, tables and figures of several runs."""

import numpy as np
import pytest

from experiment.evaluation.seeds import (
    Compared,
    Mean,
    as_markdown,
    best_of,
    marked,
    mean_over_seeds,
    shown,
    side_by_side,
    summarise,
    table_of,
    varied_numbers,
)
from experiment.pictures.comparison import draw_curves, draw_heat_map, draw_numbers, draw_rate_distortion
from experiment.settings.axes import groups_of

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
    assert rows[0][:2] == ["beta 1", "-102.00 +- 4.97"] and rows[1][4:] == ["0.250", "7"]
    lines = as_markdown(header, rows, "a remark").splitlines()
    assert lines[2].startswith("| beta 1 | -102.00 +- 4.97 |") and lines[-1] == "a remark"
    assert as_markdown(["KL(q(z)||p(z))"], [], "").startswith("| KL(q(z)\\|\\|p(z)) |\n"), "no columns of their own"
    assert shown("recognised", Mean(0.912, 0.01, 3)) == "91.2% +- 1.0%"


def test_pictures_are_of_the_first_run_of_each_group_or_of_each_seed(compared):
    named = {name: run.name for name, run in side_by_side(compared).items()}
    assert named == {"beta 1, seed 0": "run_1.0_0", "beta 4, seed 0": "run_4.0_0"}
    assert list(side_by_side(compared[2:])) == ["beta 1", "beta 4"]
    assert list(side_by_side(compared[:3])) == ["seed 0", "seed 1", "seed 2"]


def legend_of(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_figures_show_every_run(compared):
    figure = draw_rate_distortion(compared)
    places = [place for points in figure.axes[0].collections[:2] for place in points.get_offsets().tolist()]
    assert places == [[20.0, 80.0]] * 4 and legend_of(figure) == ["beta 1", "beta 4"]
    figure = draw_curves(compared)
    assert [axes.get_title() for axes in figure.axes] == ["-ELBO (without beta)", "distortion", "rate"]
    assert legend_of(figure) == ["beta 1", "beta 4"]
    for panel, axes in enumerate(figure.axes):
        assert [line.get_gid() for line in axes.lines] == [f"curve-{run}-{panel}" for run in range(4)]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [110.0, 110.0])
    panels = {axes.get_title(): axes for axes in draw_numbers(compared).axes}
    assert set(panels) == {"ELBO, nats", "MIG (20 bins)", "active units"}
    np.testing.assert_array_equal(panels["ELBO, nats"].lines[0].get_xdata(), [-100.0, -102.0, -104.0])


def grid(make_config):
    """2 x 2 runs of two seeds; the ELBO is a function of the settings and the seed."""
    settings = [
        {"latent_size": size, "beta": beta, "seed": seed} for size in (20, 3) for beta in (4.0, 0.5) for seed in (0, 1)
    ]
    configs = [make_config(**each) for each in settings]
    names = [f"run {number}" for number in range(8)]
    groups = groups_of(names, configs, ["latent_size", "beta"])
    return [
        Compared(name, group, config, {**TEST, "elbo": -100.0 - 10 * config.beta + config.num_units + config.seed}, [])
        for name, group, config in zip(names, groups, configs, strict=True)
    ]


def test_a_heat_map_has_every_combination_in_order_of_its_numbers(make_config):
    runs = grid(make_config)
    assert varied_numbers(runs, ("latent_size", "beta")) == ("latent_size", "beta")
    axes = draw_heat_map(runs, ("latent_size", "beta")).axes[0]
    expected = [[-100.0 - 10 * beta + size + 0.5 for beta in (0.5, 4.0)] for size in (3, 20)]
    np.testing.assert_allclose(axes.images[0].get_array(), expected)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["3", "20"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.5", "4"]
    assert axes.texts[2].get_text() == "-84.50 +- 6.35"  # t_{0.975, 1} / 2
    frame = axes.patches[0]
    assert (frame.get_x() + frame.get_width() / 2, frame.get_y() + frame.get_height() / 2) == (0.0, 1.0)


def test_the_best_is_named_with_those_that_other_seeds_may_place_above_it(make_config, compared):
    runs = grid(make_config)
    best = "Best ELBO: latent_size 20, beta 0.5, -84.50 +- 6.35 nats"
    assert best_of(runs, summarise(runs)) == f"{best}."  # the next is 17 nats lower, the intervals are 6.35 wide
    near = [run._replace(test={**run.test, "elbo": run.test["elbo"] + 5 * run.config.beta}) for run in runs]
    rivals = "latent_size 20, beta 4"  # 17.5 nats in place of 35 do not meet, without beta's 10 nats they do
    assert best_of(near, summarise(near)).endswith(" nats.") and rivals not in best_of(near, summarise(near))
    nearer = [run._replace(test={**run.test, "elbo": run.test["elbo"] + 9 * run.config.beta}) for run in runs]
    assert best_of(nearer, summarise(nearer)).endswith(f"; not told apart from it: {rivals}.")
    single = compared[2:]
    assert best_of(single, summarise(single)) == (
        "Best ELBO: beta 4, -100.00 nats. One run each: --seeds 0 1 2 shows what chance does."
    )


def test_a_heat_map_is_of_two_numbers(make_config):
    runs = grid(make_config)
    assert not varied_numbers(runs, ("latent_size",)) and not varied_numbers(runs, ("latent_size", "activation"))
    assert not varied_numbers(runs, ("latent_size", "beta", "learning_rate"))


def test_combinations_that_were_not_run_stay_empty(make_config):
    axes = draw_heat_map(grid(make_config)[:6], ("latent_size", "beta")).axes[0]
    assert np.isnan(axes.images[0].get_array().filled(np.nan)[0, 0]) and axes.texts[0].get_text() == ""


def test_nats_that_do_not_compare_are_marked(make_config):
    runs = [
        Compared("a", "is_cvae False", make_config(), TEST, []),
        Compared("b", "is_cvae True", make_config(is_cvae=True), TEST, []),
        Compared("c", "likelihood mse", make_config(likelihood="mse"), TEST, []),
    ]
    assert [run.group for run in marked(runs)] == ["is_cvae False", "is_cvae True *", "likelihood mse *"]
    assert best_of(marked(runs), summarise(marked(runs))) == ""
