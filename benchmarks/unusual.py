"""How well a score tells images of a class that was held out from those of the classes that were trained on.

    python -m benchmarks.unusual --digits
    python -m benchmarks.unusual --mnist DIR --classes 1 4 8
    python -m benchmarks.unusual --mnist DIR --fashion_mnist DIR
    python -m benchmarks.unusual --ucmerced DIR --classes agricultural beach harbor

A VAE is trained without a class, with the seed 0. All test images are scored. AUROC is the probability that a held-out
image has a higher score than another; 0.5 is chance. With --fashion_mnist the model of MNIST scores the test images of
both.
"""

import argparse
import os
import tempfile

import numpy as np
from sklearn.metrics import roc_auc_score

from data_utils import load_dataset
from experiment.api import train
from image_data.photographs import Reading

IW_SAMPLES = 50
BINARY = {"likelihood": "bernoulli", "binarization": "dynamic", "latent_size": 20}
SETTINGS = {
    "digits": {**BINARY, "num_epochs": 100},
    "mnist": {**BINARY, "num_epochs": 10},
    "ucmerced": {
        "likelihood": "discretized_logistic",
        "network": "conv",
        "hidden_sizes": (32, 64, 128),
        "num_features": 0,
        "latent_size": 64,
        "batch_size": 32,
        "num_epochs": 30,
    },
}


def aurocs(model, usual, unusual):
    """The AUROC of every score, between images [N, H, W, C] of two kinds."""
    scores = [model.score(images, iw_samples=IW_SAMPLES) for images in (usual, unusual)]
    is_unusual = np.repeat([0, 1], [len(usual), len(unusual)])

    def auroc(of):
        return roc_auc_score(is_unusual, np.concatenate([of(each) for each in scores]))

    return {
        "reconstruction loss": auroc(lambda each: each.distortion),
        "-ELBO": auroc(lambda each: -each.elbo),
        f"-bound, K = {IW_SAMPLES}": auroc(lambda each: -each.iw_bound),
        "code length": auroc(lambda each: -each.code_length),
        "excess": auroc(lambda each: each.excess),
    }


def without_class(name, dataset, index):
    """The AUROC of every score for one class of a data set that was held out."""
    kept = [split.images[split.labels[:, index] == 0] for split in dataset[:3]]
    model = fit(name, *kept)
    return aurocs(model, kept[2], dataset.test.images[dataset.test.labels[:, index] == 1])


def fit(name, images, validation, test):
    """An Autoencoder, in a folder that is forgotten."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return train(images, validation=validation, test=test, **SETTINGS[name])
        finally:
            os.chdir(here)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", action="store_true")
    for name in ("mnist", "fashion_mnist", "ucmerced"):
        parser.add_argument(f"--{name}", metavar="DIR")
    parser.add_argument("--classes", nargs="+", help="that are held out, one after the other; all without it")
    given = parser.parse_args()
    rows = {}
    for name in ("digits", "mnist", "ucmerced"):
        if not getattr(given, name):
            continue
        folder = None if name == "digits" else getattr(given, name)
        reading = Reading(image_size=32) if name == "ucmerced" else None
        dataset = load_dataset(name, folder, reading=reading)
        if name == "mnist" and given.fashion_mnist:
            other = load_dataset("fashion_mnist", given.fashion_mnist).test.images
            model = fit(name, *(split.images for split in dataset[:3]))
            rows["mnist against fashion_mnist"] = aurocs(model, dataset.test.images, other)
            continue
        for label in given.classes or dataset.label_names:
            rows[f"{name} without {label}"] = without_class(name, dataset, dataset.label_names.index(label))
            print(label, rows[f"{name} without {label}"], flush=True)
    if len(rows) > 1:
        rows["mean"] = {score: np.mean([row[score] for row in rows.values()]) for score in next(iter(rows.values()))}
    columns = list(next(iter(rows.values())))
    print("| held out |", " | ".join(columns), "|\n|---|" + "---:|" * len(columns))
    for name, row in rows.items():
        print(f"| {name} |", " | ".join(f"{row[column]:.3f}" for column in columns), "|")


if __name__ == "__main__":
    main()
