"""How many minutes of training a machine needs to a bound of MNIST: a line of the leaderboard in RESULTS.md.

    python -m benchmarks.leaderboard --mnist DIR      # with nothing else running
    python -m benchmarks.results                      # writes the tables

The recipe is the preset vae_1l. Twelve times in its training the clock stands, and the importance-weighted bound of the
5,000 validation images is taken with K = 1,000. The race ends where it reaches -86.76 nats, the number of Burda et al.
(2016), table 1, for one level and one sample. Only then are the test images looked at, once, with K = 5,000. The clock
starts at the first step and so counts compilation.
"""

import argparse
import json
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from atomic_files import write_text
from experiment.training.runtime import tf  # noqa: F401  before all other modules that use TensorFlow

# isort: split
from data_utils import load_dataset
from experiment.evaluation.likelihood import LogEvidence, estimate_iw_bound
from experiment.files.environment import environment
from experiment.settings.combine import resolve, with_preset
from experiment.settings.presets import PRESETS
from experiment.training.execution import plan_execution
from experiment.training.loop import fit, plan_steps
from experiment.training.preprocessing import binarize_once
from experiment.training.state import TrainingState
from models.build import build_model
from models.noise import Stream

PRESET = "vae_1l"
LINES = Path(__file__).resolve().parent / "records" / "leaderboard.json"
VALIDATION_SAMPLES, TEST_SAMPLES = 1_000, 5_000
LOOKS = 12  # at the validation images


def race(config, dataset, target, test_samples=TEST_SAMPLES):
    """Train until the validation bound reaches `target`, then take the bound of the test images.

    Args:
        config: the Config of the run.
        dataset: the Dataset.
        target: a bound of log p(x), nats per image.
        test_samples: K for the test images.

    Returns:
        A dict: epochs, training_minutes, validation_bound, and where it was reached test_bound with its standard_error.
    """
    model = build_model(config)
    validation = binarize_once(dataset.validation, config.binarization, Stream.VALIDATION_BINARIZATION)
    jit_compile = plan_execution(config).jit_compile
    evidence = LogEvidence(model, config.image_shape, VALIDATION_SAMPLES, config.seed, jit_compile)
    line = {"training_minutes": 0.0}
    for state, epoch, seconds in looks_at(model, config, dataset):
        line["epochs"] = epoch
        line["training_minutes"] += seconds / 60
        with state.averaged():
            line["validation_bound"] = float(evidence(validation.images, validation.labels).mean())
            print(line, flush=True)
            if line["validation_bound"] >= target:
                test = binarize_once(dataset.test, config.binarization, Stream.TEST_BINARIZATION)
                reached = estimate_iw_bound(model, test.images, test.labels, test_samples, config.seed, jit_compile)
                return line | {"test_bound": reached.iw_bound, "standard_error": reached.iw_standard_error}
    return line


def looks_at(model, config, dataset):
    """Train a model, and stop LOOKS times, the last time at its end, or after every epoch if there are fewer.

    Yields:
        (TrainingState, epochs, seconds of training since the last stop).
    """
    state = TrainingState(model, config, plan_steps(dataset.train, config).num_steps)
    started = time.perf_counter()
    for progress in fit(state, dataset.train, config):
        looks_before, looks = ((epoch * LOOKS) // config.num_epochs for epoch in (progress.epoch - 1, progress.epoch))
        if progress.is_epoch_end and looks > looks_before:
            yield state, progress.epoch, time.perf_counter() - started
            started = time.perf_counter()


def table():
    """The table of RESULTS.md: a line for each race, the fastest first, those that were lost last."""
    yield "| training | validation bound, K = 1,000 | test bound, K = 5,000 | epochs | date | commit | CPU |"
    yield "|---|---|---|---|---|---|---|"
    lines = json.loads(LINES.read_text(encoding="utf-8"))
    for each in sorted(lines, key=lambda line: ("test_bound" not in line, line["training_minutes"])):
        lost = "not looked at: the race is lost"
        test = f"**{each['test_bound']:.2f}** +- {each['standard_error']:.2f}" if "test_bound" in each else lost
        yield (
            f"| {each['training_minutes']:.1f} min | {each['validation_bound']:.2f} | {test} | {each['recipe']} | "
            f"{each['date']} | {each['commit'][:7]} | {each['cpus']} cores of {each['cpu']} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", help="folder of MNIST (default: it is downloaded)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset = load_dataset("mnist", options.mnist)
    config = replace(resolve(with_preset({"preset": PRESET, "seed": options.seed})), image_shape=dataset.image_shape)
    line = race(config, dataset, PRESETS[PRESET].expected)
    recipe = f"{line.pop('epochs')} of `{PRESET}`"
    made_with = {name: value for name, value in environment().items() if name in ("cpu", "cpus", "versions", "commit")}
    lines = json.loads(LINES.read_text(encoding="utf-8")) if LINES.is_file() else []
    line = {"recipe": recipe, "seed": options.seed, "date": str(date.today()), **line, **made_with}
    write_text(LINES, json.dumps([*lines, line], indent=2) + "\n")
    print(json.dumps(line, indent=2))


if __name__ == "__main__":
    main()
