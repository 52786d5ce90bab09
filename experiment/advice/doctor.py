"""The doctor: advice on a run that is over, from the files that it left."""

from experiment.advice.evidence import Evidence
from experiment.advice.signs import SIGNS, advise, as_lines, not_looked_at
from experiment.files.names import METRICS_FILE, OUTPUTS, read_results
from experiment.files.records import read_metrics
from experiment.settings.refusals import ConfigError
from image_data.splits import DataError


def examine(folder, config, read_data):
    """Print the remarks on a run, and the illnesses that could not be looked for.

    Args:
        folder: of its weights and its config.json.
        config: its Config, whose data_dir may be another.
        read_data: a function: Config -> Dataset. Signs in images are left out where it raises DataError.

    Raises:
        RecordError: metrics.jsonl is damaged.
    """
    evidence, no_images = gather(folder, config, read_data)
    remarks, unseen = advise(evidence), not_looked_at(evidence)
    print(f"{folder}: looked for {len(SIGNS) - sum(map(len, unseen.values()))} of {len(SIGNS)} illnesses")
    for reason, illnesses in unseen.items():
        print(f"  {reason}, so not for: {'; '.join(illnesses)}")
    if no_images:
        print(f"  its images: {no_images}")
    print("\n".join(["", "Advice", *as_lines(remarks)] if remarks else ["nothing was found that needs mending"]))


def gather(folder, config, read_data):
    """The Evidence of a run, and why it holds no images, or ""; arguments as those of `examine`."""
    places = folder.resolve().parent.parent / OUTPUTS / folder.resolve().name, folder
    results = next(filter(None, map(read_results, places)), {})
    if results.get("protocol", {}).get("epochs", config.num_epochs) != config.num_epochs:
        results = {}  # of the run before it was continued: it has not come to its new end
    rows = next(filter(None, (read_metrics(place / METRICS_FILE) for place in places)), [])
    try:
        dataset = read_data(config)
    except (ConfigError, DataError) as error:
        return Evidence(config, rows, results), str(error)
    if config.data_fingerprint not in (None, dataset.fingerprint):
        return Evidence(config, rows, results), "they are not those that it was trained on"
    return Evidence(config, rows, results, dataset), ""
