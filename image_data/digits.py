"""scikit-learn's handwritten digits. They are embedded, so they need no network."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits as load_small_digits
from sklearn.model_selection import train_test_split

from image_data.mnist import DIGIT_NAMES
from image_data.splits import DataError, Dataset, Split, one_hot, take


def load_digits(data_dir):
    """1,257 / 180 / 360 digits, resized from 8x8 to 20x20 and framed to 28x28 as in MNIST."""
    if data_dir is not None:
        raise DataError(f"--data_dir {data_dir} with --dataset digits: it is embedded and reads no files; leave it out")
    small, labels = load_small_digits(return_X_y=True)
    grey = small.reshape(-1, 8, 8).astype(np.float32) * (255 / 16)
    resized = (Image.fromarray(image).resize((20, 20), Image.Resampling.BICUBIC) for image in grey)
    images = np.clip(np.stack([np.asarray(image) for image in resized]).round(), 0, 255).astype(np.uint8)
    images = np.pad(images, ((0, 0), (4, 4), (4, 4)))[..., np.newaxis]

    train, test = train_test_split(np.arange(len(images)), test_size=360, stratify=labels, random_state=0)
    train, validation = train_test_split(train, test_size=180, stratify=labels[train], random_state=0)
    everything = Split(images, one_hot(labels, 10))
    return Dataset(*(take(everything, index) for index in (train, validation, test)), DIGIT_NAMES)
