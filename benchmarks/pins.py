"""What a refactoring must not change: the bits of short runs, their digests, and the numbers of shipped weights.

    python -m benchmarks.pins --write before.json --mnist DIR      # before the change
    python -m benchmarks.pins --compare before.json --mnist DIR    # after it, on the same machine

Everything goes through the command line, so that old and new code can be compared. Weights have the same bits only on
one kind of CPU with one set of versions. Digests and noise are the same everywhere, and tests hold their values.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import assignment
from benchmarks.results import SHIPPED

PROJECT = Path(__file__).resolve().parent.parent
SMALL = "--dataset digits --limit 60 --num_epochs 2 --batch_size 20 --seed 3 --hidden_sizes 16"
CONV = "--dataset digits --limit 60 --num_epochs 2 --batch_size 20 --network conv --hidden_sizes 4 8"
ONE, TWO = "--latent_size 4", "--latent_size 6 4 --hierarchical"
MODELS = {
    "vae": ONE,
    "cvae": f"{ONE} --is_cvae",
    "hvae": TWO,
    "chvae": f"{TWO} --is_cvae",
    "chain": f"{TWO} --hierarchy chain",
}
OBJECTIVES = {"elbo": "--beta 2", "iwae": "", "dreg": "", "beta_tc": "", "factor_vae": "", "capacity": "", "mmd": ""}
OF_ONE_LEVEL = ("beta_tc", "factor_vae", "mmd")
AVERAGED = "--ema 0.9 --clip_norm 5 --weight_decay 0.1"
SCHEDULED = "--beta_schedule cyclical --beta_epochs 1 --learning_rate_schedule cosine"
OTHERS = {
    "mse": f"{SMALL} {ONE} --likelihood mse",
    "gaussian": f"{SMALL} {ONE} --likelihood gaussian --horizontal_flip",
    "discretized_logistic": f"{SMALL} {ONE} --likelihood discretized_logistic --every_epoch",
    "schedules": f"{SMALL} {ONE} {AVERAGED} {SCHEDULED}",
    "conv": f"{CONV} {ONE} --encoder_normalization batch --decoder_normalization instance",
    "maps": f"{CONV} --hierarchical --latent_size 7x7x2 4 --optimizer adamax",
    "m2": f"{SMALL} {ONE} --is_cvae --labelled 20",
    "evaluated": f"{SMALL} {ONE} --is_cvae --evaluate --iw_samples 50",
    "evaluated_hierarchy": f"{SMALL} {TWO} --evaluate --iw_samples 50",
}
OF_THE_CLOCK = ("images_per_second", "iw_seconds")


def commands(mnist):
    """The flags of every pinned run: name -> list. `mnist` is a folder, or None for no runs of shipped weights."""
    runs = {
        f"{model}_{objective}": f"{SMALL} {flags} --objective {objective} {weights}"
        for model, flags in MODELS.items()
        for objective, weights in OBJECTIVES.items()
        if "--hierarchical" not in flags or objective not in OF_ONE_LEVEL
    }
    shipped = {
        f"shipped_{name}": ["--load_weights", f"{PROJECT}/model_ckpts/{name}", "--num_epochs", "0", "--data_dir", mnist]
        for name in SHIPPED
    }
    return {name: flags.split() for name, flags in (runs | OTHERS).items()} | (shipped if mnist else {})


def pin(name, flags):
    """Run a command in the current folder. Returns its record."""
    started = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            code = assignment.main([*flags, "--run_name", name])
        except SystemExit as exit:
            code = exit.code
    if code:
        raise SystemExit(f"{name}: exit code {code}: {errors.getvalue()[-300:]}")
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return measured(name)


def measured(name):
    """The record of a run: digest, checksum of every variable of the state, rows of metrics, and test numbers."""
    (outputs,) = [folder for folder in Path("outputs").iterdir() if folder.name.startswith(name)]
    results = json.loads((outputs / "results.json").read_text())["test"]
    pinned = {"test": {key: value for key, value in results.items() if key not in OF_THE_CLOCK}}
    state_file = Path("model_ckpts") / name / "state.npz"
    if state_file.is_file():
        state = np.load(state_file)
        pinned["digest"] = int(state["digest"])
        pinned["state"] = {key: hashlib.sha256(state[key].tobytes()).hexdigest()[:16] for key in sorted(state.files)}
        rows = map(json.loads, (outputs / "metrics.jsonl").read_text().splitlines())
        pinned["metrics"] = [{key: row[key] for key in row if key not in OF_THE_CLOCK} for row in rows]
    return pinned


def differences(before, after, path=""):
    """The paths of all values that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from differences(before.get(key), after.get(key), f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{path}/{index}")
    elif before != after:
        yield f"{path}: {before} before, {after} now"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="write what is measured to this file")
    parser.add_argument("--compare", type=Path, help="compare it with this file; exit code 1 where they differ")
    parser.add_argument("--mnist", type=Path, help="folder of MNIST, for the numbers of the shipped weights")
    parser.add_argument("--only", nargs="+", help="names of runs, for a quick look")
    arguments = parser.parse_args()
    paths = {name: path and path.resolve() for name, path in vars(arguments).items() if name != "only"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        runs = commands(paths["mnist"])
        runs = {name: runs[name] for name in arguments.only or runs}
        found = json.loads(json.dumps({name: pin(name, flags) for name, flags in runs.items()}))
        os.chdir(PROJECT)
    if paths["write"]:
        paths["write"].write_text(json.dumps(found, indent=1))
    if paths["compare"]:
        before = json.loads(paths["compare"].read_text())
        differing = list(differences({name: before[name] for name in found}, found))
        print("\n".join(differing) or f"{len(found)} runs: all bits are as they were")
        sys.exit(bool(differing))


if __name__ == "__main__":
    main()
