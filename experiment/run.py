"""One run: from a Config to data, model, training, evaluation, pictures and files."""

import json
import time
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from atomic_files import write_text
from experiment.advice.evidence import Evidence
from experiment.advice.signs import advise, as_lines
from experiment.audit import audit
from experiment.evaluation.inference import Inference
from experiment.evaluation.labels import labelled_by, log_label_posteriors
from experiment.evaluation.left_out import LeftOut
from experiment.evaluation.measures import Subject, measure_elbo, measure_further, num_codes_measured
from experiment.evaluation.protocol import protocol_of
from experiment.evaluation.results import compare_with_published, table
from experiment.export.write import EXPORT_FOLDER, write_export
from experiment.files.checkpoints import restore_weights, save_card, weights_checksum, weights_path
from experiment.files.data import read_data, settle_with_data
from experiment.files.environment import environment
from experiment.files.names import METRICS_FILE, REPORT_FILE, Run, command_line, how_to_resume, next_free_run
from experiment.files.records import (
    read_metrics,
    training_seconds,
    write_figures,
    write_report,
    write_results,
    write_unreadable,
)
from experiment.files.tensorboard import Board
from experiment.files.trackers import TRACKERS_FILE, Tracked
from experiment.pictures.always import draw_always, draw_charts, draw_samples_alone
from experiment.pictures.chosen import Chosen, choose
from experiment.pictures.codes import Units
from experiment.pictures.photographs import draw_photographs
from experiment.pictures.requested import Scene, draw_anomalies, draw_requested, num_codes_drawn
from experiment.report.card import model_card
from experiment.report.explorer import explorer_data
from experiment.report.of_run import report_of_run
from experiment.session import shared_by_workers, train, work
from experiment.settings.config import Config, flags
from experiment.settings.formats import refuse_missing_packages
from experiment.settings.refusals import ConfigError
from experiment.settings.values import IMAGES
from experiment.settings.words import nats_of
from experiment.tables.of_splits import split_of_folder, write_codes, write_scores
from experiment.training.devices import find_devices
from experiment.training.execution import precision_of
from experiment.training.loop import plan_steps
from experiment.training.preprocessing import binarize_once
from image_data.splits import DataMissing, Dataset, trained_on_validation
from models.build import build_model
from models.noise import Stream

OTHER_IMAGES = (
    "WARNING: not the images that the weights were trained with, or other splits of them: training images may be tested"
)


class Experiment(NamedTuple):
    """A run that is about to be trained, measured and drawn."""

    config: Config
    dataset: Dataset
    run: Run
    model: Any
    infer: Inference
    chosen: dict[str, Chosen]  # the images that flags name
    lines: list[tuple[str, str]]  # of the audit
    origin: dict[str, Any]  # the command as it was typed, and the environment at the start
    trackers: list[Board | Tracked]


def run_experiment(config, resumed=None, named=None, command="", dataset=None):
    """Do what a Config says, in a new run, or continue a run. Returns the Run, or None where the user stopped it.

    A worker other than the chief only trains with it, and returns whether training came to its end.

    Args:
        config: a Config.
        resumed: the Run to continue, or None.
        named: the Run to make, which has no files yet; without it a name that is free is found.
        command: the line that asked for it, for the protocol.
        dataset: the Dataset, where it was given from Python.

    Raises: ConfigError, DataError, NetworkError, CheckpointError, TrainingError, WorkerLost or OSError for what a
        user can mend.
    """
    refuse_missing_packages(config.export)
    devices = find_devices(config)
    if config.score:
        return score_folder(config, command)
    try:
        dataset = dataset or read_data(config)
    except DataMissing as missing:
        if not config.load_weights:
            raise
        if config.num_epochs or config.evaluate or config.iw_samples or config.has_attributes:
            raise DataMissing(missing.found) from missing
        return draw_without_data(config, missing)
    if config.num_epochs == 0 and not config.limit and config.data_fingerprint not in (None, dataset.fingerprint):
        dataset = dataset._replace(notes=(*dataset.notes, OTHER_IMAGES))
    config = settle_with_data(config, dataset, resumed)
    if config.num_epochs:
        config = replace(config, precision=precision_of(config))
        if config.train_on_validation:
            dataset = trained_on_validation(dataset)
    num_train = len(dataset.train.images)
    if config.batch_size > num_train:
        print(f"--batch_size {config.batch_size}: there are only {num_train} training images; batches hold {num_train}")
    chosen = choose_all(config, dataset)
    weights = config.load_weights
    if config.num_epochs:
        devices.refuse_unequal_shares(plan_steps(dataset.train, config).batch_size)
        devices.refuse_differences(shared_by_workers(config, resumed))
    with devices.together():
        model = build_model(config)
    if weights and not resumed:
        restore_weights(model, weights)
    if not devices.is_chief:
        return work(model, config, dataset, devices, resumed)
    if named:
        named.claim()
    run = resumed or named or new_run(config)
    if dataset.unreadable:
        write_unreadable(run.outputs, dataset.unreadable)
    lines = audit(config, model, dataset, run, devices)
    print_audit(lines)
    infer, origin = Inference(model, config.seed), {"command": command, **environment()}
    with run.held() if config.num_epochs else nullcontext(), tracking(config, run) as trackers:
        experiment = Experiment(config, dataset, run, model, infer, chosen, lines, origin, trackers)
        if config.num_epochs:
            if not train(model, config, dataset, run, infer, trackers, resumed, devices):
                return None
            weights = weights_path(run.checkpoints, config)
            restore_weights(model, weights)
        return run if evaluate(experiment, weights) else None


def run_member(member, command):
    """The same for a Member of a Study, from where it is: a new run with its name, or one that continues."""
    begun, new = (member.run, None) if member.is_begun else (None, member.run)
    return run_experiment(member.config, begun, new, command)


@contextmanager
def tracking(config, run):
    """A context: a list of what shows the numbers of a run elsewhere, closed at its end.

    Raises:
        ConfigError: a service cannot begin.
    """
    with ExitStack() as stack:
        try:
            trackers = [stack.enter_context(closing(Tracked(name, run, config))) for name in config.track]
        except ConfigError:
            run.release()
            raise
        if config.tensorboard:
            trackers.append(stack.enter_context(closing(Board(run.outputs, config))))
        yield trackers


def choose_all(config, dataset):
    """The Chosen images of each flag that names some: a dict."""
    return {
        each.name: choose(f"--{each.name}", getattr(config, each.name), config, dataset)
        for each in flags()
        if each.metadata["rule"] is IMAGES and getattr(config, each.name)
    }


def draw_without_data(config, missing):
    """Draw and export what saved weights make without a data set: samples, and pictures of a user's own files.

    Raises: ConfigError where a picture needs test images.
    """
    for name in ("embed", "anomalies", "codes"):
        if getattr(config, name):
            raise ConfigError(f"--{name}: it needs the images of the data set, and there are none ({missing.found})")
    chosen, left_out = choose_all(config, None), LeftOut()
    model = build_model(config)
    restore_weights(model, config.load_weights)
    run = new_run(config)
    figures = draw_samples_alone(model, config, left_out)
    scene = Scene(model, config, units=None, test=None, label_names=config.label_names, inferred=None)
    figures |= draw_requested(scene, chosen, left_out)
    print(f"no data: {missing.found}\nonly what needs none is drawn; numbers and the report need test images")
    for path in write_figures(run.outputs, figures, left_out):
        print(path)
    export(model, config, config.load_weights, run, left_out)
    return run


def score_folder(config, command):
    """Write the table of the images in a folder, what made it, and pictures of the most and the least unusual."""
    split, unreadable = split_of_folder(config, config.score)
    model, left_out = build_model(config), LeftOut()
    restore_weights(model, config.load_weights)
    infer, run = Inference(model, config.seed), new_run(config)
    if unreadable:
        write_unreadable(run.outputs, unreadable)
    paths = list(write_scores(infer, config, split, run.outputs))
    card = {
        "images": config.score,
        "num_images": len(split.images),
        "weights": config.load_weights,
        "weights_sha256": weights_checksum(config.load_weights),
        "num_importance_samples": config.iw_samples,
        "unit": f"nats per image: {nats_of(config)}",
        "command": command,
        **environment(),
    }
    write_text(run.outputs / "scores.json", json.dumps(card, indent=2) + "\n")
    if config.anomalies:
        if config.traits.finds_labels:
            split = labelled_by(log_label_posteriors(model, split.images), split)
        scene = Scene(model, config, None, split, config.label_names, infer(split))
        paths += write_figures(run.outputs, draw_anomalies(scene, None), left_out)
    print("\n".join(map(str, paths)))
    export(model, config, config.load_weights, run, left_out)
    return run


def export(model, config, weights, run, left_out):
    """Write the model for other programs, in the formats that were asked for, and say where."""
    if config.export and left_out.attempt(EXPORT_FOLDER, write_export, model, config, weights, run.outputs):
        print(f"for other programs: {run.outputs / EXPORT_FOLDER}/")


def evaluate(experiment, weights):
    """Measure and draw a model with these weights, and write it all down. Returns False where the user stopped it.

    A part that fails is left out. results.json, the report and the terminal name it with the reason.
    """
    config, dataset, run, model, infer, chosen, lines, origin, trackers = experiment
    started, left_out = time.monotonic(), LeftOut()
    rows = read_metrics(run.outputs / METRICS_FILE)
    binary_test = binarize_once(dataset.test, config.binarization, Stream.TEST_BINARIZATION)
    num_images = len(binary_test.images)
    inferred = infer(binary_test, max(num_codes_measured(config, num_images), num_codes_drawn(config, num_images)))
    units = Units.of(inferred, config)
    protocol = protocol_of(config, dataset, origin) | {
        "weights": str(weights),
        "weights_sha256": weights_checksum(weights),
        **checksum_of_first_weights(config),
        "unreadable_images_left_out": len(dataset.unreadable),
        "training_seconds": round(training_seconds(rows, plan_steps(dataset.train, config).batch_size), 1),
    }
    results = {"test": measure_elbo(model, config, inferred), "protocol": protocol}
    write_results(run.outputs, results, table(results))

    scene = Scene(model, config, units, binary_test, dataset.label_names, inferred)
    figures = draw_always(model, config, dataset.test, binary_test, left_out)
    figures |= draw_photographs(model, config, dataset, binary_test, left_out)
    requested = draw_requested(scene, chosen, left_out)
    figures |= requested
    charts = draw_charts(config, rows, units, left_out)
    pictures = write_figures(run.outputs, figures, left_out)
    write_figures(run.outputs, charts, left_out)
    export(model, config, weights, run, left_out)

    subject = Subject(model, config, dataset, binary_test, infer, inferred)
    is_finished = measure_patiently(subject, results, run, left_out)
    if is_finished:
        protocol["evaluation_seconds"] = round(time.monotonic() - started, 1)
    if config.codes:
        for path in left_out.attempt("--codes", write_codes, infer, config, dataset, run.outputs) or ():
            print(path)
    evidence = Evidence(config, rows, results, dataset)
    results["advice"] = [remark._asdict() for remark in left_out.attempt("advice", advise, evidence) or []]
    explorer = left_out.attempt("latent explorer", explorer_data, model, config, units, binary_test)
    if left_out:
        results["left_out"] = dict(left_out)
    write_results(run.outputs, results, table(results))
    report = report_of_run(run.name, config, lines, results, charts.values(), pictures, units, explorer)
    write_report(run.outputs, report)
    if is_finished:
        if config.num_epochs:
            save_card(model_card(run.name, config, results), run.checkpoints)
        files = [path for path in sorted(run.outputs.iterdir()) if path.is_file() and path.name != TRACKERS_FILE]
        for tracker in trackers:
            tracker.end(rows[-1]["step"] if rows else 0, results["test"], files)
        asked = {"samples", *requested} if config.num_epochs == 0 else {*requested}
        print_results(results, config, run, [path for path in pictures if path.stem in asked])
    return is_finished


def checksum_of_first_weights(config):
    """For the protocol, the checksum of the weights that training began with, if these are still there: a dict."""
    first = Path(config.load_weights or "")
    return {"first_weights_sha256": weights_checksum(first)} if config.num_epochs and first.is_file() else {}


def measure_patiently(subject, results, run, left_out):
    """Add the slow measures to the results. Returns False if the user stopped them."""
    try:
        results["test"] |= measure_further(subject, left_out)
    except KeyboardInterrupt:
        again = how_to_resume(run, subject.config) if subject.config.num_epochs else "the same command"
        print(f"stopped in the evaluation; all else is saved; evaluate again with: {again}")
        return False
    results |= compare_with_published(subject.config, results["test"])
    return True


def new_run(config):
    """Create a run with its own folders, under a name that no older run has."""
    made = "" if config.num_epochs else "_scores" if config.score else "_generated"
    while True:
        run = next_free_run(config.family + made)
        try:
            run.create(has_checkpoints=config.num_epochs > 0)
        except FileExistsError:  # another process took the name between the two lines above
            continue
        return run


def print_audit(lines):
    for name, text in lines:
        print(f"{name:>12}  {text}")


def print_results(results, config, run, pictures):
    """Print the numbers that were reached, and where everything is, with the paths of pictures that were asked for."""
    print("\n" + "\n".join(table(results)) + "\n")
    if results["advice"]:
        print("\n".join(["Advice", *as_lines(each.values() for each in results["advice"]), ""]))
    for path in pictures:
        print(path)
    print(f"report: {run.outputs / REPORT_FILE}")
    if run.checkpoints.is_dir():
        print(f"weights: {run.checkpoints}/")
    if config.tensorboard:
        print(f"open its curves and pictures with: {command_line('tensorboard', '--logdir', run.outputs)}")
