"""Signs in the course of training: the rows of metrics.jsonl, nats per image."""

from math import ceil

from experiment.advice.evidence import Remark, more_epochs
from experiment.settings.datasets import DATASETS

LEAST_VALIDATIONS = 5  # fewer say nothing of a course
# Ten epochs of MNIST still gain 5 % of the whole fall in their last fifth, 100 of the digits 1.6 %, and 240 of MNIST
# below 0.5 %. Half a nat is what rows of published tables differ by.
LAST_SHARE, GAIN_SHARE, LEAST_NATS = 0.2, 0.01, 0.5
# How much better training images are than validation images at the weights that are kept, in shares of the rate, which
# is all that a code says of an image. Models of MNIST and of the digits stay below 0.2, 100 digits by heart come to 2.
GAP_SHARE = 0.5
# Adam at a learning rate of 0.001 moves a weight by at most about 1 within so many steps.
FEW_STEPS = 1_000
ENOUGH_STEPS = 2_000
# Before so many steps no weight has moved far enough to know an image: a rise is noise.
STEPS_TO_LEARN_BY_HEART = 100


def lacks_validations(evidence):
    """What is missing for the course of the validation loss."""
    found = len(evidence.validation)
    if not evidence.rows:
        return "it has no metrics.jsonl"
    if evidence.config.beta_schedule == "cyclical":  # validation is with the full beta, which training leaves again
        return "its beta rises and falls, and the validation loss with it"
    return "" if found >= LEAST_VALIDATIONS else f"it was validated {found} times, less than {LEAST_VALIDATIONS}"


def is_still_falling(evidence):
    """The validation loss fell in the last fifth of the epochs by a part of its whole fall that matters."""
    losses = _losses(evidence)
    num_last = max(1, round(LAST_SHARE * len(losses)))
    gain = min(losses[:-num_last]) - min(losses[-num_last:])
    if gain < _least(losses, GAIN_SHARE):
        return None
    goes_on = evidence.config.learning_rate_schedule == "constant"
    return Remark(
        "The validation loss was still falling at the end",
        f"by {gain:,.1f} nats in the last {num_last} of {len(losses)} validations, of {losses[0] - min(losses):,.1f} "
        "nats in all",
        more_epochs(evidence.config) + (", with --resume from here" if goes_on else ""),
    )


def is_overfit(evidence):
    """The validation loss rose after its best, while the training loss fell."""
    if 0 < _num_steps(evidence) < STEPS_TO_LEARN_BY_HEART or evidence.config.traits.finds_labels:
        return None  # a classifier of few labels knows these by heart
    rows, losses, training = evidence.validation, _losses(evidence), _mean_training(evidence, "loss")
    distortion = _mean_training(evidence, "distortion")
    best = losses.index(min(losses))
    num_last = max(2, round(LAST_SHARE * len(losses)))  # all of them have to be above the best
    rise = min(losses[-num_last:]) - losses[best]
    learned = min(training[best] - training[-1], distortion[best] - distortion[-1])  # not an MMD that trembles alone
    if best >= len(losses) - num_last or rise < _least(losses, GAIN_SHARE) or learned < LEAST_NATS:
        return None
    return Remark(
        "The model learns its training images by heart: the validation loss rose while the training loss fell",
        f"since epoch {rows[best]['epoch']} of {rows[-1]['epoch']} validation rose by at least {rise:,.1f} nats and "
        f"training fell by {training[best] - training[-1]:,.1f}; the weights of epoch {rows[best]['epoch']} are kept",
        _less_by_heart(evidence),
    )


def has_gap(evidence):
    """The ELBO of training images is far above that of validation images, at the weights that are kept."""
    rows, losses, training = evidence.validation, _losses(evidence), _mean_training(evidence, "elbo")
    best = losses.index(min(losses))
    gap = training[best] - rows[best]["elbo"]
    if gap < max(LEAST_NATS, GAP_SHARE * rows[best]["rate"]):
        return None
    return Remark(
        "The model knows its training images better than others",
        f"ELBO {training[best]:,.1f} nats in training and {rows[best]['elbo']:,.1f} in validation after epoch "
        f"{rows[best]['epoch']}, with a rate of {rows[best]['rate']:,.1f}",
        _less_by_heart(evidence),
    )


def lacks_steps(evidence):
    """What is missing for `has_few_steps`."""
    return "" if _num_steps(evidence) else "no file says how many steps it made"


def has_few_steps(evidence):
    """Hundreds of steps from random weights."""
    num_steps = _num_steps(evidence)
    num_epochs = evidence.rows[-1]["epoch"] if evidence.rows else evidence.config.num_epochs
    if num_steps >= FEW_STEPS or num_epochs == 0 or evidence.config.load_weights:
        return None
    if not lacks_validations(evidence) and is_overfit(evidence):  # more steps would make it worse
        return None
    return Remark(
        "The model was trained for few steps",
        f"{num_steps:,} steps of {_batch_size(evidence):,} images in {num_epochs} epoch{'s' if num_epochs > 1 else ''}",
        f"--num_epochs {ceil(ENOUGH_STEPS * num_epochs / num_steps)}",
    )


def keeps_first(evidence):
    """No epoch of a run from loaded weights had a lower validation loss than these."""
    protocol = evidence.results.get("protocol", {})
    first = protocol.get("first_weights_sha256")
    if first is None or first != protocol["weights_sha256"]:
        return None
    return Remark(
        "No epoch was better than the weights that training began with, so these are kept and measured",
        f"the kept weights have the checksum of {protocol['first_weights']}",
        f"--learning_rate {evidence.config.learning_rate / 3:.2g}",
    )


def _losses(evidence):
    return [row["loss"] for row in evidence.validation]


def _least(losses, share):
    """The smallest difference that matters: a share of the whole fall, and no less than LEAST_NATS."""
    return max(LEAST_NATS, share * (losses[0] - min(losses)))


def _mean_training(evidence, name):
    """The mean of a number over the training rows between one validation and the next, for each validation."""
    means, since = [], []
    for row in evidence.rows:
        if row["split"] == "train":
            since.append(row[name])
        else:
            means.append(sum(since) / len(since) if since else means[-1] if means else float("nan"))
            since = []
    return means


def _num_steps(evidence):
    """The number of training steps, 0 where no file says it."""
    if evidence.rows:
        return evidence.rows[-1]["step"]
    protocol = evidence.results.get("protocol", {})
    return protocol.get("training_images", 0) // protocol.get("batch_size", 1) * protocol.get("epochs", 0)


def _batch_size(evidence):
    """The images in a batch, which are fewer than --batch_size where there are not as many to train on."""
    return evidence.results.get("protocol", {}).get("batch_size", evidence.config.batch_size)


def _less_by_heart(evidence):
    """What mends a model that learns images by heart.

    Weight decay of 0.01 and a network of an eighth of the units did not: with 100 digits the test ELBO moved by +0.3
    and -3.6 nats.
    """
    config = evidence.config
    if config.limit and evidence.dataset and len(evidence.dataset.train.images) == config.limit:
        return "leave --limit out"
    if DATASETS[config.dataset].has_photographs and not config.horizontal_flip:
        return "--horizontal_flip where a mirrored image is still one of the data, or more training images"
    return "more training images"
