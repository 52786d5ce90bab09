"""A study: train its runs one after the other, then compare them."""

import keras

from experiment.evaluation.left_out import LeftOut
from experiment.evaluation.seeds import (
    Compared,
    as_markdown,
    num_importance_samples,
    side_by_side,
    summarise,
    table_of,
)
from experiment.files.checkpoints import load_weights
from experiment.files.names import CHECKPOINTS, METRICS_FILE, REPORT_FILE, RESULTS_FILE, load_config, read_results
from experiment.files.records import read_metrics, write_figures, write_report, write_study
from experiment.pictures.always import draw_each
from experiment.pictures.comparison import (
    COLUMNS,
    draw_curves,
    draw_numbers,
    draw_rate_distortion,
    draw_reconstructions,
    draw_samples,
    reconstructions_of,
    samples_of,
)
from experiment.report.of_study import report_of_study
from experiment.run import is_of, read_data, run_experiment
from experiment.settings.refusals import ConfigError
from experiment.settings.words import nats_of
from experiment.training.preprocessing import binarize_once
from models.noise import Stream


def run_study(study, command=""):
    """Train what is not done of a Study, and compare its runs. Returns False where the user stopped it.

    Raises:
        ConfigError: runs were trained on other images than these.
    """
    dataset = read_data(study.members[0].config)
    for member in study.members:
        if member.is_begun and not is_of(dataset, member.config, member.config.data_fingerprint):
            raise ConfigError(
                f"{member.run.name}: was trained on other images than these; give their --data_dir, or the study "
                "another --run_name"
            )
    for number, member in enumerate(study.members, 1):
        state = ", done before" if member.is_done else ""
        print(f"\nrun {number} of {len(study.members)}: {member.run.name}{state}")
        if member.is_done:
            continue
        keras.backend.clear_session()
        begun, new = (member.run, None) if member.is_begun else (None, member.run)
        if not run_experiment(member.config, begun, new, command):
            print("the same command continues the study")
            return False
    compare(study, dataset, command)
    return True


def compare(study, dataset, command):
    """Write the comparison of a Study whose runs are done into its folder; pictures that fail are left out by name."""
    compared = [_compared(study, member.run) for member in study.members]
    summary, left_out = summarise(compared), LeftOut()
    table, remark = table_of(summary), _remark(compared, dataset, command)
    charts = {
        "rate_distortion": lambda: draw_rate_distortion(compared),
        "loss_curves": lambda: draw_curves(compared),
        "numbers": lambda: draw_numbers(compared),
    }
    charts = draw_each(charts, left_out)
    pictures = left_out.attempt("pictures of the runs", _pictures, compared, dataset.test) or {}
    folder = study.run.outputs
    write_figures(folder, charts, left_out)
    paths = write_figures(folder, pictures, left_out)
    write_study(folder, _card(compared, summary, remark, left_out), as_markdown(*table, remark))
    runs = [run.name for run in compared]
    write_report(folder, report_of_study(study.name, *table, remark, charts.values(), paths, runs))
    print(f"\n{as_markdown(*table, remark)}\nreport: {folder / REPORT_FILE}")


def _compared(study, run):
    config, results = load_config(run.checkpoints), read_results(run.outputs)
    if results is None:
        raise ConfigError(f"{run.outputs / RESULTS_FILE}: is damaged; the same command evaluates the run again")
    rows = read_metrics(run.outputs / METRICS_FILE)
    group = f"beta {config.beta:g}" if study.betas else "all seeds"
    return Compared(run.name, group, config, results["test"], rows)


def _remark(compared, dataset, command):
    """What goes with the table: of which images, and what stands behind the intervals."""
    config, num_images = compared[0].config, compared[0].test["num_images"]
    num_seeds = len({run.config.seed for run in compared})
    sentences = [
        f"{len(dataset.train.images):,} training and {num_images:,} test images of {config.dataset}"
        + (f" (--limit {config.limit})" if config.limit else ""),
        f"{num_seeds} seed{'s' if num_seeds > 1 else ''}",
        *(["means over seeds and 95 % intervals of Student's t"] if num_seeds > 1 else []),
        *(f"IW bound with K = {number:,}" for number in num_importance_samples(compared)),
        f"{config.num_epochs} epochs each. A nat here is a {nats_of(config)}.",
    ]
    return "; ".join(sentences) + (f" Command: {command}" if command else "")


def _pictures(compared, test):
    """Reconstructions of the same test images, and samples from the same noise, for each run."""
    config = compared[0].config
    binary_test = binarize_once(test, config.binarization, Stream.TEST_BINARIZATION)
    reconstructions, samples = {}, {}
    for name, run in side_by_side(compared).items():
        model, _ = load_weights(CHECKPOINTS / run.name)
        reconstructions[name] = reconstructions_of(model, run.config, binary_test)
        samples[name], given = samples_of(model, run.config, test)
    return {
        "reconstructions": draw_reconstructions(config, test.images[:COLUMNS], reconstructions),
        "samples": draw_samples(config, samples, given),
    }


def _card(compared, summary, remark, left_out):
    """study.json."""
    runs = {run.name: {"beta": run.config.beta, "seed": run.config.seed, "test": run.test} for run in compared}
    means = {group: {key: mean._asdict() for key, mean in numbers.items()} for group, numbers in summary.items()}
    return {"remark": remark, "means": means, "runs": runs, "left_out": dict(left_out)}
