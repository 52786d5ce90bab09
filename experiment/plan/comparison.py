"""Decide which existing runs are compared."""

from dataclasses import replace
from pathlib import Path

from experiment.files.names import (
    CHECKPOINTS,
    OUTPUTS,
    RESULTS_FILE,
    STATES,
    Run,
    command_line,
    find_run,
    load_config,
    results_of,
)
from experiment.plan.study import Member, Study
from experiment.settings.axes import as_folder_name, differences
from experiment.settings.combine import resolve
from experiment.settings.refusals import ConfigError, received


def plan_comparison(names, given, resume=None):
    """The Study of runs that exist, as --compare asks for it: nothing of it is left to train.

    Runs on other test images are refused. Of two data sets, every number, curve and picture beside each other would
    invite a comparison that means nothing.

    Args:
        names: names or folders of runs.
        given: the other given settings, a dict.
        resume: the run to continue, which a comparison refuses.

    Raises:
        ConfigError: no such run, a run that was not evaluated, or runs on other test images.
    """
    others = {**given, **({"resume": resume} if resume else {})}.keys() - {"run_name", "data_dir", "cache_dir"}
    if others:
        raise ConfigError(
            f"--compare with --{min(others)}: it compares runs as they are; expected nothing else than --run_name and "
            "--data_dir"
        )
    places = {name: given[name] for name in ("data_dir", "cache_dir") if name in given}
    members = [_existing(name, places) for name in names]
    runs = [member.run.name for member in members]
    if len(set(runs)) < len(runs) or len(runs) < 2:
        raise ConfigError(f"{received('compare', tuple(names))}: expected two or more runs, all different")
    first = _test_images_of(members[0])
    for member in members[1:]:
        for what, ours in _test_images_of(member).items():
            if ours != first[what]:
                raise ConfigError(
                    f"--compare {member.run.name}: expected the test images of {runs[0]}, but {what} is {ours}, there "
                    f"{first[what]}; numbers of other images are not comparable"
                )
    study = Study(
        as_folder_name(given.get("run_name") or "_".join(["compare", *runs])),
        tuple(name for name in differences([member.config for member in members]) if name != "seed"),
        tuple(members),
    )
    if (study.run.outputs / RESULTS_FILE).is_file() or study.run.checkpoints.exists():
        raise ConfigError(f"--run_name {study.name}: is the name of a run; give the comparison another")
    return study


def _test_images_of(member):
    """What decides which images a run was tested on: words -> value."""
    settings = ("dataset", "image_shape", "validation_split", "test_split")
    return {
        **{name: getattr(member.config, name) for name in settings},
        "the checksum of the images": member.config.data_fingerprint,
        "the number of test images": results_of(member.run)["test"]["num_images"],
    }


def _existing(name, places):
    """A Member that is done, from the name or the folder of a run; places are settings of where its images are."""
    is_of_outputs = Path(name).resolve().parent == OUTPUTS.resolve()
    folder = find_run(Path(name).name if is_of_outputs else name, resolve({}), STATES)
    if folder.resolve().parent != CHECKPOINTS.resolve():
        raise ConfigError(f"--compare {name}: expected a run in {CHECKPOINTS}/; start in the folder that holds it")
    run, config = Run(folder.resolve().name), load_config(folder)
    results = results_of(run)
    if results is None or results["protocol"].get("epochs") != config.num_epochs:
        raise ConfigError(
            f"--compare {run.name}: expected a run that was evaluated at its end, in {RESULTS_FILE}; end it with "
            f"{command_line('python', 'assignment.py', '--resume', run.name)}"
        )
    return Member(replace(config, **places), run, is_begun=True, is_done=True)
