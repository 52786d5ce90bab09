"""The distributions of a model as captions show them, and labels to draw with."""

import numpy as np


def likelihood_of(code, config):
    """'p(x|z)', or 'p(x|z,y)' for a conditional model."""
    return f"p(x|{code},y)" if config.traits.is_conditional else f"p(x|{code})"


def prior_of(config):
    """The prior of all codes together, such as 'N(0, I)'."""
    return config.prior_symbol


def posterior_of(config):
    """'z|x', or 'z|x,y' for a conditional model."""
    return "z|x,y" if config.traits.is_conditional else "z|x"


def labels_for(num_images, config, split):
    """Labels to generate images for, and words for them: the classes in turn, or the attributes of real images."""
    if not config.traits.is_conditional:
        return None, ""
    if not config.has_attributes:
        return _in_turn(np.eye(len(config.label_names)), num_images), ", y the labels in turn"
    return _in_turn(split.labels, num_images), ", y those of real images"


def _in_turn(labels, num_images):
    """The rows of labels [N, Y], repeated: float32 [num_images, Y]."""
    return labels[np.arange(num_images) % len(labels)].astype(np.float32)
