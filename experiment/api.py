"""The verbs of the field from Python: train, load, encode, decode, sample, reconstruct, interpolate, score, evaluate.

    from experiment.api import load, train

    vae = train(images, latent_size=10, num_epochs=20)       # uint8 [N, H, W] or [N, H, W, C], or a folder
    codes = vae.encode(images)                               # [N, units]

They run the same code as the command line: settings are its flags, as keywords, and a run has the same files.
"""

from experiment.training.runtime import tf

# isort: split
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_utils import cut, limited, over_batches
from experiment.evaluation.inference import Inference
from experiment.evaluation.labels import log_label_posteriors
from experiment.evaluation.left_out import LeftOut
from experiment.evaluation.measures import Subject, measure_elbo, measure_further, num_codes_measured
from experiment.files.checkpoints import load_weights
from experiment.files.names import CONFIG_FILE, OUTPUTS, WEIGHTS_SUFFIX, find_run, read_results
from experiment.pictures.always import draw_always
from experiment.pictures.codes import AT_ONCE, by_level, decode_means, spherical, straight
from experiment.plan.run import configure
from experiment.run import run_experiment
from experiment.settings.config import flags
from experiment.settings.refusals import ConfigError, meant_by
from experiment.settings.values import MAX_FLOAT, number, whole_number
from experiment.tables.rows import Scores, rows_of
from experiment.training.devices import refuse_several_workers
from experiment.training.preprocessing import binarize_once, binarize_when_read, make_batch
from image_data.given import given_dataset, grey_values, images_of, labels_of
from image_data.splits import DataError, Dataset, Split
from models.noise import Stream, noise_seed

# The networks stay finite for codes of this size, and not for the largest that float32 holds.
TEMPERATURE = number(lambda value: 0 <= value <= 1e6, "a number from 0 to 1,000,000; 1 is the prior")

__all__ = ["Autoencoder", "Scores", "grey_values", "load", "train"]


def train(images=None, labels=None, validation=None, test=None, label_names=(), resume=None, **settings):
    """Train a VAE, a CVAE (is_cvae=True) or a hierarchy (hierarchical=True), evaluate it, and write its files.

    Args:
        images: training images, uint8 [N, H, W] or [N, H, W, C]; see `grey_values` for floats. Or the path of a folder
            of image files, or of an .npz file of arrays. None for a data set by name: dataset="mnist".
        labels: class numbers [N], or 0 and 1 [N, Y]; None without labels.
        validation: images, or a pair (images, labels). Without it a fifth of the training images validates.
        test: the same for the test images; without it a tenth of the training images.
        label_names: the names of the labels.
        resume: the name of a run to continue, to the same bits; give the same images.
        settings: the flags of the command line, as keywords: latent_size=10, num_epochs=20, beta=4.0, ...

    Returns:
        An Autoencoder with the weights of the lowest validation loss.

    Raises:
        ConfigError, DataError, NetworkError, CheckpointError, TrainingError or OSError, with one line that says what
        was given, what was expected and what to do.
        KeyboardInterrupt: the user stopped it; what it printed says how to go on.
    """
    refuse_several_workers("from Python a run is trained by one process")
    given, dataset = _settings_of(settings), None
    beside = {"labels": labels, "validation": validation, "test": test, "label_names": label_names or None}
    _refuse_unfit(images, resume, given, [name for name, value in beside.items() if value is not None])
    if isinstance(images, (str, Path)):
        given |= {"dataset": "arrays" if str(images).endswith(".npz") else "folder", "data_dir": str(images)}
    elif images is not None:
        given["dataset"] = "arrays"
        pairs = {"train": (images, labels), "validation": _pair(validation, "validation"), "test": _pair(test, "test")}
        dataset = limited(given_dataset(pairs, tuple(label_names)), given.get("limit"))
    config, resumed = configure(given, resume and str(resume))
    run = run_experiment(config, resumed, command=_call(given, resume), dataset=dataset)
    if run is None:
        raise KeyboardInterrupt("stopped; train(..., resume=RUN) with the same images continues the run named above")
    weights = config.load_weights if config.num_epochs == 0 else run.checkpoints
    return Autoencoder(*load_weights(weights), run.name)


def load(run):
    """The Autoencoder of a run: its name, its folder, or one of its .weights.h5 files."""
    folder = find_run(str(run), None, CONFIG_FILE)
    return Autoencoder(*load_weights(run if str(run).endswith(WEIGHTS_SUFFIX) else folder), folder.name)


class Autoencoder:
    """A trained model, its settings, and the verbs.

    Images are uint8 [N, H, W] or [N, H, W, C] of the shape that the model is made for, labels class numbers [N] or 0
    and 1 [N, Y]; both are refused in one line where they are not. What comes back are numpy arrays. Codes count the
    units of all levels, top level first. A model of binary images sees images as the evaluation does, binarised once.
    """

    def __init__(self, model, config, name):
        self.model, self.config, self.name = model, config, name
        self._infer = Inference(model, config.seed)

    @property
    def results(self):
        """The run's results.json, a dict, or None without one."""
        return read_results(OUTPUTS / self.name)

    def encode(self, images, labels=None):
        """The means of q(z|x), codes [N, units]; of a hierarchy, each level given the means of those above."""
        return np.concatenate([batch.codes for batch in self._infer.batches(self._split(images, labels))])

    def decode(self, codes, labels=None):
        """The means of p(x|z), [N, H, W, C] in [0, 1], for codes [N, units]."""
        codes = _codes(codes, self.config.num_units)
        shapes = self.config.level_shapes[::-1]
        levels = by_level(self.config, codes).values()
        levels = [level.reshape(-1, *shape) for level, shape in zip(levels, shapes, strict=True)]
        if not self.config.traits.is_top_down:
            levels = levels[:1]  # the levels below the top of a chain do not reach the image
        return decode_means(self.model, levels, self._labels(labels, len(codes)))

    def sample(self, num_images, labels=None, temperature=1.0, seed=0):
        """Images from the prior: the means of p(x|z), [N, H, W, C] in [0, 1]. The same seed gives the same images."""
        labels = self._labels(labels, _checked("num_images", num_images, whole_number(1)))
        labels = None if labels is None else tf.constant(labels, tf.float32)
        temperature = _checked("temperature", temperature, TEMPERATURE)
        seed = noise_seed(_checked("seed", seed, whole_number(0)), Stream.SAMPLES)
        return self.model.sample(num_images, seed, labels, temperature).numpy()

    def reconstruct(self, images, labels=None, seed=0):
        """The means of p(x|z) at samples of q(z|x), [N, H, W, C] in [0, 1]."""
        split, seed = self._split(images, labels), _checked("seed", seed, whole_number(0))

        def of_batch(index, images, labels):
            return self.model.reconstruct(
                make_batch(images, labels), noise_seed(seed, Stream.RECONSTRUCTIONS, index)
            ).numpy()

        rows = cut(len(split.images), AT_ONCE)
        return np.concatenate(list(over_batches(of_batch, (split.images, split.labels), rows)))

    def interpolate(self, first, second, num_steps=10, labels=None, path="straight"):
        """Images between the codes of pairs of images, [N, num_steps, H, W, C] in [0, 1].

        Args:
            first: images that the paths begin with, [N, ...].
            second: those that they end with.
            num_steps: images on each path, with its ends, at least 2.
            labels: of all images of each path.
            path: "straight", or "spherical", which stays where N(0, I) has its mass.
        """
        paths = {"straight": straight, "spherical": spherical}
        if path not in paths:
            raise ConfigError(f"path {path}: expected straight or spherical")
        if len(first) != len(second):
            raise DataError(f"{len(first)} and {len(second)} images: expected pairs, as many of one as of the other")
        labels = self._labels(labels, len(first))
        ends = [self.encode(images, labels) for images in (first, second)]
        between = paths[path](*ends, np.linspace(0.0, 1.0, _checked("num_steps", num_steps, whole_number(2))))
        labels = None if labels is None else np.repeat(labels, num_steps, axis=0)
        images = self.decode(between.reshape(-1, between.shape[-1]), labels)
        return images.reshape(*between.shape[:2], *images.shape[1:])

    def classify(self, images):
        """The probabilities q(y|x) of every label, [N, Y], by the classifier of a model that --labelled trained."""
        if not self.config.traits.finds_labels:
            raise ConfigError(
                f"{self.name}: it has no classifier; expected a model trained with --is_cvae --labelled N"
            )
        binary = self._binarized(images_of(images, self.config.image_shape), None)
        return np.exp(log_label_posteriors(self.model, binary.images))

    def score(self, images, labels=None, iw_samples=0):
        """The Scores of images, one row each: ELBO, reconstruction loss, KL of every level, and how unusual it is.

        Args:
            images: [N, ...].
            labels: of a conditional model.
            iw_samples: K of the importance-weighted bound; 0 for none.
        """
        rows = rows_of(
            self._infer, self.config, self._split(images, labels), _checked("iw_samples", iw_samples, whole_number(0))
        )
        columns = zip(*(row.scores for row in rows), strict=True)
        return Scores(*(None if each[0] is None else np.concatenate(each) for each in columns))

    def evaluate(self, images, labels=None, train=None, iw_samples=0):
        """The numbers of `--evaluate` for test images, a dict; what the images do not allow is left out and printed.

        Args:
            images: test images.
            labels: their labels, where there are some.
            train: a pair (images, labels) for the measures that are fitted on training images, or None.
            iw_samples: K of the importance-weighted bound; 0 for as many as take a quarter of an hour.
        """
        config = replace(self.config, evaluate=True, iw_samples=_checked("iw_samples", iw_samples, whole_number(0)))
        test = self._with_any_labels(images, labels)
        known = test._replace(labels=None) if train is None else self._with_any_labels(*_pair(train, "train"))
        binary_test = binarize_once(test, config.binarization, Stream.TEST_BINARIZATION)
        inferred = self._infer(binary_test, num_codes_measured(config, len(test.images)))
        subject = Subject(self.model, config, Dataset(known, test, test), binary_test, self._infer, inferred)
        return measure_elbo(self.model, config, inferred) | measure_further(subject, LeftOut())

    def draw(self, images, labels=None):
        """The pictures of every run, for these images: a dict of names and matplotlib Figures."""
        images = images_of(images, self.config.image_shape)
        test = Split(images, self._labels_of(images, labels))
        binary_test = binarize_once(test, self.config.binarization, Stream.TEST_BINARIZATION)
        return draw_always(self.model, self.config, test, binary_test, LeftOut())

    def _split(self, images, labels):
        images = images_of(images, self.config.image_shape)
        return self._binarized(images, self._labels_of(images, labels))

    def _binarized(self, images, labels):
        return binarize_when_read(Split(images, labels), self.config.binarization, Stream.TEST_BINARIZATION)

    def _labels_of(self, images, labels):
        """The labels of images: those that are given, or else those that the model's own classifier finds."""
        if labels is None and self.config.traits.finds_labels:
            labels = self.classify(images).argmax(axis=1)
        return self._labels(labels, len(images))

    def _labels(self, labels, num_images):
        """uint8 labels [N, Y] for the model; None for a model without, which refuses some."""
        if not self.config.traits.is_conditional:
            if np.size(labels if labels is not None else ()):
                raise DataError(f"labels: expected none, since {self.name} is not conditional; leave them out")
            return None
        if labels is None:
            names = ", ".join(self.config.label_names[:10])
            raise DataError(f"labels: expected {num_images} for a conditional model, of {names}; found none")
        return labels_of(labels, num_images, len(self.config.label_names))

    def _with_any_labels(self, images, labels):
        """A Split whose labels measures may use, whether or not the model looks at them."""
        images = images_of(images, self.config.image_shape)
        if labels is None:
            return Split(images, self._labels(None, len(images)))
        return Split(images, labels_of(labels, len(images), len(self.config.label_names) or None))


def _settings_of(keywords):
    """Given settings from keywords. Raises ConfigError for names that are no settings."""
    known = {each.name for each in flags()}
    for name in keywords:
        if name not in known:
            raise ConfigError(f"{name}: no such setting{meant_by(name, known)}")
    return {name: _plain(value) for name, value in keywords.items()}


def _plain(value):
    """A setting as Config holds it: numbers of Python for numpy's, tuples for lists and arrays."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _refuse_unfit(images, resume, given, beside):
    """Raise ConfigError for arguments of `train` that do not go together; beside: what came with the images."""
    if resume is not None and not (isinstance(resume, (str, Path)) and str(resume)):
        raise ConfigError(f"resume {resume!r}: expected the name of a run")
    if images is None and resume is None and not given.keys() & {"dataset", "load_weights", "preset"}:
        raise ConfigError('images None: expected an array, a path, or a data set by name, such as dataset="mnist"')
    if beside and (images is None or isinstance(images, (str, Path))):
        raise ConfigError(f"{beside[0]} without an array of images: expected it in the folder or the .npz file")
    if images is not None and given.keys() & {"dataset", "data_dir"}:
        raise ConfigError("dataset or data_dir beside images: expected one of them")


def _checked(name, value, rule):
    """A number that a Rule accepts. Raises ConfigError for others."""
    value = _plain(value)
    if not rule.accepts(value):
        raise ConfigError(f"{name} {value!r}: expected {rule.expected}")
    return value


def _codes(codes, num_units):
    """float32 codes [N, units], N at least 1. Raises DataError for others, and for numbers that float32 cannot hold."""
    try:
        found = np.asarray(codes)
    except ValueError:  # rows of different lengths
        raise DataError(f"codes of different lengths: expected an array [N, {num_units}]") from None
    is_numeric = found.dtype.kind in "iuf" and found.ndim == 2 and len(found) > 0 and found.shape[1] == num_units
    if not is_numeric or not (np.abs(found) <= MAX_FLOAT).all():
        raise DataError(
            f"codes {found.dtype} {list(found.shape)}: expected finite numbers [N, {num_units}], the units of all "
            "levels beside each other, top level first"
        )
    return found.astype(np.float32)


def _pair(images, name):
    """(images, labels) of images with or without labels."""
    if isinstance(images, tuple) and len(images) != 2:
        raise DataError(f"{name}: a tuple of {len(images)}; expected images, or a pair (images, labels)")
    return images if isinstance(images, tuple) else (images, None)


def _call(given, resume):
    """The call that asked for a run, for its protocol."""
    words = [f"{name}={value!r}" for name, value in given.items() if name != "dataset"]
    words += [f"resume={resume!r}"] if resume else []
    return f"train({', '.join(['images', *words])})"
