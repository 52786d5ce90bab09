"""The rows of images: scores, and codes. One batch is in memory at a time."""

from typing import NamedTuple

import numpy as np

from experiment.evaluation.labels import labelled_by, log_label_posteriors
from experiment.evaluation.likelihood import LogEvidence, excess
from experiment.settings.words import level_names
from experiment.training.execution import plan_execution
from experiment.training.terminal import progress_bar
from image_data.complexity import code_lengths


class Scores(NamedTuple):
    """Numbers of N images, nats."""

    elbo: np.ndarray  # [N]
    distortion: np.ndarray  # [N], the reconstruction loss
    rate: np.ndarray  # [N, levels], the KL of each level, top level first
    iw_bound: np.ndarray | None  # [N], the importance-weighted bound, where it was asked for
    code_length: np.ndarray  # [N], of a lossless code
    excess: np.ndarray  # [N], of the bound over that code: higher is more unusual

    @property
    def bound(self):
        """The best bound of log p(x) that there is."""
        return self.elbo if self.iw_bound is None else self.iw_bound


class Row(NamedTuple):
    """The rows of the images of one batch."""

    at: slice  # of the Split
    scores: Scores
    codes: np.ndarray  # [B, units], posterior means, top level first
    log_label_posteriors: np.ndarray | None = None  # log q(y|x), nats [B, Y], of a model with a classifier


def rows_of(infer, config, split, num_samples=0):
    """The Rows of a Split, batch by batch.

    Args:
        infer: the Inference of the model.
        config: its Config.
        split: the images as the model sees them; without labels, those that a model's own classifier finds are taken.
        num_samples: K of the importance-weighted bound; 0 for none.
    """
    bounds = log_posteriors = None
    if config.traits.finds_labels:
        log_posteriors = log_label_posteriors(infer.model, split.images)
        split = labelled_by(log_posteriors, split)
    if num_samples:
        jit_compile = plan_execution(config).jit_compile
        evidence = LogEvidence(infer.model, config.image_shape, num_samples, config.seed, jit_compile)
        with progress_bar(f"bound, K = {num_samples:,}", len(split.images)) as bar:
            bounds = evidence(split.images, split.labels, bar.update)
    start = 0
    for batch in infer.batches(split):
        at = slice(start, start + len(batch.codes))
        elbo = batch.terms.elbo.numpy()
        iw_bound = None if bounds is None else bounds[at]
        lengths = code_lengths(split.images[at])
        unusual = excess(elbo if iw_bound is None else iw_bound, lengths, config)
        found = None if log_posteriors is None else log_posteriors[at]
        yield Row(at, Scores(elbo, *batch.terms, iw_bound, lengths, unusual), batch.codes, found)
        start = at.stop


def columns_of(row, config, split, split_name, label_names, width):
    """Name -> array [B, ...]: the columns of a table.

    Args:
        row: a Row of the Split.
        config: a Config.
        split: the Split.
        split_name: of the split.
        label_names: of its labels.
        width: the characters of the longest name of an image.
    """
    at, scores = row.at, row.scores
    names = np.arange(at.start, at.stop).astype(str) if split.names is None else split.names[at]
    levels = level_names(len(config.level_shapes))
    kls = {f"kl_{name}": scores.rate[:, index] for index, name in enumerate(levels)} if len(levels) > 1 else {}
    bound = {} if scores.iw_bound is None else {"iw_bound": scores.iw_bound}
    return {
        "image": np.array(names, f"U{width}"),
        "split": np.full(len(names), split_name, "U10"),
        "label": _labels(split, at, label_names),
        **found_labels(row.log_label_posteriors, label_names),
        "elbo": scores.elbo,
        **bound,
        "reconstruction_loss": scores.distortion,
        "kl": scores.rate.sum(axis=1),
        **kls,
        "code_length": scores.code_length,
        "excess": scores.excess,
        "codes": row.codes,
    }


def _labels(split, at, label_names):
    """The labels of some rows as text; several attributes are joined by '+'."""
    width = max(1, sum(len(name) + 1 for name in label_names))
    if split.labels is None:
        return np.full(len(split.images[at]), "", "U1")
    named = ["+".join(label_names[index] for index in np.flatnonzero(label)) for label in split.labels[at]]
    return np.array(named, f"U{width}")


def found_labels(log_posteriors, label_names):
    """Two columns, the label that a model's own classifier finds and its probability; none without a classifier."""
    if log_posteriors is None:
        return {}
    found = np.array(label_names)[log_posteriors.argmax(axis=1)]
    return {"label_found": found, "label_probability": np.exp(log_posteriors.max(axis=1))}


def unit_columns(config):
    """The name of each column of codes: z_0, or z2_0 in a hierarchy, top level first."""
    sizes = dict(zip(level_names(len(config.level_sizes)), config.level_sizes[::-1], strict=True))
    return [f"{name}_{index}" for name, size in sizes.items() for index in range(size)]
