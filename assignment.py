"""Train variational autoencoders, load their weights and generate images, from the command line.

python assignment.py --num_epochs 10 --batch_size 128 --latent_size 15
python assignment.py --is_cvae --load_weights --num_epochs 0
"""

import argparse
import errno
import os
import shlex
import sys
from itertools import takewhile

from experiment.plan.comparison import plan_comparison
from experiment.plan.run import configure, find_examined
from experiment.plan.stage import stage_before
from experiment.plan.study import is_study, plan_study
from experiment.settings.config import flags
from experiment.settings.datasets import DATASETS
from experiment.settings.presets import PRESETS
from experiment.settings.refusals import ConfigError, chosen_by, meant_by, typed
from experiment.settings.values import NEWEST
from models.catalog import MODELS, OBJECTIVES

DESCRIPTION = """\
Variational autoencoders: train them, load their weights, generate images.

  python assignment.py --dataset digits                                             works with no network
  python assignment.py --num_epochs 10 --batch_size 128 --latent_size 15            a VAE on MNIST
  python assignment.py --is_cvae --num_epochs 10 --batch_size 128 --latent_size 15  a CVAE on MNIST
  python assignment.py --is_cvae --load_weights                                     train on from saved weights
  python assignment.py --is_cvae --load_weights --num_epochs 0                      only generate from them
  python assignment.py --resume                                                     continue a run that was stopped

Several values train a run with each, in all combinations, and compare them (a study); so do --seeds:
  python assignment.py --learning_rate 0.001 0.003 --latent_size 10 20 --seeds 0 1
A comma joins what belongs to one value: --hidden_sizes 400 400 is one network of two layers, --hidden_sizes
400,400 200 are two networks; --hierarchical --latent_size 64,32 32,16 are two hierarchies. The same command
goes on with a study that was stopped; --jobs 2 trains two runs at a time. --compare RUN RUN compares runs that exist.

Settings: defaults < those of the data set, the model and the objective < --preset < flags.
[In brackets: the default, then where it is another]"""
GROUPS = {
    "model": "model",
    "data": "data",
    "training": "training",
    "pictures": "pictures of the latent space, after training or from saved weights",
    "output": "weights, runs and output",
}


ADVICE = {
    errno.ENOSPC: "; make room there",
    errno.EFBIG: "; make room there",
    errno.EDQUOT: "; make room there",
    errno.EACCES: "; give a folder that can be written, or mend its permissions",
    errno.EPERM: "; give a folder that can be written, or mend its permissions",
    errno.EROFS: "; start in a folder that can be written",
    errno.EEXIST: "; move away what stands there",
    errno.EISDIR: "; move the folder away that stands where the file should be",
    errno.ENOTDIR: "; move the file away that stands where the folder should be",
}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports an error in one line."""

    def error(self, message):
        fail(f"{message}; see --help")


def build_parser():
    """The parser of all flags of Config. Flags that are not given are absent from the result, for presets to set."""
    parser = Parser(
        prog="assignment.py",
        description=DESCRIPTION,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=100),
    )
    groups = {name: parser.add_argument_group(title) for name, title in GROUPS.items()}
    for each in flags():
        rule = each.metadata["rule"]
        options = {"type": parser_of_words(each), "metavar": rule.metavar, **each.metadata["argparse"]}
        if each.metadata["varied"]:
            options["nargs"] = "+"
        if rule.parse is bool:
            is_in_a_preset = any(each.name in settings for settings in preset_settings())
            options = {"action": argparse.BooleanOptionalAction if is_in_a_preset else "store_true"}
        groups[each.metadata["group"]].add_argument(f"--{each.name}", help=describe(each), **options)
    groups["training"].add_argument(
        "--seeds",
        nargs="+",
        type=int,
        metavar="N",
        help="train a run with each of these seeds, as with several values of a setting, and compare them",
    )
    groups["training"].add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="train so many runs of a study at a time, each in a process of its own [1]",
    )
    groups["training"].add_argument(
        "--member",
        type=int,
        metavar="K",
        help="train only this run of a study, counted from 1 as in the table that it prints, and compare nothing: for "
        "array jobs on a cluster",
    )
    groups["output"].add_argument(
        "--resume",
        nargs="?",
        const=NEWEST,
        metavar="RUN",
        help="continue a run that was stopped, to the same bits as if it had not been (its name or folder; the newest "
        "of this data set and model if none is given); settings other than --num_epochs stay",
    )
    groups["output"].add_argument(
        "--compare",
        nargs="+",
        metavar="RUN",
        help="compare runs that exist, by name or folder: what changed, numbers, curves and pictures, as of a study; "
        "nothing is trained",
    )
    groups["output"].add_argument(
        "--doctor",
        nargs="?",
        const=NEWEST,
        metavar="RUN",
        help="say what is wrong with a run, from the files that it left, and which flag mends it (its name or folder; "
        "the newest of this data set and model if none is given); --data_dir says where its images are now",
    )
    return parser


def preset_settings():
    """The settings of all data sets, with those of their hierarchies, and of all presets: a list of dicts."""
    of_datasets = [{**entry.settings, **entry.hierarchical, **(entry.deep or {})} for entry in DATASETS.values()]
    return of_datasets + [entry.settings for entry in PRESETS.values()]


def parser_of_words(each):
    """The parser of one word of a flag: a comma joins the numbers of a value that holds several, 400,400."""
    rule, holds_several = each.metadata["rule"], each.metadata["argparse"].get("nargs") == "+"

    def parse(word):
        try:
            return parse_numbers(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{word!r}: expected {rule.expected}") from None

    def parse_numbers(word):
        if "," not in word:
            return rule.parse(word)
        if not holds_several:
            raise argparse.ArgumentTypeError(
                f"{word!r}: a value is one number; expected spaces between values, such as {word.replace(',', ' ')}"
            )
        return tuple(map(rule.parse, word.split(",")))

    return rule.parse if rule.parse in (str, bool) else parse


def describe(each):
    """A flag's help with its default, and the presets that change it."""
    notes = [] if each.default in (None, False, ()) else [shown(each.default)]
    changes = {name: entry.settings for name, entry in DATASETS.items()}
    changes |= {f"--objective {name}": entry.settings for name, entry in OBJECTIVES.items()}
    changes |= {chosen_by(m.chosen_by): m.settings for m in MODELS.values()}
    values = {name: settings[each.name] for name, settings in changes.items() if each.name in settings}
    for value in dict.fromkeys(values.values()):
        if value != each.default:
            names = [name for name in values if values[name] == value]
            names = [name for name in names if not any(name.startswith(f"{other} ") for other in names)]
            notes.append(f"{', '.join(names)}: {shown(value)}")
    return each.metadata["help"] + (f" [{'; '.join(notes)}]" if notes else "")


def shown(value):
    """A setting's value as the user would type it."""
    return f"{value:g}" if isinstance(value, float) else "on" if value is True else typed(value)


def parse(argv):
    """The given flags as a dict."""
    parser = build_parser()
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        parser.error(explain_unknown(unknown[0], argv))
    holding_several = {each.name for each in flags() if each.metadata["argparse"].get("nargs") == "+"}
    holding_several |= {"seeds", "compare"}
    return {name: gathered(value, name in holding_several) for name, value in vars(given).items()}


def gathered(words, holds_several):
    """The words of a flag as its value, or as a tuple of values where there are several.

    Args:
        words: a list of what the words were parsed to; anything else stays as it is.
        holds_several: whether a value holds several numbers: then words are one value, unless commas join some; then
            each word is a value, also a single one, ((400, 400),).
    """
    if not isinstance(words, list):
        return words
    if any(isinstance(word, tuple) for word in words):
        return tuple(word if isinstance(word, tuple) else (word,) for word in words)
    return words[0] if len(words) == 1 and not holds_several else tuple(words)


def explain_unknown(word, argv):
    """What is wrong with a word that is no flag, or one value too many, and what was likely meant."""
    names = [each.name for each in flags()] + ["resume", "doctor", "seeds", "jobs", "member", "compare"]
    if not word.startswith("-"):
        beyond = (at for at, each in enumerate(argv) if at and each == word and not argv[at - 1].startswith("--"))
        before = [each for each in argv[: next(beyond, argv.index(word))] if each.startswith("--")]
        if not before:
            return f"{word}: expected flags, such as --dataset {word}"
        flag = before[-1]
        after = argv[len(argv) - argv[::-1].index(flag) :]
        values = " ".join(takewhile(lambda each: not each.startswith("--"), after))
        several = f"; did you mean {flag}s {values}?" if f"{flag}s".lstrip("-") in names else ""
        return f"{flag} {values}: expected one value{several}"
    name = word.split("=")[0].replace("-", "_").lstrip("_")
    return f"{word}: no such flag{meant_by(name, names, '--')}"


def fail(message):
    """Print an error in one line, and exit with code 2."""
    print(f"assignment.py: error: {' '.join(str(message).split())}", file=sys.stderr)
    sys.exit(2)


def main(argv=None):
    """Run the program. Returns the exit code: 0, 130 if the user stopped it, 141 if the reader of the output closed it.

    Exits with code 2 for errors that the user can fix.
    """
    if hasattr(sys.stdout, "reconfigure"):  # file names may hold characters that the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    argv = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "assignment.py", *argv])
    try:
        given = parse(argv)
        resume = given.pop("resume", None)
        runs, doctor = given.pop("compare", None), given.pop("doctor", None)
        if runs and doctor:
            raise ConfigError("--compare with --doctor: expected one of them")
        examined = find_examined(given, doctor, resume) if doctor else None
        if runs:
            study = plan_comparison(runs, given, resume)
        else:
            study = plan_study(given, resume) if is_study(given, resume) and not examined else None
        stage = None if study or examined else stage_before(given, resume)
        config, resumed = (None, None) if study or examined or stage else configure(given, resume)
        from image_data.cache import ensure_home

        ensure_home()
        from experiment.training.runtime import tf  # isort: skip
        from experiment.advice.doctor import examine
        from experiment.files.checkpoints import CheckpointError
        from experiment.files.data import read_data
        from experiment.files.records import RecordError
        from experiment.run import run_experiment
        from experiment.study.conduct import run_study
        from experiment.study.members import MemberError
        from experiment.training.devices import WorkerLost
        from experiment.training.loop import TrainingError
        from image_data.splits import DataError
        from models.networks import NetworkError
    except (ConfigError, OSError) as error:
        fail(error)
    except KeyboardInterrupt:
        return interrupted()

    try:
        if examined:
            examine(*examined, read_data)
            return 0
        if stage:
            config, resumed = configure(stage.given, stage.resume)
            print(f"{given['preset']} begins with the weights of {stage.run.name}: {config.num_epochs} epochs, now")
            new = None if stage.resume else stage.run
            if not run_experiment(config, resumed, named=new, command=command):
                print(f"or continue with all of {given['preset']}: {command}")
                return 130
            config, resumed = configure(given, resume)
        is_finished = run_study(study, command) if study else run_experiment(config, resumed, command=command)
        return 0 if is_finished else 130
    except (ConfigError, DataError, NetworkError, CheckpointError, RecordError) as error:
        fail(error)
    except (TrainingError, MemberError, WorkerLost) as error:
        fail(error)
    except (tf.errors.ResourceExhaustedError, MemoryError):
        fail(
            "out of memory: expected a model and a batch that fit; lower --hidden_sizes, --latent_size or --batch_size"
        )
    except BrokenPipeError:  # the reader of the output, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        fail(f"{error}{ADVICE.get(error.errno, '')}")
    except KeyboardInterrupt:
        return interrupted()


def interrupted():
    print("assignment.py: interrupted", file=sys.stderr)
    return 130


if __name__ == "__main__":
    sys.exit(main())
