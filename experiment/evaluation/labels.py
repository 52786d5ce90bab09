"""How well a model relates labels and images: by Bayes' rule, and by a classifier that never saw the model."""

from typing import NamedTuple

import numpy as np

from data_utils import cut
from experiment.evaluation.likelihood import LogEvidence
from experiment.training.preprocessing import make_batch
from experiment.training.validation import evaluation_batch_size
from image_data.splits import one_hot
from models.noise import Stream, noise_seed

BAYES_SAMPLES = 50
GENERATED_PER_CLASS = 1_000


def log_label_posteriors(model, images):
    """log q(y|x) by the classifier of an M2, for uint8 images [N, H, W, C]: nats [N, Y]."""
    rows = cut(len(images), evaluation_batch_size(images.shape[1:]))
    batches = (make_batch(images[at], None).images for at in rows)
    return np.concatenate([model.log_label_posterior(batch).numpy() for batch in batches])


def labelled_by(log_posteriors, split):
    """The Split, which without labels gets the most probable ones of log q(y|x), nats [N, Y]."""
    if split.labels is not None:
        return split
    return split._replace(labels=one_hot(log_posteriors.argmax(axis=1), log_posteriors.shape[1]))


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


def recognition(model, classifier, test, seed):
    """How often a classifier, trained on real images, finds the label that a generated image was asked for.

    The generated images are means of the likelihood at random z, which are smoother than real images. The share says
    that images obey their label, not that they are diverse.

    Args:
        model: a conditional model.
        classifier: a Classifier.
        test: the Split of the test images.
        seed: of the run.
    """
    obeyed = []
    for index, label in enumerate(np.eye(test.labels.shape[1], dtype=np.float32)):  # one after the other, for memory
        labels = np.tile(label, (GENERATED_PER_CLASS, 1))
        seeds = noise_seed(seed, Stream.RECOGNITION, index)
        obeyed.append(classifier.accuracy(255.0 * model.sample(len(labels), seeds, labels).numpy(), labels))
    return Recognition(classifier.accuracy(test.images, test.labels), float(np.mean(obeyed)))
