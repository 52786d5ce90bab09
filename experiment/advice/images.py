"""Signs in the images themselves."""

from hashlib import blake2b
from math import log2

import numpy as np

from experiment.advice.evidence import Remark
from experiment.settings.datasets import DATASETS

MOST_LOOKED_AT = 1_000  # images, evenly spread: enough to see 1 % of them, and a second's work at 256x256
# 12 bits that were read as 16 end at 16 of 255, masks of 0 and 1 at 1, 4 bits at 15. A set of night photographs has
# some pixel above this, such as a lamp.
DARK_MAXIMUM = 32
CONSTANT_SHARE = 0.01  # one blank tile in a thousand is no illness
# The border of MNIST is black (0). Paper is white: 0.9 and more, with shadows 0.75.
WHITE_BORDER = 0.75
MNIST_SHAPE = (28, 28, 1)
# The test ELBO is a mean, so that fewer copies cannot move it by more than a hundredth of what copies gain.
COPIED_SHARE = 0.01
MOST_BYTES = 2 * 2**30  # of all splits, for the search for copies: about three seconds of hashing
# The smallest of the data sets here that a VAE learns more of than its images, scikit-learn's digits, has 1,257.
FEW_IMAGES = 1_000
DIGEST_BYTES = 16  # two of a million different images share a digest with a probability below 1e-26


def some_of(images):
    """At most MOST_LOOKED_AT of the images [N, H, W, C], evenly spread, one after the other."""
    return images[:: -(-len(images) // MOST_LOOKED_AT)]


def is_dark(evidence):
    """No pixel is anywhere near white: the values have another range than 0 to 255."""
    some = some_of(evidence.dataset.train.images)
    largest = max(int(image.max()) for image in some)
    if largest == 0 or largest >= DARK_MAXIMUM:  # nothing but black is for `is_constant`
        return None
    bits = round(log2(257 * largest))  # of files of 16 bits, whose 65535 is 255
    is_deep = DATASETS[evidence.config.dataset].has_photographs and not evidence.config.white_level
    return Remark(
        "The images are almost black: their values seem to have another range than 0 to 255",
        f"the largest value of {len(some):,} training images is {largest} of 255",
        (f"--white_level {2**bits - 1} where files hold {bits} bits in 16; else " if is_deep else "")
        + f"save the images with {largest} brought to 255",
    )


def is_constant(evidence):
    """Images of one colour."""
    some = some_of(evidence.dataset.train.images)
    constant = sum(bool((image == image[0, 0]).all()) for image in some)
    if constant < CONSTANT_SHARE * len(some):
        return None
    return Remark(
        "Some images show nothing: all their pixels have one colour",
        f"{constant:,} of {len(some):,} training images",
        "take these images out",
    )


def is_inverted(evidence):
    """Dark on white, where models of MNIST expect white on black."""
    if evidence.config.image_shape != MNIST_SHAPE or not DATASETS[evidence.config.dataset].has_photographs:
        return None
    some = some_of(evidence.dataset.train.images)
    edges = np.ones(MNIST_SHAPE, bool)
    edges[1:-1, 1:-1] = False
    border = float(np.mean([image[edges].mean() for image in some])) / 255
    inside = float(np.mean([image[~edges].mean() for image in some])) / 255
    if border < WHITE_BORDER or inside > border:
        return None
    return Remark(
        "The images are dark on white; weights and numbers of MNIST are of white on black",
        f"the border has the mean brightness {border:.2f}, the inside {inside:.2f}",
        "save the images inverted",
    )


def lacks_for_copies(evidence):
    """What is missing for `has_copies`."""
    if evidence.dataset is None:
        return "its images are not at hand"
    size = sum(split.images.nbytes for split in _splits(evidence.dataset))
    return "" if size <= MOST_BYTES else f"its images have {size / 2**30:.1f} GiB, more than are compared"


def has_copies(evidence):
    """Images that are held out, and in the training images bit for bit.

    Not of data sets with known factors: their splits differ in factors, and a square looks the same every quarter turn.
    """
    if DATASETS[evidence.config.dataset].has_factors:
        return None
    train, validation, test = _splits(evidence.dataset)
    held_out = {"validation": list(map(_digest, validation.images)), "test": list(map(_digest, test.images))}
    wanted = {digest for digests in held_out.values() for digest in digests}
    found = {digest for digest in map(_digest, train.images) if digest in wanted}
    copies = {name: sum(digest in found for digest in digests) for name, digests in held_out.items()}
    if all(copies[name] < COPIED_SHARE * len(digests) for name, digests in held_out.items()):
        return None
    counts = " and ".join(f"{copies[name]:,} of {len(digests):,} {name} images" for name, digests in held_out.items())
    return Remark(
        "Held-out images are copies of training images, so that their numbers are too good",
        f"{counts}, bit for bit",
        "take the copies out",
    )


def is_few(evidence):
    """Too few training images for what is not in them."""
    num_images = len(evidence.dataset.train.images)
    is_new = evidence.config.num_epochs and not evidence.config.load_weights  # saved weights may have seen others
    if num_images >= FEW_IMAGES or not is_new:
        return None
    photographs = DATASETS[evidence.config.dataset].has_photographs
    if evidence.config.limit and num_images == evidence.config.limit:
        flag = "leave --limit out"
    elif photographs and not evidence.config.horizontal_flip:
        flag = "--horizontal_flip where a mirrored image is still one of the data, and more images"
    else:
        flag = "more images"
    return Remark(
        "There are few training images for a network that begins from nothing",
        f"{num_images:,} training images",
        flag,
    )


def _splits(dataset):
    return dataset.train, dataset.validation, dataset.test


def _digest(image):
    return blake2b(np.ascontiguousarray(image), digest_size=DIGEST_BYTES).digest()
