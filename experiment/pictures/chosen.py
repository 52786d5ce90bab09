"""Images that a user chooses: by index among the test images, or by the path of a file."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiment.settings.datasets import DATASETS
from experiment.settings.refusals import ConfigError
from image_data.decoding import BLANK, ImageForm, read_image
from image_data.formats import UnreadableImage
from image_data.photographs import label_of_folder, shown
from image_data.splits import one_hot

CLASS = ("class:", "digit:")


class Chosen(NamedTuple):
    """Chosen images, and their names."""

    images: np.ndarray  # uint8 [N, H, W, C]
    labels: np.ndarray | None  # uint8 [N, Y]; None for a model without labels
    names: tuple[str, ...]


def choose(flag, references, config, dataset):
    """The images that a flag names.

    '7' is the eighth test image, 'class:7' or 'digit:7' the first test image of class 7, anything else the path of a
    file.

    A file is resized and cropped as the training images were. For data sets of arrays (MNIST) it must have their size.
    For a conditional model, the label of a file is the nearest folder above it that is named as a label.

    Args:
        flag: as it was typed, for errors.
        references: strings.
        config: a Config.
        dataset: a Dataset, whose test images are meant; None where there is none.

    Raises: ConfigError.
    """
    images, labels, names = [], [], []
    for reference in references:
        if is_index(reference) or reference.startswith(CLASS):
            index = _index(flag, reference, dataset)
            images.append(dataset.test.images[index])
            labels.append(dataset.test.labels[index] if config.traits.is_conditional else None)
            names.append(f"test image {index}")
        else:
            images.append(_read(flag, reference, config))
            labels.append(label_of_file(flag, reference, config) if config.traits.is_conditional else None)
            names.append(shown(Path(reference).name))
    return Chosen(np.stack(images), np.stack(labels) if config.traits.is_conditional else None, tuple(names))


def is_index(reference):
    """Whether a text is the index of an image: a number, with no more digits than any array has rows."""
    return reference.removeprefix("-").isdecimal() and len(reference) < 12


def _index(flag, reference, dataset):
    if dataset is None:
        raise ConfigError(f"{flag} {reference}: there are no test images; expected --data_dir, or paths of files")
    num_images = len(dataset.test.images)
    if reference.startswith(CLASS):
        name = reference.partition(":")[2]
        if not dataset.label_names:
            raise ConfigError(f"{flag} {reference}: these images have no classes; expected indices or paths of files")
        if name not in dataset.label_names:
            raise ConfigError(f"{flag} {reference}: no such class; expected one of {_some(dataset.label_names)}")
        of_class = dataset.test.labels[:, dataset.label_names.index(name)]
        if not of_class.any():
            raise ConfigError(f"{flag} {reference}: no test image of this class; expected another, or a file")
        return int(of_class.argmax())
    index = int(reference)
    if not 0 <= index < num_images:
        raise ConfigError(
            f"{flag} {reference}: there are {num_images:,} test images; expected 0 to {num_images - 1}, or the path of "
            "a file"
        )
    return index


def _some(names):
    """The first ten of some names."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def form_of(config):
    """The ImageForm of files for a model: resized as its photographs were, or of the exact size of its arrays."""
    return ImageForm(
        config.image_shape[:2],
        config.image_shape[2],
        config.crop,
        config.bands,
        config.white_level,
        config.max_megapixels,
        DATASETS[config.dataset].background,
        is_exact=not config.image_size,
    )


def _read(flag, path, config):
    if not Path(path).is_file():
        raise ConfigError(f"{flag} {shown(path)}: no such file; expected an image, or the index of a test image")
    form = form_of(config)
    try:
        image = read_image(path, form)
    except UnreadableImage as error:
        raise ConfigError(f"{flag} {shown(path)}: cannot be shown to the model: {error}") from error
    if (blank := BLANK.format(background=form.background)) in image.remarks:
        raise ConfigError(f"{flag} {shown(path)}: {blank}; expected an opaque image")
    return image.pixels


def label_of_file(flag, path, config):
    """The label of a file for a conditional model, [Y]: the nearest folder above it that is named as a label.

    Raises: ConfigError where there is none.
    """
    if config.has_attributes:
        raise ConfigError(
            f"{flag} {shown(path)}: the model is given attributes, which a file does not say; expected the index of a "
            "test image"
        )
    folders = [folder.name for folder in Path(os.path.abspath(path)).parents]
    labels = (label_of_folder(folder, config.label_names) for folder in folders)
    name = next(filter(None, labels), None)
    if name is None:
        raise ConfigError(
            f"{flag} {shown(path)}: the model is given labels, and this file is in {shown(folders[0])}/; expected a "
            f"folder named as one of {_some(config.label_names)}"
        )
    return one_hot(np.array(config.label_names.index(name)), len(config.label_names))
