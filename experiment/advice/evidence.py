"""What advice is given from, and what it consists of."""

from collections.abc import Callable
from typing import NamedTuple

from experiment.settings.config import Config
from image_data.splits import Dataset


class Evidence(NamedTuple):
    """What is known of a run."""

    config: Config
    rows: list[dict]  # of metrics.jsonl; [] where it is missing
    results: dict  # of results.json; {} where it is missing
    dataset: Dataset | None = None  # None where its files are not at hand

    @property
    def test(self):
        """The test numbers, a dict."""
        return self.results.get("test", {})

    @property
    def validation(self):
        """The rows of the validations, by epoch."""
        return [row for row in self.rows if row["split"] == "validation"]


class Remark(NamedTuple):
    """A piece of advice."""

    text: str  # the illness, in words
    evidence: str  # the numbers that show it
    flag: str  # the flag that mends it, or what else does


class Sign(NamedTuple):
    """An illness, and how to look for it."""

    illness: str
    look: Callable[[Evidence], Remark | None]  # None: not found
    lacks: Callable[[Evidence], str] = lambda evidence: ""  # what is missing to look for it, or ""


def needs_images(evidence):
    """What is missing for signs in the images."""
    return "" if evidence.dataset else "its images are not at hand"


def needs_results(evidence):
    """What is missing for signs in the protocol."""
    return "" if evidence.results else "it has no results yet, or they are of fewer epochs"


def needs_test(*names):
    """What is missing for signs in these test numbers: a function of an Evidence."""

    def lacks(evidence):
        missing = [name for name in names if name not in evidence.test]
        return needs_results(evidence) or (f"its results hold no {', '.join(missing)}" if missing else "")

    return lacks


def more_epochs(config):
    """The flag for a longer training."""
    return f"--num_epochs {2 * config.num_epochs}" if config.num_epochs else "a longer training"
