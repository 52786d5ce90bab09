"""Build a model from its Config."""

import random

import keras

from models.base import dummy_batch
from models.catalog import MODELS, code_of
from models.noise import noise_seed

# A user's keras.json may set other values, and the code of the models relies on these.
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")


def build_model(config):
    """The model that a Config describes, with new weights that depend on config.seed alone."""
    # Keras draws the seeds of its initialisers from Python's global generator. The caller gets its state back.
    callers = random.getstate()
    random.seed(config.seed)
    try:
        model = code_of(MODELS[config.model].model)(config)
        model(dummy_batch(config.image_shape, len(config.label_names)), noise_seed(config.seed))
    finally:
        random.setstate(callers)
    return model
