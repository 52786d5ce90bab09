"""The mathematics: distributions, networks, models, objective. No files, no clocks, no plots, no argparse."""

import random

import keras

from models.base import dummy_batch
from models.chain import ChainHVAE
from models.chvae import CHVAE
from models.cvae import CVAE
from models.distributions import noise_seed
from models.hvae import HVAE
from models.vae import VAE

# A user's keras.json may say otherwise; the mathematics here is written for these.
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")

# The table that names models: a new model is a file beside this one and a line here.
MODELS = {"vae": VAE, "cvae": CVAE, "hvae": HVAE, "chvae": CHVAE, "chain": ChainHVAE}


def build_model(config):
    """The model that a config describes, with freshly drawn weights that are a function of config.seed alone."""
    # Keras draws the seeds of its initialisers from Python's generator, which is the caller's: it is put back.
    callers = random.getstate()
    random.seed(config.seed)
    try:
        model = MODELS[config.model](config)
        model(dummy_batch(config.image_shape, len(config.label_names)), noise_seed(config.seed))
    finally:
        random.setstate(callers)
    return model
