"""Build a model from its Config."""

import random
from contextlib import contextmanager

import keras

from models.base import dummy_batch
from models.catalog import MODELS, OBJECTIVES, code_of
from models.graphs import custom_gradients_let_go
from models.noise import noise_seed

# A user's keras.json may set other values, and the code of the models relies on these.
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")


def lay_out_model(config):
    """The layers of a model, which have no weights yet; raises NetworkError where its network cannot make them."""
    with _drawing_from(config.seed):
        return code_of(MODELS[config.model].model)(config)


def build_model(config):
    """The model that a config describes, with freshly drawn weights that are a function of config.seed alone."""
    with _drawing_from(config.seed), custom_gradients_let_go():  # Keras traces layers to know their shapes
        model = code_of(MODELS[config.model].model)(config)
        model(dummy_batch(config.image_shape, len(config.label_names)), noise_seed(config.seed))
    return model


def build_discriminator(config):
    """The discriminator of codes that the objective of a config trains beside the model, or None."""
    name = OBJECTIVES[config.objective].discriminator
    if not name:
        return None
    with _drawing_from(config.seed):
        discriminator = code_of(name)()
        discriminator.build((None, config.num_units))
    return discriminator


@contextmanager
def _drawing_from(seed):
    """Keras draws the seeds of its initialisers from Python's generator, which is the caller's: it is put back."""
    callers = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(callers)
