"""Run the presets of published results, keep their results.json, and write tables and model cards from them.

    python -m benchmarks.results --runs DIR --mnist DIR --binarized_mnist DIR     # what has no record yet; hours
    python -m benchmarks.results --runs DIR --presets sprites_vae                 # some of them
    python -m benchmarks.results                                                  # only write the tables and the cards

A stopped run continues. Records are in benchmarks/records/, one file for each run. The weights of some runs are copied
to model_ckpts/, where --load_weights finds them.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean

from atomic_files import unsealed, write_text
from benchmarks import leaderboard
from experiment.evaluation.protocol import CHOSEN_BY_VALIDATION
from experiment.files.checkpoints import save_card
from experiment.files.names import (
    CHECKPOINTS,
    CONFIG_FILE,
    OUTPUTS,
    RESULTS_FILE,
    STATE_FILE,
    WEIGHTS_SUFFIX,
    load_config,
    read_results,
)
from experiment.report.card import model_card
from experiment.settings.combine import with_preset
from experiment.settings.presets import PRESETS, run_of

PROJECT = Path(__file__).resolve().parent.parent
RECORDS, RESULTS = PROJECT / "benchmarks/records", PROJECT / "RESULTS.md"
SHIPPED = ("vae_1l", "vae_2l", "cvae_1l", "cvae_1l_class_prior")
LIKELIHOOD_COLUMNS = (
    "`--preset`",
    "-ELBO",
    "-IW bound",
    "K",
    "to expect",
    "active units",
    "trained on",
    "chosen on",
    "epochs",
    "training",
    "evaluation",
)
LABEL_COLUMNS = ("`--preset`", "wrong", "to expect", "trained on", "chosen on", "epochs", "training")
FACTOR_METRICS = ("mig_histogram", "mig_sampled", "factor_vae_score", "beta_vae_score", "dci_disentanglement")


def dataset_of(preset):
    return PRESETS[preset].settings.get("dataset", "mnist")


def table_of(preset):
    """The name of the table that has the line of a preset: its data set, or what is measured on several."""
    return "few_labels" if "labelled" in PRESETS[preset].settings else dataset_of(preset)


def reproduce(preset, seed, folder, data_dir):
    """Train and evaluate a preset in `folder`, or continue it there, and write its record."""
    run = run_of(preset, seed)
    checkpoints, path = folder / CHECKPOINTS / run, folder / OUTPUTS / run / RESULTS_FILE
    if not is_complete(path):
        flags = ["--preset", preset, "--seed", str(seed)]
        if (checkpoints / STATE_FILE).is_file():
            flags = ["--resume", run]
        elif checkpoints.exists() or path.parent.exists():
            fail(f"{checkpoints}: expected a run with its {STATE_FILE}, to continue; move what is there of {run} away")
        first = with_preset({"preset": preset, "seed": seed}).get("load_weights")
        if first in SHIPPED and not (folder / CHECKPOINTS / first).exists():
            shutil.copytree(PROJECT / CHECKPOINTS / first, folder / CHECKPOINTS / first)
        flags += ["--data_dir", Path(data_dir).resolve()] if data_dir else []
        print(f"\n{run}")
        run_program(flags, folder)
    record = as_record(path)
    RECORDS.mkdir(exist_ok=True)
    write_text(RECORDS / f"{run}.json", record)
    if run in SHIPPED:
        ship(checkpoints, record)


def run_program(flags, folder):
    """Run assignment.py. If it fails or the user stops it, exit with its code."""
    process = subprocess.Popen([sys.executable, PROJECT / "assignment.py", *flags], cwd=folder)
    try:
        code = process.wait()
    except KeyboardInterrupt:  # the program got the signal too, and saves its state
        code = process.wait()
        print("stopped; the same command continues", file=sys.stderr)
    if code:
        sys.exit(code)


def fail(message):
    """Print an error in one line, and exit with code 2."""
    print(f"benchmarks.results: error: {message}", file=sys.stderr)
    sys.exit(2)


def is_complete(path):
    """Whether a results.json exists and holds all that --evaluate adds."""
    results = read_results(path.parent)
    return results is not None and "evaluation_seconds" in results["protocol"]


def as_record(path):
    """A results.json without the published number, which is in experiment/settings/presets.py, and without paths.

    The command and the weights that the run began with may name a folder of this machine.
    """
    results = unsealed(path.read_text(encoding="utf-8"))
    results.pop("published", None)
    protocol = results["protocol"]
    protocol.pop("command", None)
    if first := protocol.get("first_weights"):
        protocol["first_weights"] = "/".join(Path(first).parts[-3:])  # model_ckpts/RUN/FILE
    return json.dumps(results, indent=2) + "\n"


def ship(checkpoints, record):
    """Copy the best weights of a run, with its settings, record and card, into model_ckpts/ of the project."""
    shipped = PROJECT / CHECKPOINTS / checkpoints.name
    shipped.mkdir(exist_ok=True)
    config = replace(load_config(checkpoints), data_dir=None)
    for path in checkpoints.glob(f"{config.model}{WEIGHTS_SUFFIX}*"):
        shutil.copy(path, shipped)
    write_text(shipped / CONFIG_FILE, config.to_json())
    write_text(shipped / RESULTS_FILE, record)
    save_card(card_of(shipped), shipped)


def card_of(shipped):
    """The model card of shipped weights, from the settings and the record beside them."""
    record = json.loads((shipped / RESULTS_FILE).read_text(encoding="utf-8"))
    return model_card(shipped.name, load_config(shipped), record)


def records_of(preset):
    """The existing records of a preset, by seed."""
    paths = [RECORDS / f"{run_of(preset, seed)}.json" for seed in range(PRESETS[preset].num_seeds)]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def presets_in(table):
    """The presets that are lines of a table."""
    return [name for name in PRESETS if table_of(name) == table]


def headed(columns):
    """The first two lines of a table."""
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def epochs_of(preset):
    """'28, after `vae_1l`'."""
    settings = PRESETS[preset].settings
    first = settings.get("load_weights")
    return f"{settings['num_epochs']}{f', after `{first}`' if first else ''}"


def images_of(protocol):
    """What weights were trained on, and what they were chosen on."""
    chosen = protocol["chosen_on"]
    if chosen == CHOSEN_BY_VALIDATION:
        chosen = f"{protocol['validation_images']:,}"
    return [f"{protocol['training_images']:,}", chosen]


def minutes(protocol, name):
    return f"{protocol[f'{name}_seconds'] / 60:.0f} min"


def likelihood_table(table):
    """A table with a line for each preset: the bound, the expected number, the images and the time it took."""
    yield from headed(LIKELIHOOD_COLUMNS)
    for preset in presets_in(table):
        row = PRESETS[preset]
        expected = f"{-row.expected:.2f}, {row.source}"
        cells = [f"`{preset}`", "", "not run yet", "", expected, "", "", "", epochs_of(preset), "", ""]
        for record in records_of(preset)[:1]:
            test, protocol = record["test"], record["protocol"]
            cells[1:4] = [
                f"{-test['elbo']:.2f}",
                f"**{test['iw_nll']:.2f}** +- {test['iw_standard_error']:.2f}",
                f"{test['num_importance_samples']:,}",
            ]
            cells[4] += ": reached" if row.is_reached(test) else ": not reached"
            cells[5] = " ".join(map(str, test["active_units"]))
            cells[6:8] = images_of(protocol)
            cells[9:] = [minutes(protocol, name) for name in ("training", "evaluation")]
        yield f"| {' | '.join(cells)} |"


def label_table(table):
    """A table with a line for each preset that learns from few labels: the share of wrong labels."""
    yield from headed(LABEL_COLUMNS)
    for preset in presets_in(table):
        row = PRESETS[preset]
        cells = [f"`{preset}`", "not run yet", f"{1 - row.expected:.2%}, {row.source}", "", "", epochs_of(preset), ""]
        for record in records_of(preset)[:1]:
            test, protocol = record["test"], record["protocol"]
            cells[1] = f"**{1 - test[row.metric]:.2%}**"
            cells[2] += ": reached" if row.is_reached(test) else ": not reached"
            cells[3:5] = images_of(protocol)
            cells[6] = minutes(protocol, "training")
        yield f"| {' | '.join(cells)} |"


def factor_table(table):
    """The table of a data set with factors, with a line for each preset: mean over seeds, lowest and highest."""
    yield from headed(("`--preset`", "seeds", *FACTOR_METRICS, "distortion", "rate", "training, each"))
    for preset in presets_in(table):
        records = records_of(preset)
        cells = [f"`{preset}`", f"{len(records)} of {PRESETS[preset].num_seeds}"]
        if not records:
            cells += ["not run yet", *[""] * (len(FACTOR_METRICS) + 2)]
        else:
            for name in FACTOR_METRICS:
                scores = [record["test"][name] for record in records]
                cells.append(f"**{mean(scores):.3f}** ({min(scores):.3f} to {max(scores):.3f})")
            cells += [f"{mean(record['test'][name] for record in records):.2f}" for name in ("distortion", "rate")]
            cells.append(f"{mean(record['protocol']['training_seconds'] for record in records) / 60:.0f} min")
        yield f"| {' | '.join(cells)} |"


def fill(text):
    """RESULTS.md with new tables, each between the line that names it and the next `end`."""
    kinds = {"sprites": factor_table, "few_labels": label_table}
    tables = {name: kinds.get(name, likelihood_table)(name) for name in dict.fromkeys(map(table_of, PRESETS))}
    tables["leaderboard"] = leaderboard.table()
    for name, lines in tables.items():
        table = "\n".join(lines)
        pattern = rf"(<!-- table: {name} -->\n).*?(\n<!-- end -->)"
        text, count = re.subn(pattern, lambda match, table=table: match[1] + table + match[2], text, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{RESULTS.name}: expected one table of {name}, found {count}")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="folder to train in; without it nothing is trained")
    parser.add_argument("--mnist", help="folder of MNIST (default: it is downloaded)")
    parser.add_argument("--binarized_mnist", help="folder of binarised MNIST")
    parser.add_argument("--ucmerced", help="folder of UC Merced")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=PRESETS, metavar="NAME", help="(default: all)")
    options = parser.parse_args()
    if options.runs:
        options.runs.mkdir(parents=True, exist_ok=True)
        for preset in options.presets:
            for seed in range(PRESETS[preset].num_seeds):
                record = RECORDS / f"{run_of(preset, seed)}.json"
                if record.is_file():
                    print(f"{record.stem}: has a record, {record.relative_to(PROJECT)}; remove it to run it anew")
                else:
                    reproduce(preset, seed, options.runs, vars(options).get(dataset_of(preset)))
    for name in SHIPPED:
        save_card(card_of(PROJECT / CHECKPOINTS / name), PROJECT / CHECKPOINTS / name)
    write_text(RESULTS, fill(RESULTS.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
