"""The conditional hierarchical variational autoencoder: every level is given a label y."""

import tensorflow as tf
from keras import layers
from keras.initializers import RandomNormal

from models.hvae import HVAE
from models.networks import build_label_channel
from models.precision import TrunkPolicy


class CHVAE(HVAE):
    """A conditional HVAE: p(z_L) ... p(z_l|z_>l,y) ... p(x|z,y) and q(z_L|x,y) ... q(z_l|x,z_>l,y).

    z holds what the label does not say. The label joins the image as one more channel, a learned linear map of y, and
    it joins the state at every level. The prior of the top level does not depend on the label.

    Reads from its config what HVAE reads, and label_names.

    Reference: Sohn, Lee & Yan (2015).
    """

    def __init__(self, config):
        super().__init__(config)
        self.label_channel = build_label_channel(config)
        # Labels start at the scale of the codes. A weaker label is drowned out by z, and z then learns its content.
        self.label_embeddings = [
            layers.Dense(level.width, use_bias=False, kernel_initializer=RandomNormal(stddev=1.0), dtype=TrunkPolicy())
            for level in self.levels
        ]

    def seen(self, batch):
        """The image with the channel of its label: [B, H, W, C + 1]."""
        return tf.concat([batch.images, self.label_channel(batch.labels)], axis=-1)

    def condition(self, state, labels, index):
        """The state of a level plus the embedding of its label."""
        embedded = self.label_embeddings[index](labels)
        on_every_pixel = (-1,) + (1,) * (state.shape.rank - 2) + (embedded.shape[-1],)
        return state + tf.reshape(embedded, on_every_pixel)
