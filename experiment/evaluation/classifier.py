"""A classifier of real images that never saw the model: what it recognises, and the features by which it does."""

import keras
import numpy as np
from keras import layers

MIN_EPOCHS, MAX_EPOCHS, MIN_STEPS, BATCH_SIZE = 4, 50, 400, 128


class Classifier:
    """A small convolutional classifier of images from 0 to 255, trained on a Split with one-hot labels."""

    def __init__(self, split, seed):
        keras.utils.set_random_seed(seed)
        self._network = keras.Sequential(
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
        self._network.compile(optimizer="adam", loss="categorical_crossentropy")
        num_epochs = min(max(MIN_EPOCHS, MIN_STEPS * BATCH_SIZE // len(split.images)), MAX_EPOCHS)
        self._network.fit(split.images, split.labels, batch_size=BATCH_SIZE, epochs=num_epochs, verbose=0)
        self._features = keras.Model(self._network.inputs, self._network.layers[-2].output)

    def accuracy(self, images, labels):
        """The share of images [N, H, W, C] whose label, of [N, Y], it finds."""
        found = self._network.predict(images, verbose=0).argmax(axis=1)
        return float(np.mean(found == labels.argmax(axis=1)))

    def features(self, images):
        """The features of images [N, H, W, C] from which it tells classes apart: [N, 128]."""
        return self._features.predict(images, verbose=0)
