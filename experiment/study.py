"""A study: say what it will do, train its runs one after the other, then compare them."""

import time

import keras

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
from experiment.files.durations import in_words, newest_alike, recorded_seconds, seconds_per_epoch
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
from experiment.run import is_of, read_data, run_experiment, settle_with_data
from experiment.settings.axes import differences, groups_of, rows_of
from experiment.settings.refusals import ConfigError
from experiment.settings.words import nats_of
from experiment.training.loop import TrainingError
from experiment.training.preprocessing import binarize_once
from image_data.splits import DataError, DataMissing
from models.build import lay_out_model
from models.networks import NetworkError
from models.noise import Stream


def run_study(study, command=""):
    """Train what is not done of a Study, and compare its runs. Returns False where the user stopped it.

    Raises:
        ConfigError: runs were trained on other images than these, or a run cannot be made of these images.
        DataMissing: the images of runs that are to be trained are not there.
    """
    left = [member for member in study.members if not member.is_done]
    print(f"{study.name}: {len(study.members)} runs, {len(left)} of them to train")
    print("\n".join(_aligned(_plan_of(study))))
    try:
        dataset = read_data(study.members[0].config)
    except DataMissing as missing:
        if left:
            raise
        print(f"no data: {missing}\nonly what needs none is drawn")
        dataset = None
    if dataset:
        _refuse_impossible(study, dataset)
    if left:
        print(f"time: {_estimate(study)}")
    failed = _train(study, command)
    if failed is None:
        return False
    trained = [member for member in study.members if member.run.name not in failed]
    if not trained:
        run, reason = next(iter(failed.items()))
        raise TrainingError(f"no run of the study could be trained; {run}: {reason}")
    compare(study._replace(members=tuple(trained)), dataset, command, failed)
    return True


def _plan_of(study):
    """The rows of the table that is printed before a study begins: run, settings that differ, state."""
    different = differences([member.config for member in study.members])
    yield ["run", *different, "state"]
    for member, settings in zip(study.members, rows_of(different, len(study.members)), strict=True):
        yield [member.run.name, *settings, "done" if member.is_done else "begun" if member.is_begun else "new"]


def _aligned(rows):
    """Rows of texts as lines, each column as wide as its widest text."""
    rows = list(rows)
    columns = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, columns)).rstrip() for row in rows]


def _estimate(study):
    """How long the runs that are left will take, in words: from runs of the study, from one alike, or not yet."""
    left = [member.config for member in study.members if not member.is_done]
    epochs = sum(config.num_epochs for config in left)
    done = [member for member in study.members if member.is_done]
    pace = seconds_per_epoch((recorded_seconds(member.run), member.config.num_epochs) for member in done)
    source = "the runs that are done"
    if pace is None and (alike := newest_alike(left[0])):
        run, config = alike
        pace, source = seconds_per_epoch([(recorded_seconds(run), config.num_epochs)]), run.name
    if pace is None:
        return "no run to go by; an estimate comes after the first one"
    return (
        f"about {in_words(pace * epochs)} to train and evaluate, by the records of {source}; more with compiling and "
        "validation"
    )


def _train(study, command):
    """Train the runs that are not done. Returns the runs that diverged, name -> reason; None where the user stopped."""
    failed, measured, left = {}, [], [member for member in study.members if not member.is_done]
    for number, member in enumerate(study.members, 1):
        state = ", done before" if member.is_done else ""
        print(f"\nrun {number} of {len(study.members)}: {member.run.name}{state}")
        if member.is_done:
            continue
        keras.backend.clear_session()
        begun, new = (member.run, None) if member.is_begun else (None, member.run)
        started = time.monotonic()
        left.remove(member)
        try:
            if not run_experiment(member.config, begun, new, command):
                print("the same command continues the study")
                return None
        except TrainingError as error:  # the others are trained and compared all the same
            failed[member.run.name] = str(error)
            print(f"{member.run.name}: {error}")
            continue
        if new:
            measured.append((time.monotonic() - started, member.config.num_epochs))
        if left and measured:
            expected = seconds_per_epoch(measured) * sum(each.config.num_epochs for each in left)
            print(f"\nleft: {len(left)} of {len(study.members)} runs, about {in_words(expected)} at this pace")
    return failed


def _refuse_impossible(study, dataset):
    """Raise an error that names the run, where one of them cannot be trained on a Dataset."""
    for member in study.members:
        if member.is_begun and not is_of(dataset, member.config, member.config.data_fingerprint):
            raise ConfigError(
                f"{member.run.name}: was trained on other images than these; give their --data_dir, or the study "
                "another --run_name"
            )
        if member.is_begun:
            continue
        try:
            lay_out_model(settle_with_data(member.config, dataset))
        except (ConfigError, DataError, NetworkError) as error:
            raise type(error)(f"{member.run.name}: {error}") from None


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
