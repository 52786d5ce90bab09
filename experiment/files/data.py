"""A Config and its data: the Dataset that it names, and what only the data can tell."""

from dataclasses import replace
from pathlib import Path

from data_utils import load_dataset
from experiment.settings.refusals import ConfigError
from image_data.photographs import Reading
from image_data.splits import DataError, pixel_variance, with_few_labels
from models.build import lay_out_model
from models.catalog import LIKELIHOODS, OBJECTIVES


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
    label_names = config.label_names or ("not read yet",)
    # It refuses what it cannot make.
    lay_out_model(replace(config, image_shape=reading.form.shape, label_names=label_names))
    return reading


def settle_with_data(config, dataset, resumed=None):
    """The Config with what only the data can tell: image shape, labels and fingerprint.

    Raises:
        DataError: the settings and the data do not fit together.
    """
    if config.traits.is_conditional and dataset.train.labels is None:
        mend = "put its images into class folders, or give --labels" if config.image_size else "use --dataset mnist"
        mend = "give y_train, from Python labels=" if config.dataset == "arrays" else mend
        raise DataError(f"--is_cvae: expected labels, but {config.dataset} has none; leave --is_cvae out, or {mend}")
    if config.traits.finds_labels:
        if not dataset.has_classes:
            raise DataError(f"--labelled {config.labelled}: expected one label for each image, not attributes")
        if config.num_epochs:
            with_few_labels(dataset.train, config.labelled, config.seed)  # refuses more than there are
    image_shape = dataset.image_shape
    label_names = dataset.label_names if config.traits.is_conditional else ()
    if config.image_shape and (config.image_shape, config.label_names) != (image_shape, label_names):
        raise DataError(
            f"--dataset {config.dataset}: the saved weights expect images {config.image_shape} and labels "
            f"{config.label_names}, the data has {image_shape} and {label_names}; use the data they were trained on, "
            "and leave out --image_size and --grayscale"
        )
    fingerprint = config.data_fingerprint if resumed else dataset.fingerprint
    if not is_of(dataset, config, fingerprint):
        raise DataError(
            f"--resume {resumed.name}: the images are not those that it began with (checksum "
            f"{fingerprint}, now {dataset.fingerprint}); give their --data_dir, or --load_weights to train on these"
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
    has_attributes = config.traits.is_conditional and not dataset.has_classes
    found = {"image_shape": image_shape, "label_names": label_names, "has_attributes": has_attributes}
    if LIKELIHOODS[config.likelihood].begins_at_data and config.image_shape is None:
        found["pixel_variance"] = pixel_variance(dataset.train.images) or None
    return replace(config, **found, data_fingerprint=fingerprint)


def is_of(dataset, config, fingerprint):
    """Whether a fingerprint is that of a Dataset. Older runs with --limit hold that of all images of their folder."""
    if fingerprint == dataset.fingerprint or not (config.limit and config.image_size):
        return fingerprint == dataset.fingerprint
    return fingerprint == read_data(replace(config, limit=None)).fingerprint
