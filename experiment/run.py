"""One run: from a Config to data, model, training, evaluation, pictures and files."""

import time
from dataclasses import replace
from pathlib import Path

from data_utils import load_dataset
from experiment.audit import audit
from experiment.evaluation.inference import Inference
from experiment.evaluation.left_out import LeftOut
from experiment.evaluation.measures import Subject, measure_elbo, measure_further, num_codes_measured
from experiment.evaluation.protocol import protocol_of
from experiment.evaluation.results import compare_with_published, table
from experiment.files.checkpoints import restore_weights, weights_checksum, weights_path
from experiment.files.names import METRICS_FILE, next_free_run
from experiment.files.records import (
    read_metrics,
    training_seconds,
    write_figure,
    write_report,
    write_results,
    write_unreadable,
)
from experiment.pictures.always import draw_always, draw_charts
from experiment.pictures.chosen import choose
from experiment.pictures.codes import Units
from experiment.pictures.requested import Scene, draw_requested, num_codes_drawn
from experiment.report.explorer import explorer_data
from experiment.report.of_run import report_of_run
from experiment.session import train
from experiment.settings.config import flags
from experiment.settings.refusals import ConfigError
from experiment.settings.values import IMAGES
from experiment.training.loop import plan_steps
from experiment.training.preprocessing import binarize_once
from image_data.photographs import Reading
from image_data.splits import DataError, is_one_hot
from models.build import build_model
from models.catalog import OBJECTIVES
from models.networks import build_decoder
from models.noise import Stream


def run_experiment(config, resumed=None, named=None):
    """Do what a Config says, in a new run or in the Run `resumed`.

    Args:
        config: a Config.
        resumed: the Run to continue, or None.
        named: the Run to create, which has no files yet; None takes a free name.

    Returns:
        False if the user stopped it, else True.

    Raises:
        ConfigError, DataError, NetworkError, CheckpointError, TrainingError, OSError: what the user can fix.
    """
    dataset = read_data(config)
    config = settle_with_data(config, dataset, resumed)
    chosen = {
        each.name: choose(f"--{each.name}", getattr(config, each.name), config, dataset.test)
        for each in flags()
        if each.metadata["rule"] is IMAGES and getattr(config, each.name)
    }
    model = build_model(config)
    weights = config.load_weights
    if weights and not resumed:
        restore_weights(model, weights)
    if named:
        named.claim()
    run = resumed or named or new_run(config)
    if dataset.unreadable:
        write_unreadable(run.outputs, dataset.unreadable)
    lines = audit(config, model, dataset, run)
    print_audit(lines)
    infer = Inference(model, config.seed)
    if config.num_epochs == 0:
        return evaluate(model, config, dataset, run, infer, chosen, weights, lines)
    with run.held():
        if not train(model, config, dataset, run, infer, resumed):
            return False
        weights = weights_path(run.checkpoints, config)
        restore_weights(model, weights)
        return evaluate(model, config, dataset, run, infer, chosen, weights, lines)


def evaluate(model, config, dataset, run, infer, chosen, weights, lines):
    """Measure and draw a model with these weights, and write the records. Returns False if the user stopped it.

    A part that fails is left out. results.json, the report and the terminal name it with the reason.
    """
    started, left_out = time.monotonic(), LeftOut()
    rows = read_metrics(run.outputs / METRICS_FILE)
    binary_test = binarize_once(dataset.test, config.binarization, Stream.TEST_BINARIZATION)
    num_images = len(binary_test.images)
    inferred = infer(binary_test, max(num_codes_measured(config, num_images), num_codes_drawn(config, num_images)))
    units = Units.of(inferred, config)
    protocol = protocol_of(config, num_images) | {
        "weights": str(weights),
        "weights_sha256": weights_checksum(weights),
        "unreadable_images_left_out": len(dataset.unreadable),
        "training_seconds": round(training_seconds(rows, plan_steps(dataset.train, config).batch_size), 1),
    }
    results = {"test": measure_elbo(config, inferred), "protocol": protocol}
    write_results(run.outputs, results, table(results))

    scene = Scene(model, config, units, binary_test, dataset.label_names, inferred)
    figures = draw_always(model, config, dataset.test, binary_test, left_out)
    figures |= draw_requested(scene, chosen, left_out)
    charts = draw_charts(config, rows, units, left_out)
    pictures = write_all(run, figures, left_out)
    write_all(run, charts, left_out)

    subject = Subject(model, config, dataset, binary_test, infer, inferred)
    is_finished = measure_patiently(subject, results, run, left_out)
    if is_finished:
        protocol["evaluation_seconds"] = round(time.monotonic() - started, 1)
    explorer = left_out.attempt("latent explorer", explorer_data, model, config, units, binary_test)
    if left_out:
        results["left_out"] = dict(left_out)
    write_results(run.outputs, results, table(results))
    write_report(
        run.outputs, report_of_run(run.name, config, lines, results, charts.values(), pictures, units, explorer)
    )
    if is_finished:
        print_results(results, config, run)
    return is_finished


def write_all(run, figures, left_out):
    """Write Figures into a run's folder. Returns the paths of the files that were written."""
    paths = [
        left_out.attempt(f"file of {name}", write_figure, run.outputs, name, each) for name, each in figures.items()
    ]
    return list(filter(None, paths))


def measure_patiently(subject, results, run, left_out):
    """Add the slow measures to the results. Returns False if the user stopped them."""
    try:
        results["test"] |= measure_further(subject, left_out)
    except KeyboardInterrupt:
        again = f"--resume {run.name}" if subject.config.num_epochs else "the same command"
        print(f"stopped in the evaluation; all else is saved; evaluate again with: {again}")
        return False
    results |= compare_with_published(subject.config, results["test"])
    return True


def read_data(config):
    """The Dataset that a Config names."""
    reading = reading_of(config) if config.image_size else None
    return load_dataset(config.dataset, config.data_dir, config.limit, reading)


def reading_of(config):
    """The Reading for photographs. Raises errors that can be known before the first file is opened."""
    if config.data_dir and Path.cwd().is_relative_to(Path(config.data_dir).resolve()):
        raise ConfigError(
            f"--data_dir {config.data_dir}: the program was started within it, and what it writes would be taken for "
            "images; start it in another folder"
        )
    reading = Reading(**{name: getattr(config, name) for name in Reading._fields})
    image_shape = (reading.image_size, reading.image_size, 1 if reading.grayscale else 3)
    build_decoder(replace(config, image_shape=image_shape), parameters_per_channel=1)  # refuses unfit image sizes
    return reading


def settle_with_data(config, dataset, resumed=None):
    """The Config with what only the data can tell: image shape, labels and fingerprint.

    Raises:
        DataError: the settings and the data do not fit together.
    """
    if config.traits.is_conditional and dataset.train.labels is None:
        mend = "put its images into class folders" if config.image_size else "use --dataset mnist"
        raise DataError(f"--is_cvae: expected labels, but {config.dataset} has none; leave --is_cvae out, or {mend}")
    image_shape = dataset.image_shape
    label_names = dataset.label_names if config.traits.is_conditional else ()
    if config.image_shape and (config.image_shape, config.label_names) != (image_shape, label_names):
        raise DataError(
            f"--dataset {config.dataset}: the saved weights expect images {config.image_shape} and labels "
            f"{config.label_names}, the data has {image_shape} and {label_names}; use the data they were trained on, "
            "and leave out --image_size and --grayscale"
        )
    fingerprint = dataset.fingerprint
    if resumed and config.data_fingerprint != fingerprint:
        raise DataError(
            f"--resume {resumed.name}: the images are not those that it began with (checksum "
            f"{config.data_fingerprint}, now {fingerprint}); give their --data_dir, or --load_weights to train on these"
        )
    num_train = len(dataset.train.images)
    least, num_validation = OBJECTIVES[config.objective].least_images, len(dataset.validation.images)
    if min(config.batch_size, num_train, num_validation) < least:
        raise DataError(
            f"--objective {config.objective}: it compares images with each other; expected at least {least} images in "
            f"a batch (--batch_size {config.batch_size}), to train ({num_train}) and to validate ({num_validation})"
        )
    if config.embed and len(dataset.test.images) < 4:
        raise DataError(f"--embed: expected at least 4 test images, found {len(dataset.test.images)}")
    if config.batch_size > num_train:
        print(f"--batch_size {config.batch_size}: there are only {num_train} training images; batches hold {num_train}")
    has_attributes = config.traits.is_conditional and not is_one_hot(dataset.train.labels)
    found = {"image_shape": image_shape, "label_names": label_names, "has_attributes": has_attributes}
    return replace(config, **found, data_fingerprint=fingerprint)


def new_run(config):
    """Create a run with its own folders, under a name that no older run has."""
    while True:
        run = next_free_run(config.family if config.num_epochs > 0 else f"{config.family}_generated")
        try:
            run.create(has_checkpoints=config.num_epochs > 0)
        except FileExistsError:  # another process took the name between the two lines above
            continue
        return run


def print_audit(lines):
    for name, text in lines:
        print(f"{name:>12}  {text}")


def print_results(results, config, run):
    """Print the results, and the path of every file of the run."""
    print("\n" + "\n".join(table(results)))
    print("\nFiles")
    for folder in (run.outputs, run.checkpoints):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                print(f"  {path}")
    if config.tensorboard:
        print(f"open its curves and pictures with: tensorboard --logdir {run.outputs}")
