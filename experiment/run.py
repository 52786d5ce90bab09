"""The composition root: one Config -> data, model, training, evaluation, pictures, files."""

import time
from dataclasses import replace
from pathlib import Path

from data_utils import Reading, load_dataset
from experiment.assessment import assess, assess_further, compare_with_published, table
from experiment.audit import audit
from experiment.checkpoints import (
    restore_weights,
    weights_checksum,
    weights_path,
)
from experiment.chosen import choose
from experiment.exploration import explore
from experiment.gallery import draw_loss_curve, gallery
from experiment.preprocessing import binarize_once
from experiment.records import (
    read_metrics,
    training_seconds,
    write_figures,
    write_report,
    write_results,
    write_unreadable,
)
from experiment.refusals import ConfigError
from experiment.report.explorer import explorer_data
from experiment.report.of_run import report_of_run
from experiment.runs import METRICS_FILE, next_free_run
from experiment.session import train
from experiment.training import plan_steps
from experiment.units import measure_units
from image_data.records import DataError, is_one_hot
from models import build_model
from models.distributions import Stream
from models.networks import build_decoder


def run_experiment(config, resumed=None, named=None):
    """Do what a Config says, in a new run, or continue the Run `resumed`. Returns False where the user stopped it.

    Args: named, the Run to make, which has no files yet; without it a name that is free is found.
    Raises: ConfigError, DataError, NetworkError, CheckpointError, TrainingError or OSError for what a user can mend.
    """
    dataset = read_data(config)
    config = settle_with_data(config, dataset, resumed)
    chosen = {
        flag: choose(f"--{flag}", getattr(config, flag), config, dataset.test)
        for flag in ("reconstruct", "interpolate", "traverse", "relabel")
        if getattr(config, flag)
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
    if config.num_epochs == 0:
        return evaluate(model, config, dataset, run, chosen, weights, lines)
    with run.held():
        if not train(model, config, dataset, run, resumed):
            return False
        weights = weights_path(run.checkpoints, config)
        restore_weights(model, weights)
        return evaluate(model, config, dataset, run, chosen, weights, lines)


def evaluate(model, config, dataset, run, chosen, weights, lines):
    """Measure and draw a model with these weights, and write it all down. Returns False where the user stopped it."""
    started = time.monotonic()
    rows = read_metrics(run.outputs / METRICS_FILE)
    binary_test = binarize_once(dataset.test, config.binarization, Stream.TEST_BINARIZATION)
    results = assess(model, config, binary_test)
    results["protocol"] |= {
        "weights": str(weights),
        "weights_sha256": weights_checksum(weights),
        "unreadable_images_left_out": len(dataset.unreadable),
        "training_seconds": round(training_seconds(rows, plan_steps(dataset.train, config).batch_size), 1),
    }
    write_results(run.outputs, results, table(results))
    units = measure_units(model, config, binary_test)
    figures = gallery(model, config, dataset.test, binary_test)
    figures |= explore(model, config, chosen, units, binary_test, dataset.label_names)
    if rows:
        figures["loss_curve"] = draw_loss_curve(config, rows)
    pictures = write_figures(run.outputs, figures)

    further = None
    try:
        further = assess_further(model, config, dataset, binary_test)
    except KeyboardInterrupt:
        again = f"--resume {run.name}" if config.num_epochs else "the same command"
        print(f"stopped in the evaluation; all else is saved; evaluate again with: {again}")
    if further:
        results["test"] |= further
        results |= compare_with_published(config, results["test"])
        results["protocol"]["evaluation_seconds"] = round(time.monotonic() - started, 1)
        write_results(run.outputs, results, table(results))
    explorer = explorer_data(model, config, units, binary_test)
    write_report(run.outputs, report_of_run(run.name, config, lines, results, rows, pictures, units, explorer))
    if further is None:
        return False
    print_results(results, config, run)
    return True


def read_data(config):
    """The Dataset that a Config names."""
    reading = reading_of(config) if config.image_size else None
    return load_dataset(config.dataset, config.data_dir, config.limit, reading)


def reading_of(config):
    """How photographs are to be read. Raises what can be known to go wrong before the first of them is opened."""
    if config.data_dir and Path.cwd().is_relative_to(Path(config.data_dir).resolve()):
        raise ConfigError(
            f"--data_dir {config.data_dir}: the program was started within it, and what it writes would be taken for "
            "images; start it in another folder"
        )
    reading = Reading(**{name: getattr(config, name) for name in Reading._fields})
    image_shape = (reading.image_size, reading.image_size, 1 if reading.grayscale else 3)
    build_decoder(replace(config, image_shape=image_shape), parameters_per_channel=1)  # refuses what it cannot make
    return reading


def settle_with_data(config, dataset, resumed=None):
    """The Config with what only the data can tell. Raises DataError where the two do not go together."""
    if config.is_cvae and dataset.train.labels is None:
        mend = "put its images into class folders" if config.image_size else "use --dataset mnist"
        raise DataError(f"--is_cvae: expected labels, but {config.dataset} has none; leave --is_cvae out, or {mend}")
    image_shape = dataset.image_shape
    label_names = dataset.label_names if config.is_cvae else ()
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
    if config.objective == "mmd" and min(config.batch_size, num_train, len(dataset.validation.images)) < 2:
        raise DataError(
            f"--objective mmd: it compares codes with each other; expected at least 2 images in a batch (--batch_size "
            f"{config.batch_size}), to train ({num_train}) and to validate ({len(dataset.validation.images)})"
        )
    if config.embed and len(dataset.test.images) < 4:
        raise DataError(f"--embed: expected at least 4 test images, found {len(dataset.test.images)}")
    if config.batch_size > num_train:
        print(f"--batch_size {config.batch_size}: there are only {num_train} training images; batches hold {num_train}")
    has_attributes = config.is_cvae and not is_one_hot(dataset.train.labels)
    found = {"image_shape": image_shape, "label_names": label_names, "has_attributes": has_attributes}
    return replace(config, **found, data_fingerprint=fingerprint)


def new_run(config):
    """A run with folders of its own, under a name that no older run has."""
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
    """Print the numbers that were reached, and name every file that was written."""
    print("\n" + "\n".join(table(results)))
    print("\nFiles")
    for folder in (run.outputs, run.checkpoints):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                print(f"  {path}")
    if config.tensorboard:
        print(f"open its curves and pictures with: tensorboard --logdir {run.outputs}")
