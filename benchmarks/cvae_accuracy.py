"""How many of a CVAE's images a classifier of real MNIST recognises as the digit that was asked for.

    python -m benchmarks.cvae_accuracy --data_dir DIR --run mnist_cvae

The classifier, a small convolutional network, is trained on the real training images; its accuracy on the real test
images is printed beside the CVAE's. What is shown to it are means of the likelihood at random z, which are smoother
than real digits, so the share says that the label is obeyed, not that the images are diverse.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers

from data_utils import load_dataset
from experiment.checkpoints import load_weights
from models.distributions import noise_seed

IMAGES_PER_CLASS = 1_000


def train_classifier(split, num_epochs, seed):
    """A classifier of grey 28x28 images in [0, 1], trained with Adam on a Split."""
    keras.utils.set_random_seed(seed)
    classifier = keras.Sequential(
        [
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    classifier.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    classifier.fit(split.images / np.float32(255), split.labels, batch_size=128, epochs=num_epochs, verbose=2)
    return classifier


def accuracy(classifier, images, labels):
    """The share of images [N, 28, 28, 1] in [0, 1] whose most probable class is that of labels [N, 10]."""
    return float(np.mean(classifier.predict(images, verbose=0).argmax(axis=1) == labels.argmax(axis=1)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", help="folder of MNIST's files")
    parser.add_argument("--run", nargs="+", default=["mnist_cvae"], help="runs in model_ckpts/")
    parser.add_argument("--num_epochs", type=int, default=4, help="epochs of the classifier")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    dataset = load_dataset("mnist", arguments.data_dir)
    classifier = train_classifier(dataset.train, arguments.num_epochs, arguments.seed)
    real = accuracy(classifier, dataset.test.images / np.float32(255), dataset.test.labels)
    print(f"real test images           {real:.2%} of {len(dataset.test.images):,}")
    labels = np.repeat(np.eye(10, dtype=np.float32), IMAGES_PER_CLASS, axis=0)
    for run in arguments.run:
        model, _ = load_weights(f"model_ckpts/{run}")
        images = model.sample(len(labels), noise_seed(arguments.seed), labels).numpy()
        print(
            f"{run:<26} {accuracy(classifier, images, labels):.2%} of {len(labels):,} images generated for given labels"
        )


if __name__ == "__main__":
    main()
