"""How long runs took, from their records, and how long others will take."""

from experiment.files.names import CHECKPOINTS, CONFIG_FILE, Run, load_config, results_of
from experiment.settings.refusals import ConfigError

# Runs that agree in these take about as long for an epoch; sizes of layers may differ.
ALIKE = ("dataset", "limit", "image_size", "model", "network", "batch_size", "evaluate", "iw_samples")


def recorded_seconds(run):
    """The seconds of training and evaluation that a run recorded; None where it has none.

    Starting, compiling and validating are not among them, so a run takes somewhat longer.
    """
    protocol = (results_of(run) or {"protocol": {}})["protocol"]
    if "training_seconds" not in protocol:
        return None
    return protocol["training_seconds"] + protocol.get("evaluation_seconds", 0.0)


def seconds_per_epoch(recorded):
    """Mean seconds of an epoch, evaluation included, from pairs of seconds and epochs; None without any."""
    recorded = [(seconds, epochs) for seconds, epochs in recorded if seconds is not None and epochs]
    if not recorded:
        return None
    return sum(seconds for seconds, _ in recorded) / sum(epochs for _, epochs in recorded)


def newest_alike(config):
    """The Run and Config of the newest run with records that is like a Config in data, model and network, or None."""
    found = sorted(CHECKPOINTS.glob(f"*/{CONFIG_FILE}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found:
        run = Run(path.parent.name)
        try:
            saved = load_config(path.parent)
        except ConfigError:  # a damaged run is of no use here, and no business of a study's
            continue
        is_alike = all(getattr(saved, name) == getattr(config, name) for name in ALIKE)
        if is_alike and saved.num_epochs and recorded_seconds(run) is not None:
            return run, saved
    return None


def in_words(seconds):
    """A duration: '12 s', '3.5 min' or '2.1 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
