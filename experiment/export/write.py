"""Write outputs/<run>/export/: a model for other programs, and the card that explains it. Nothing else writes there."""

from pathlib import Path

from atomic_files import atomic_folder, write_text
from experiment.export.card import card_of
from experiment.export.programs import programs_of
from experiment.settings.formats import FORMATS
from models.catalog import code_of

EXPORT_FOLDER, CARD_FILE = "export", "README.md"


def write_export(model, config, weights, outputs):
    """Write a model in the formats of config.export, whole or not at all.

    Args:
        model: a LatentVariableModel with the weights.
        config: its Config.
        weights: the path of the weights. The config.json beside them says how they were trained.
        outputs: the run's outputs.

    Returns: the Path of the folder.
    """
    path, programs = Path(outputs) / EXPORT_FOLDER, programs_of(model, config)
    with atomic_folder(path) as folder:
        for name in config.export:
            code_of(FORMATS[name].write)(programs, folder)
        write_text(folder / CARD_FILE, card_of(programs, config, Path(weights), folder))
    return path
