"""How well a model relates labels and images: by Bayes' rule, and by a classifier that never saw the model."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from data_utils import cut, over_batches
from experiment.evaluation.likelihood import LogEvidence
from models.noise import Stream, noise_seed

BAYES_SAMPLES = 50
GENERATED_PER_CLASS = 1_000


def bayes_accuracy(model, split, class_shares, seed, jit_compile):
    """The share of images whose label the model finds by Bayes' rule.

        label = argmax_y log p(x|y) + log p(y)

    The importance-weighted bound stands for log p(x|y).

    Args:
        model: a conditional model.
        split: a Split with one-hot labels [N, Y].
        class_shares: p(y), [Y].
        seed: of the run.
        jit_compile: whether XLA compiles the program.

    Returns:
        The share, from 0 to 1.
    """
    log_evidence = LogEvidence(
        model, split.images.shape[1:], BAYES_SAMPLES, seed, jit_compile, "Bayes' rule, each class"
    )
    one_hot = np.eye(len(class_shares), dtype=np.uint8)
    log_joint = [
        log_evidence(split.images, np.tile(label, (len(split.images), 1))) + np.log(share)
        for label, share in zip(one_hot, class_shares, strict=True)
    ]
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
    labels = np.repeat(np.eye(test.labels.shape[1], dtype=np.float32), GENERATED_PER_CLASS, axis=0)

    def generate(index, labels):
        return model.sample(len(labels), noise_seed(seed, Stream.RECOGNITION, index), labels).numpy()

    generated = list(over_batches(generate, (labels,), cut(len(labels), GENERATED_PER_CLASS)))
    real = _accuracy(classifier, test.images, test.labels)
    return Recognition(real, _accuracy(classifier, 255.0 * np.concatenate(generated), labels))


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
