"""A study: train its runs one after the other, then compare them."""

import keras

from experiment.evaluation.seeds import (
    Compared,
    as_markdown,
    num_importance_samples,
    side_by_side,
    summarise,
    table_of,
)
from experiment.files.checkpoints import load_weights
from experiment.files.names import CHECKPOINTS, METRICS_FILE, RESULTS_FILE, load_config, read_results
from experiment.files.records import read_metrics, write_figure, write_report, write_study
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
from experiment.run import read_data, run_experiment
from experiment.settings.refusals import ConfigError
from experiment.settings.words import nats_of
from experiment.training.preprocessing import binarize_once
from models.noise import Stream


def run_study(study):
    """Train the unfinished runs of a Study, then compare all. Returns False if the user stopped it.

    Raises:
        ConfigError: runs were trained on other images than these.
    """
    dataset = read_data(study.members[0].config)
    for member in study.members:
        if member.is_begun and member.config.data_fingerprint != dataset.fingerprint:
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
        if not run_experiment(member.config, begun, new):
            print("the same command continues the study")
            return False
    compare(study, dataset.test)
    return True


def compare(study, test):
    """Write the comparison of a Study into its folder. All its runs must be done."""
    compared = [_compared(study, member.run) for member in study.members]
    summary = summarise(compared)
    table, remark = table_of(summary), _remark(compared)
    figures = {
        "rate_distortion": draw_rate_distortion(compared),
        "loss_curves": draw_curves(compared),
        "numbers": draw_numbers(compared),
    }
    folder, pictures = study.run.outputs, _pictures(compared, test)
    paths = [write_figure(folder, name, figure) for name, figure in pictures.items()]
    for name, figure in figures.items():
        write_figure(folder, name, figure)
    write_study(folder, _card(compared, summary, remark), as_markdown(*table, remark))
    runs = [run.name for run in compared]
    write_report(folder, report_of_study(study.name, *table, remark, figures.values(), paths, runs))
    print(f"\n{as_markdown(*table, remark)}\nFiles")
    for path in sorted(folder.iterdir()):
        print(f"  {path}")


def _compared(study, run):
    config, results = load_config(run.checkpoints), read_results(run.outputs)
    if results is None:
        raise ConfigError(f"{run.outputs / RESULTS_FILE}: is damaged; the same command evaluates the run again")
    rows = read_metrics(run.outputs / METRICS_FILE)
    group = f"beta {config.beta:g}" if study.betas else "all seeds"
    return Compared(run.name, group, config, results["test"], rows)


def _remark(compared):
    """The remark below the table: the images, seeds, intervals and the number of importance samples."""
    config, num_images = compared[0].config, compared[0].test["num_images"]
    num_seeds = len({run.config.seed for run in compared})
    intervals = "means over seeds and 95 % intervals of Student's t; " if num_seeds > 1 else ""
    samples = "".join(f"IW bound with K = {number:,}; " for number in num_importance_samples(compared))
    return (
        f"{num_images:,} test images of {config.dataset}; {num_seeds} seed{'s' if num_seeds > 1 else ''}; {intervals}"
        f"{samples}{config.num_epochs} epochs each. A nat here is a {nats_of(config)}."
    )


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


def _card(compared, summary, remark):
    """The content of study.json."""
    runs = {run.name: {"beta": run.config.beta, "seed": run.config.seed, "test": run.test} for run in compared}
    means = {group: {key: mean._asdict() for key, mean in numbers.items()} for group, numbers in summary.items()}
    return {"remark": remark, "means": means, "runs": runs}
