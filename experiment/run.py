"""The composition root: one Config -> data, model, training, evaluation, pictures, files."""

import time
from contextlib import closing
from dataclasses import replace
from math import isfinite
from pathlib import Path

from tqdm import tqdm

from data_utils import Reading, load_dataset
from experiment.assessment import assess, assess_further, compare_with_published, table
from experiment.atomic import atomic_path
from experiment.audit import audit
from experiment.checkpoints import (
    restore_state,
    restore_weights,
    save_config,
    save_model_weights,
    save_state,
    weights_checksum,
    weights_path,
)
from experiment.chosen import choose
from experiment.evaluation.likelihood import ElboEvaluator
from experiment.exploration import explore
from experiment.figures import save_animation
from experiment.gallery import draw_loss_curve, draw_reconstructions, draw_samples, gallery
from experiment.interruption import Interruption
from experiment.preprocessing import binarize_once
from experiment.records import (
    MetricsLog,
    read_metrics,
    training_seconds,
    write_results,
    write_unreadable,
)
from experiment.refusals import ConfigError
from experiment.runs import METRICS_FILE, next_free_run
from experiment.training import TrainingError, TrainingState, fit, plan_steps
from experiment.validation import LossEvaluator
from image_data.records import DataError
from models import build_model
from models.distributions import Stream
from models.networks import build_decoder


def run_experiment(config, resumed=None):
    """Do what a Config says, in a new run, or continue the Run `resumed`. Returns False where the user stopped it.

    Raises: ConfigError, DataError, NetworkError, CheckpointError, TrainingError or OSError for what a user can mend.
    """
    reading = reading_of(config) if config.image_size else None
    dataset = load_dataset(config.dataset, config.data_dir, config.limit, reading)
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
    run = resumed or new_run(config)
    if dataset.unreadable:
        write_unreadable(run.outputs, dataset.unreadable)
    print_audit(audit(config, model, dataset, run))

    if config.num_epochs > 0:
        with run.held():
            is_finished = train(model, config, dataset, run, resumed)
        if not is_finished:
            return False
        weights = weights_path(run.checkpoints, config)
        restore_weights(model, weights)

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
    save_figures(gallery(model, config, dataset.test, binary_test), run.outputs)
    save_figures(explore(model, config, chosen, binary_test, dataset.label_names), run.outputs)
    if rows:
        save_figures({"loss_curve": draw_loss_curve(config, rows)}, run.outputs)
    try:
        further = assess_further(model, config, dataset, binary_test)
    except KeyboardInterrupt:
        again = f"--resume {run.name}" if config.num_epochs else "the same command"
        print(f"stopped in the evaluation; all else is saved; evaluate again with: {again}")
        return False
    if further:
        results["test"] |= further
        results |= compare_with_published(config, results["test"])
        results["protocol"]["evaluation_seconds"] = round(time.monotonic() - started, 1)
        write_results(run.outputs, results, table(results))
    report(results, run)
    return True


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
    return replace(config, image_shape=image_shape, label_names=label_names, data_fingerprint=fingerprint)


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


def train(model, config, dataset, run, resumed=None):
    """Train to the last epoch, saving on the way. Returns False where the user stopped it."""
    plan = plan_steps(dataset.train, config)
    state = TrainingState(model, config, plan.num_steps)
    if resumed:
        restore_state(state, config, run.checkpoints)
    first_step = int(state.step.numpy())
    if not 0 <= first_step <= plan.num_steps:
        raise ConfigError(
            f"--num_epochs {config.num_epochs}: {run.name} has made {first_step // plan.steps_per_epoch} epochs "
            "already; expected at least as many, or --load_weights to train anew from its weights"
        )
    save_config(config, run.checkpoints)
    save_state(state, config, run.checkpoints)
    run.outputs.mkdir(parents=True, exist_ok=True)

    validation = binarize_once(dataset.validation, config.binarization, Stream.VALIDATION_BINARIZATION)
    evaluator, loss_of_validation = ElboEvaluator(model, config.seed), LossEvaluator(model, config, plan)
    if config.load_weights and first_step == 0:
        loss = loss_of_validation(validation.images, validation.labels)
        print(f"validation loss of the weights it begins with: {loss:.2f} nats; they are kept where none is lower")
        state.lowest_loss.assign(loss)
        save_model_weights(model, config, run.checkpoints)
    last_save = time.monotonic()
    with (
        closing(MetricsLog(run.outputs, first_step, config.tensorboard)) as log,
        progress_bar(first_step, plan) as bar,
        Interruption() as interruption,
    ):
        for progress in fit(state, dataset.train, config):
            if progress.num_made:
                log.append_training(progress)
            show(bar, progress)
            if progress.is_epoch_end:
                with state.averaged():
                    estimate = evaluator(validation.images, validation.labels)
                    loss = loss_of_validation(validation.images, validation.labels)
                    for name, value in (("ELBO", estimate.elbo), ("loss", loss)):
                        if not isfinite(value):
                            raise TrainingError(
                                f"the validation {name} became {value} after {progress.step} steps: expected a "
                                "finite number; train anew with a lower --learning_rate"
                            )
                    log.append_validation(progress, estimate, loss)
                    save_epoch(state, loss, config, run)
                    if config.every_epoch:
                        keep_epoch(model, config, run, f"epoch_{progress.epoch:03}", dataset.validation, validation)
            is_due = time.monotonic() - last_save > config.save_seconds
            if progress.is_epoch_end or is_due or interruption.requested:
                log.sync()
                save_state(state, config, run.checkpoints)
                last_save = time.monotonic()
            if interruption.requested:
                break
    step, num_skipped = int(state.step.numpy()), int(state.num_skipped.numpy())
    if num_skipped:
        print(f"left out {num_skipped} of {step:,} steps, whose loss or gradient was not finite")
    if step < plan.num_steps:
        print(
            f"stopped at step {step:,} of {plan.num_steps:,}; continue with: python assignment.py --resume {run.name}"
        )
    return step == plan.num_steps


def progress_bar(first_step, plan):
    """A bar over images, from where the run stands."""
    return tqdm(
        initial=first_step * plan.batch_size,
        total=plan.num_steps * plan.batch_size,
        unit=" images",
        unit_scale=True,
        dynamic_ncols=True,
    )


def show(bar, progress):
    """Move the bar, and write the latest means beside it."""
    bar.set_description_str(f"epoch {progress.epoch}", refresh=False)
    bar.set_postfix_str(
        f"loss {progress.loss:.1f}, distortion {progress.distortion:.1f}, rate {sum(progress.rate_per_level):.1f} nats",
        refresh=False,
    )
    bar.update(progress.num_images)


def save_epoch(state, loss, config, run):
    """Weights after every epoch, and at the lowest validation loss so far."""
    save_model_weights(state.model, config, run.checkpoints, tag="last")
    if loss < state.lowest_loss.numpy():
        state.lowest_loss.assign(loss)
        save_model_weights(state.model, config, run.checkpoints)


def keep_epoch(model, config, run, tag, validation, binary_validation):
    """The weights of this epoch, and pictures of what they make: outputs/<run>/epochs/."""
    save_model_weights(model, config, run.checkpoints, tag)
    pictures = {
        f"{tag}_samples": draw_samples(model, config, validation),
        f"{tag}_reconstructions": draw_reconstructions(model, config, validation, binary_validation, "validation"),
    }
    save_figures(pictures, run.outputs / "epochs")


def save_figures(figures, folder):
    """Write each Figure of a dict as a PNG file of its name, each list of them as the frames of a GIF."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        if isinstance(figure, list):
            with atomic_path(folder / f"{name}.gif") as temporary:
                save_animation(figure, temporary)
        else:
            with atomic_path(folder / f"{name}.png") as temporary:
                figure.savefig(temporary, format="png")


def report(results, run):
    """Print the numbers that were reached, and name every file that was written."""
    print("\n" + "\n".join(table(results)))
    print("\nFiles")
    for folder in (run.outputs, run.checkpoints):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                print(f"  {path}")
