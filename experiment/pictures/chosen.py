"""Images that a user chooses: by index among the test images, or by the path of a file."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from experiment.settings.refusals import ConfigError
from image_data.decoding import ImageForm, UnreadableImage, decode
from image_data.photographs import shown
from image_data.splits import one_hot


class Chosen(NamedTuple):
    """Chosen images, and their names."""

    images: np.ndarray  # uint8 [N, H, W, C]
    labels: np.ndarray | None  # uint8 [N, Y]; None for a model without labels
    names: tuple[str, ...]


def choose(flag, references, config, test):
    """The images that a flag names: '7' is the eighth test image, anything else the path of a file.

    A file is resized and cropped as the training images were. For data sets of arrays (MNIST) it must have their size.
    For a conditional model, the label of a file is the nearest folder above it that is named as a label.

    Args:
        flag: as the user typed it, for errors.
        references: strings.
        config: a Config.
        test: the Split of the original test images.

    Returns:
        Chosen.

    Raises:
        ConfigError: no such test image or file, an image of the wrong size, or no label for a file.
    """
    images, labels, names = [], [], []
    for reference in references:
        if reference.removeprefix("-").isdecimal():
            index = _index(flag, reference, test)
            images.append(test.images[index])
            labels.append(test.labels[index] if config.traits.is_conditional else None)
            names.append(f"test image {index}")
        else:
            images.append(_read(flag, reference, config))
            labels.append(_label_of_folder(flag, reference, config) if config.traits.is_conditional else None)
            names.append(shown(Path(reference).name))
    return Chosen(np.stack(images), np.stack(labels) if config.traits.is_conditional else None, tuple(names))


def _index(flag, reference, test):
    index = int(reference)
    if not 0 <= index < len(test.images):
        raise ConfigError(
            f"{flag} {reference}: there are {len(test.images):,} test images; expected 0 to {len(test.images) - 1}, or "
            "the path of a file"
        )
    return index


def _read(flag, path, config):
    height, width, channels = config.image_shape
    if not Path(path).is_file():
        raise ConfigError(f"{flag} {shown(path)}: no such file; expected an image, or the index of a test image")
    if not config.image_size:
        try:
            with Image.open(path) as image:
                size = image.size
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError):
            size = None  # `decode` raises the reason
        if size not in (None, (width, height)):
            raise ConfigError(
                f"{flag} {path}: {size[0]}x{size[1]} pixels; expected {width}x{height}, the size of the images that "
                "the model knows"
            )
    try:
        return decode(path, ImageForm(height, channels, config.crop))
    except UnreadableImage as error:
        raise ConfigError(f"{flag} {path}: {error}; expected an image file") from error


def _label_of_folder(flag, path, config):
    if config.has_attributes:
        raise ConfigError(
            f"{flag} {shown(path)}: the model is given attributes, which a file does not say; expected the index of a "
            "test image"
        )
    folders = [folder.name for folder in Path(os.path.abspath(path)).parents]
    name = next((name for name in folders if name in config.label_names), None)
    if name is None:
        known = f"{', '.join(config.label_names[:10])}{', ...' if len(config.label_names) > 10 else ''}"
        raise ConfigError(
            f"{flag} {shown(path)}: the model is given labels, and this file is in {shown(folders[0])}/; expected a "
            f"folder named as one of {known}, or a test image"
        )
    return one_hot(np.array(config.label_names.index(name)), len(config.label_names))
