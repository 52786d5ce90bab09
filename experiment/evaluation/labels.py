"""How well a model relates labels and images: by Bayes' rule, and by a classifier that never saw the model."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from experiment.evaluation.likelihood import LogEvidence
from models.noise import Stream, noise_seed

BAYES_SAMPLES = 50
GENERATED_PER_CLASS = 1_000


class BayesRule:
    """argmax_y log p(x|y) + log p(y) of a conditional model; log p(x|y) by its importance-weighted bound, K = 50."""

    def __init__(self, model, image_shape, class_shares, seed, jit_compile):
        """class_shares, p(y) [Y]; seed, of the run; jit_compile, whether XLA compiles the program."""
        self._shares = class_shares
        self._log_evidence = LogEvidence(model, image_shape, BAYES_SAMPLES, seed, jit_compile)

    def __call__(self, split, progress=lambda num_images: None):
        """The share of the images of a Split, with one-hot labels [N, Y], whose label it finds.

        Args:
            split: a Split.
            progress: told of images as they end, once for each class.
        """
        log_joint = []
        for label, share in zip(np.eye(len(self._shares), dtype=np.uint8), self._shares, strict=True):
            if share > 0:
                labels = np.tile(label, (len(split.images), 1))
                bound = self._log_evidence(split.images, labels, progress) + np.log(share)
            else:
                bound = np.full(len(split.images), -np.inf)
            log_joint.append(bound)
        return float(np.mean(np.argmax(log_joint, axis=0) == split.labels.argmax(axis=1)))


class Recognition(NamedTuple):
    """Accuracies of a classifier that was trained on real images."""

    classifier_accuracy: float  # on the real test images
    recognised: float  # the share of generated images that it gives the label they were generated for


def recognition(model, train, test, seed, num_epochs=4):
    """How often a classifier, trained on real images, finds the label that a generated image was asked for.

    The generated images are means of the likelihood at random z, which are smoother than real images. The share says
    that images obey their label, not that they are diverse.
    """
    classifier = _train_classifier(train, num_epochs, seed)
    obeyed = []
    for index, label in enumerate(np.eye(test.labels.shape[1], dtype=np.float32)):  # one after the other, for memory
        labels = np.tile(label, (GENERATED_PER_CLASS, 1))
        seeds = noise_seed(seed, Stream.RECOGNITION, index)
        obeyed.append(_accuracy(classifier, 255.0 * model.sample(len(labels), seeds, labels).numpy(), labels))
    return Recognition(_accuracy(classifier, test.images, test.labels), float(np.mean(obeyed)))


def _train_classifier(split, num_epochs, seed):
    """A small convolutional classifier of images from 0 to 255."""
    keras.utils.set_random_seed(seed)
    classifier = keras.Sequential(
        [
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(128, activation="relu"),
            layers.Dense(split.labels.shape[1], activation="softmax"),
        ]
    )
    classifier.compile(optimizer="adam", loss="categorical_crossentropy")
    classifier.fit(split.images, split.labels, batch_size=128, epochs=num_epochs, verbose=0)
    return classifier


def _accuracy(classifier, images, labels):
    return float(np.mean(classifier.predict(images, verbose=0).argmax(axis=1) == labels.argmax(axis=1)))
