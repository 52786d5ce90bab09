"""Random command lines, from the grammar of the flags: each runs, or is refused in one line."""

import contextlib
import io
import multiprocessing
import os
import shlex
import tempfile
import traceback

from benchmarks.faults.trials import Trial
from experiment.settings.config import flags
from experiment.settings.values import SWITCH

SMALL = ["--dataset", "digits", "--limit", "12", "--num_epochs", "1", "--hidden_sizes", "4", "--batch_size", "6"]
SMALL += ["--latent_size", "2", "--grid", "1", "--xla", "off"]
RESULTS = "outputs/digits_vae/results.json"
# Of what decides how long a run takes, only small values are drawn; the others need services, or hours.
NUMBERS = ("0", "1", "2", "3", "-1", "0.5", "1e-3", "nan", "inf", "1e40", "x", "", "4,3", "2x2x1", "2x2x1*2", "7 3")
NOT_DRAWN = {"preset", "track", "data_dir", "cache_dir", "labels"}
DATASETS = ("digits", "digits", "digits", "sprites", "folder", "arrays", "minst")
WORDS = ("0", "class:3", "class:99", "5000", "nowhere.png", "newest", "digits_vae", "../a", "a b", "-1")
TRIALS_A_PROCESS = 40  # graphs stay in memory


def random_flags(count, generator, folder):
    """Run random command lines on a few digits, in folders that hold a trained run. Yields a Trial for each."""
    lines = [line_of(generator) for _ in range(count)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, make_runs, (str(folder),), maxtasksperchild=TRIALS_A_PROCESS) as pool:
        yield from pool.imap(run_beside_run, lines)


def line_of(generator):
    """A random command line: the small run, and one to five more flags, in every other line with values they accept."""
    known = [each for each in flags() if each.name not in NOT_DRAWN]
    line, is_sound = list(SMALL), generator.random() < 0.5
    for index in generator.choice(len(known), size=generator.integers(1, 6), replace=False):
        words = words_of(known[index], generator)
        for _ in range(20):
            if not is_sound or are_accepted(known[index], words[1:]):
                break
            words = words_of(known[index], generator)
        line += words
    return line


def are_accepted(flag, words):
    """Whether a flag by itself accepts these words."""
    rule = flag.metadata["rule"]
    if rule is SWITCH:
        return True
    try:
        values = tuple(map(rule.parse, words))
    except ValueError:
        return False
    return bool(rule.accepts(values if flag.metadata["argparse"].get("nargs") == "+" else values[0]))


def words_of(flag, generator):
    """A flag with random words."""
    rule, expected = flag.metadata["rule"], flag.metadata["rule"].expected
    if rule is SWITCH:
        return [f"--{flag.name}"]
    if flag.name == "dataset":
        words = [generator.choice(DATASETS)]
    elif expected.startswith(("one of ", "one or more of ")):
        words = [generator.choice([*expected.split(" of ")[-1].split(", "), "none_of_them"])]
    elif rule.parse is str:
        words = [generator.choice(WORDS)]
    else:
        words = [generator.choice(NUMBERS)]
    if flag.metadata["argparse"].get("nargs") == "+" and generator.random() < 0.3:
        words = words * 2
    return [f"--{flag.name}", *map(str, words)]


def make_runs(folder):
    """Begin a process: a folder of its own, with a run in it."""
    import experiment.training.runtime  # noqa: F401  first of all that uses TensorFlow

    os.chdir(tempfile.mkdtemp(dir=folder))
    call(SMALL)


def run_beside_run(line):
    """The Trial of one command line in a folder that has the run of `make_runs`."""
    if not os.path.isfile(RESULTS):
        raise RuntimeError(f"{shlex.join(SMALL)} was to write {RESULTS}, which the lines load and continue")
    return run_line(line)


def run_line(line):
    """The Trial of one command line."""
    code, printed, trace = call(line)
    what = f"{shlex.join(line[len(SMALL) :])}: exit {code}"
    if trace:
        return Trial(what, trace)
    errors = [each for each in printed.splitlines() if each.startswith("assignment.py: error:")]
    if code == 2 and len(errors) != 1:
        return Trial(what, f"{len(errors)} lines of error")
    if code not in (0, 2):
        return Trial(what, f"exit {code}")
    return Trial(f"{what} {' '.join(errors)[22:120]}")


def call(line):
    """The exit code of a command line in this process, what it wrote to standard error, and a traceback or ""."""
    import assignment

    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        try:
            code, trace = assignment.main(line), ""
        except SystemExit as end:
            code, trace = end.code, ""
        except Exception:
            code, trace = 1, traceback.format_exc().strip().replace("\n", " | ")[-600:]
    return code, errors.getvalue(), trace
