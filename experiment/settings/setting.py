"""A setting: a field of Config that is also a flag, with its group, its rule and its help."""

from dataclasses import field

from experiment.settings.refusals import typed
from experiment.settings.values import SWITCH
from models.catalog import NETWORKS

# Groups of settings. MODEL settings are fixed by the weights. PICTURES and OUTPUT settings change no number.
MODEL, DATA, TRAINING, PICTURES, OUTPUT = "model", "data", "training", "pictures", "output"


def setting(
    default,
    group,
    rule,
    help,
    photographs_only=False,
    asked_once=False,
    draw=None,
    is_fair=True,
    several_with=None,
    before=None,
    **argparse_options,
):
    """A field of Config that is also a flag.

    A flag of MODEL and TRAINING that is a number or a choice may be given several values, for a study. DATA settings
    are not varied: they choose the images, and numbers of other images are not comparable.

    Args:
        default: its value if nothing is given; the command line adds it to the help.
        group: MODEL, DATA, TRAINING, PICTURES or OUTPUT.
        rule: a Rule, the values that it accepts.
        help: one sentence.
        photographs_only: whether it applies to image files only, not to data sets that are arrays.
        asked_once: whether a run that starts from the weights of this one does not inherit it.
        draw: the name of the function in experiment/pictures/requested.py that draws its picture.
        is_fair: whether runs that differ in it are measured in the same nats, so that a study may vary it.
        several_with: the switch without which a value is a single number, of a setting that holds several.
        before: the value that runs had before there was such a setting, where it is not the default.
        argparse_options: further options of argparse; nargs="+" where a value holds several numbers.
    """
    metadata = {
        "group": group,
        "rule": rule,
        "help": help,
        "photographs_only": photographs_only,
        "asked_once": asked_once or group == PICTURES,
        "draw": draw and f"experiment.pictures.requested:{draw}",
        "varied": is_fair and group in (MODEL, TRAINING) and rule is not SWITCH,
        "several_with": several_with,
        "before": before,
        "argparse": argparse_options,
    }
    return field(default=default, metadata=metadata)


def by_network(name):
    """' [mlp: relu; conv: silu]': the default of each network, for the help."""
    values = {network: entry.settings.get(name) for network, entry in NETWORKS.items()}
    shown = {network: typed(value) for network, value in values.items() if value is not None}
    return " [" + "; ".join(f"{network}: {value}" for network, value in shown.items()) + "]"


def summaries(entries):
    """'mlp (dense layers), conv (convolutions)': the entries of a table, for the help of a choice."""
    return ", ".join(f"{name} ({entry.summary})" for name, entry in entries.items())
