"""How many minutes of training a machine needs to a bound of MNIST: a line of the leaderboard in RESULTS.md.

    python -m benchmarks.leaderboard --mnist DIR --num_epochs 100 --num_importance_samples 5
    python -m benchmarks.results                                       # writes the tables

Nothing else should run on the machine. The network and the schedules are those of --preset vae_1l, over the number of
epochs that is given; with several importance samples the loss is the importance-weighted bound. After every 20
epochs the clock stands, and the importance-weighted bound of the 5,000 validation images is taken with K = 1,000. The
race ends where it reaches -86.76 nats, the number of Burda et al. (2016), table 1, for one level and one sample. Only
then are the test images looked at, once, with K = 5,000. The clock starts at the first step and so counts compilation.
"""

import argparse
import json
import sys
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
from experiment.settings.combine import resolve
from experiment.settings.datasets import as_read
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
EPOCHS_BETWEEN = 20


def race(config, dataset, target, test_samples=TEST_SAMPLES):
    """Train until the validation bound reaches `target`, then take the bound of the test images.

    Args:
        config: a Config.
        dataset: the Dataset.
        target: a bound of log p(x), nats per image.
        test_samples: K for the test images.

    Returns:
        A dict: epochs, training_minutes, validation_bound, and where it was reached test_bound with its standard error.
    """
    model = build_model(config)
    state = TrainingState(model, config, plan_steps(dataset.train, config).num_steps)
    jit_compile = plan_execution(config).jit_compile
    validation, test = (
        binarize_once(split, config.binarization, stream)
        for split, stream in (
            (dataset.validation, Stream.VALIDATION_BINARIZATION),
            (dataset.test, Stream.TEST_BINARIZATION),
        )
    )
    evidence = LogEvidence(model, config.image_shape, VALIDATION_SAMPLES, config.seed, jit_compile)
    seconds, bound, started = 0.0, float("-inf"), time.perf_counter()
    for progress in fit(state, dataset.train, config):
        if not progress.is_epoch_end or progress.epoch % EPOCHS_BETWEEN:
            continue
        seconds += time.perf_counter() - started
        with state.averaged():
            bound = float(evidence(validation.images, validation.labels).mean())
            print(f"epoch {progress.epoch}: {seconds / 60:.1f} min of training, validation bound {bound:.2f}", flush=True)
            if bound >= target:
                reached = estimate_iw_bound(model, test.images, test.labels, test_samples, config.seed, jit_compile)
                break
        started = time.perf_counter()
    else:
        reached = None
    line = {"epochs": progress.epoch, "training_minutes": round(seconds / 60, 2), "validation_bound": round(bound, 3)}
    if reached:
        line |= {"test_bound": round(reached.iw_bound, 3), "standard_error": round(reached.iw_standard_error, 3)}
    return line


def table():
    """The table of RESULTS.md: a line for each race that reached its bound, the fastest first."""
    yield "| training | validation bound, K = 1,000 | test bound, K = 5,000 | K of the loss | epochs | date | commit | CPU |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in sorted(json.loads(LINES.read_text(encoding="utf-8")), key=lambda line: line["training_minutes"]):
        yield (
            f"| {each['training_minutes']:.1f} min | {each['validation_bound']:.2f} | **{each['test_bound']:.2f}** +- "
            f"{each['standard_error']:.2f} | {each['recipe']['num_importance_samples']} | "
            f"{each['epochs']} of {each['recipe']['num_epochs']} | {each['date']} | {each['commit'][:7]} | {each['cpus']} cores of {each['cpu']} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", help="folder of MNIST (default: it is downloaded)")
    parser.add_argument("--num_epochs", type=int, required=True, help="over which the schedules are laid")
    parser.add_argument("--num_importance_samples", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    target = PRESETS[PRESET].expected
    recipe = {"num_epochs": options.num_epochs, "num_importance_samples": options.num_importance_samples}
    objective = "iwae" if options.num_importance_samples > 1 else "elbo"
    settings = as_read(PRESETS[PRESET].settings, objective) | {"objective": objective, "seed": options.seed, **recipe}
    dataset = load_dataset("mnist", options.mnist)
    line = race(replace(resolve(settings), image_shape=dataset.train.images.shape[1:]), dataset, target)
    if "test_bound" not in line:
        print(f"the bound {target} was not reached: {line}; no line is written", file=sys.stderr)
        return 1
    made_with = {name: value for name, value in environment().items() if name in ("cpu", "cpus", "versions", "commit")}
    recipe["seed"] = options.seed
    line = {"recipe": recipe, "date": str(date.today()), **line, **made_with}
    lines = json.loads(LINES.read_text(encoding="utf-8")) if LINES.is_file() else []
    write_text(LINES, json.dumps([*lines, line], indent=2) + "\n")
    print(json.dumps(line, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
