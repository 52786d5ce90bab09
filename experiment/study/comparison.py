"""The comparison of the runs of a study: their numbers, curves and pictures beside each other, on one page."""

from experiment.evaluation.left_out import LeftOut
from experiment.evaluation.seeds import (
    Compared,
    as_markdown,
    best_of,
    has_intervals,
    marked,
    num_importance_samples,
    side_by_side,
    summarise,
    table_of,
    unit_of,
    varied_numbers,
)
from experiment.files.checkpoints import load_weights
from experiment.files.names import CHECKPOINTS, METRICS_FILE, REPORT_FILE, RESULTS_FILE, load_config, results_of
from experiment.files.records import read_metrics, write_figures, write_report, write_study
from experiment.pictures.always import draw_each
from experiment.pictures.comparison import (
    COLUMNS,
    draw_curves,
    draw_heat_map,
    draw_numbers,
    draw_rate_distortion,
    draw_reconstructions,
    draw_samples,
    reconstructions_of,
    samples_of,
)
from experiment.report.of_study import report_of_study
from experiment.settings.axes import differences, groups_of
from experiment.settings.refusals import ConfigError
from experiment.settings.words import nats_of
from experiment.training.preprocessing import binarize_once
from models.noise import Stream


def compare(study, dataset, command, failed=None):
    """Write the comparison of a Study whose runs are done into its folder; pictures that fail are left out by name.

    Args:
        study: a Study.
        dataset: its Dataset, or None where the images are not there.
        command: the line that asked for it.
        failed: the runs that could not be trained, name -> reason.
    """
    compared = _compared(study)
    summary, left_out = summarise(compared), LeftOut()
    for run, reason in (failed or {}).items():
        left_out.add(run, reason)
    best = best_of(compared, summary)
    table, remark = table_of(summary), " ".join(filter(None, [best, _remark(compared, command)]))
    charts = {
        "rate_distortion": lambda: draw_rate_distortion(compared),
        **({"loss_curves": lambda: draw_curves(compared)} if any(run.rows for run in compared) else {}),
        "numbers": lambda: draw_numbers(compared),
    }
    if varied_numbers(compared, study.axes):
        charts = {"heat_map": lambda: draw_heat_map(compared, study.axes), **charts}
    charts = draw_each(charts, left_out)
    pictures = left_out.attempt("pictures of the runs", _pictures, compared, dataset and dataset.test) or {}
    folder = study.run.outputs
    write_figures(folder, charts, left_out)
    paths = write_figures(folder, pictures, left_out)
    different = differences([run.config for run in compared])
    write_study(folder, _card(compared, summary, different, remark, left_out), as_markdown(*table, remark))
    write_report(folder, report_of_study(study.name, compared, different, table, remark, charts, paths))
    print(f"\n{as_markdown(*table, remark)}\nreport: {folder / REPORT_FILE}")


def _compared(study):
    """The runs of a Study as Compared, with their numbers."""
    runs = [member.run for member in study.members]
    configs = [load_config(run.checkpoints) for run in runs]
    groups = groups_of([run.name for run in runs], configs, study.axes)
    compared = []
    for run, group, config in zip(runs, groups, configs, strict=True):
        results = results_of(run)
        if results is None:
            raise ConfigError(f"{run.outputs / RESULTS_FILE}: is damaged; the same command evaluates the run again")
        rows = read_metrics(run.outputs / METRICS_FILE)
        compared.append(Compared(run.name, group, config, results["test"], rows, results["protocol"]))
    return marked(compared)


def _remark(compared, command):
    """What goes with the table: of which images, what stands behind the intervals, and what a nat is."""
    first, units = compared[0], dict.fromkeys(unit_of(run.config) for run in compared)
    config, num_seeds = first.config, len({run.config.seed for run in compared})
    epochs = sorted({run.config.num_epochs for run in compared})
    training = first.protocol.get("training_images")  # older records do not say
    sentences = [
        (f"{training:,} training and " if training else "")
        + f"{first.test['num_images']:,} test images of {config.dataset}"
        + (f" (--limit {config.limit})" if config.limit else ""),
        f"{num_seeds} seed{'s' if num_seeds > 1 else ''}",
        *(["means over seeds and 95 % intervals of Student's t"] if has_intervals(compared) else []),
        *(f"IW bound with K = {number:,}" for number in num_importance_samples(compared)),
        f"{' / '.join(map(str, epochs))} epochs{' each' if len(epochs) == 1 else ''}.",
    ]
    meanings = [f"A nat here is a {nats_of(config)}."]
    if len(units) > 1:
        names = {unit: [run.name for run in compared if unit_of(run.config) == unit] for unit in units}
        meanings = [f"* Nats are not comparable with those of {first.name}."]
        meanings += [f"{', '.join(runs)}: {unit}." for unit, runs in names.items()]
    return " ".join(["; ".join(sentences), *meanings]) + (f" Command: {command}" if command else "")


def _pictures(compared, test):
    """Reconstructions of the same test images (a Split, or None), and samples from the same noise, for each run."""
    shown = side_by_side(compared)
    reconstructions, samples, given = {}, {}, ""
    for name, run in shown.items():
        if not test and run.config.has_attributes:
            continue  # its labels are those of images
        model, _ = load_weights(CHECKPOINTS / run.name)
        if test:
            binary_test = binarize_once(test, run.config.binarization, Stream.TEST_BINARIZATION)
            reconstructions[name] = reconstructions_of(model, run.config, binary_test)
        samples[name], labels = samples_of(model, run.config, test)
        given = given or labels
    configs = [run.config for run in shown.values()]
    figures = {"samples": draw_samples(configs, samples, given)}
    if test:
        figures = {"reconstructions": draw_reconstructions(configs, test.images[:COLUMNS], reconstructions), **figures}
    return figures


def _card(compared, summary, different, remark, left_out):
    """study.json."""
    runs = {
        run.name: {**{name: values[index] for name, values in different.items()}, "seed": run.config.seed}
        | {"group": run.group, "test": run.test}
        for index, run in enumerate(compared)
    }
    means = {group: {key: mean._asdict() for key, mean in numbers.items()} for group, numbers in summary.items()}
    return {"remark": remark, "means": means, "runs": runs, "left_out": dict(left_out)}
