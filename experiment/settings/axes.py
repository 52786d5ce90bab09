"""Settings of several runs: which are given several values, and in which runs differ.

Imports neither TensorFlow nor numpy.
"""

import zlib

from experiment.settings.combine import with_preset
from experiment.settings.config import DATA, MODEL, TRAINING, flags, free_when_resumed, names_in
from experiment.settings.refusals import ConfigError, received

MAX_NAME = 100  # characters of a folder's name
MAX_LABEL = 60  # characters of what is written beside a curve


def axes_of(given, resume=None):
    """The settings that are given several values, which a study combines: name -> values, in the order of Config.

    Args:
        given: the given settings, a dict. Several values are a tuple; of a setting whose values hold several numbers,
            such as hidden_sizes, a tuple of tuples.
        resume: the run to continue, or None.

    Raises:
        ConfigError: several values of a setting that is not varied, or values that are not all different.
    """
    settings = with_preset(given)
    is_of_saved = bool(resume or settings.get("load_weights"))  # of how many levels, the saved settings know
    axes = {each.name: given[each.name] for each in flags() if _has_several(each, given, settings, is_of_saved)}
    for each in flags():
        if each.name in axes and not each.metadata["varied"]:
            raise ConfigError(
                f"{received(each.name, axes[each.name])}: expected one value; it chooses the images, and numbers of "
                "other images are not comparable"
            )
    for name, values in axes.items():
        refuse_repeated(name, values)
    return axes


def _has_several(each, given, settings, is_of_saved):
    value = given.get(each.name)
    if not isinstance(value, tuple) or len(value) < 2:
        return False
    if each.metadata["argparse"].get("nargs") != "+":
        return each.metadata["varied"]
    switch = each.metadata["several_with"]
    is_single_number = switch and not settings.get(switch) and not is_of_saved
    return bool(is_single_number) or any(isinstance(part, tuple) for part in value)


def refuse_repeated(name, values):
    """Raise ConfigError for values of a setting that are not all different."""
    if len(set(map(short, values))) < len(values):
        raise ConfigError(f"{received(name, values)}: expected values that are all different")


def short(value, joint="-"):
    """A value as names and labels show it: 4 for 4.0, 64-32 for (64, 32), the joint between them; - for None."""
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return joint.join(map(short, value)) or "none"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def as_folder_name(name):
    """A name that a folder can have: a long one ends in a checksum of the whole."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 9]}_{zlib.crc32(name.encode()):08x}"


def differences(configs):
    """The settings in which Configs differ, that may change numbers: name -> the value of each Config."""
    decisive = names_in(MODEL, DATA, TRAINING) - free_when_resumed() | {"num_epochs", "load_weights"}
    values = {each.name: tuple(getattr(config, each.name) for config in configs) for each in flags()}
    return {name: each for name, each in values.items() if name in decisive and len(set(each)) > 1}


def rows_of(different, num_runs):
    """The values of `differences` as texts, a list for each run, in a form that flags take: 4, or 64,32."""
    return [[short(values[index], joint=",") for values in different.values()] for index in range(num_runs)]


def groups_of(names, configs, axes):
    """A name for each run, the same for runs that differ in the seed alone.

    Args:
        names: of the runs.
        configs: their Configs.
        axes: the settings that tell them apart, but for the seed.

    Returns:
        A list such as ['beta 1', 'beta 4']. Where settings do not tell runs apart, or take too many words, names do.
    """
    keys = [tuple(getattr(config, axis) for axis in axes) for config in configs]
    if len({(key, config.seed) for key, config in zip(keys, configs, strict=True)}) < len(names):
        return list(names)
    labels = [", ".join(f"{axis} {short(value)}" for axis, value in zip(axes, key, strict=True)) for key in keys]
    if max(map(len, labels)) > MAX_LABEL:
        return [names[keys.index(key)] for key in keys]
    return [label or "all seeds" for label in labels]


def number_of(value):
    """The number that a value is, also as the size of a single level; None for other values."""
    if isinstance(value, tuple) and len(value) == 1:
        (value,) = value
    return value if type(value) in (int, float) else None
