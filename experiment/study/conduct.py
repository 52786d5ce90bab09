"""A study: say what it will do, train its runs, then compare them; or train a single run of it."""

from experiment.files.data import is_of, read_data, settle_with_data
from experiment.files.durations import in_words, newest_alike, recorded_seconds, seconds_per_epoch
from experiment.run import run_member
from experiment.settings.axes import differences, rows_of
from experiment.settings.refusals import ConfigError
from experiment.study.comparison import compare
from experiment.study.members import train_one_by_one, train_side_by_side
from experiment.training.devices import refuse_several_workers
from experiment.training.loop import TrainingError
from image_data.splits import DataError, DataMissing
from models.build import lay_out_model
from models.networks import NetworkError


def run_study(study, command=""):
    """Train what is not done of a Study, and compare its runs; or train the only one that it asks for.

    Returns False where the user stopped it.

    Raises:
        TrainingError: no run could be trained.
        MemberError: a run ended in its process.
        ConfigError: runs were trained on other images than these, or a run cannot be made of these images.
        DataMissing: the images of runs that are to be trained are not there.
    """
    if study.member:
        return _train_only(study, command)
    refuse_several_workers("a study trains its runs on one machine, or one of them with --member")
    left = [member for member in study.members if not member.is_done]
    print(f"{study.name}: {len(study.members)} runs, {len(left)} of them to train")
    print("\n".join(_aligned(_plan_of(study))))
    try:
        dataset = read_data(study.members[0].config)
    except DataMissing as missing:
        if left:
            raise
        print(f"no data: {missing}\nonly what needs none is drawn")
        dataset = None
    if dataset:
        _refuse_impossible(study, dataset)
    if left:
        print(f"time: {_estimate(study)}")
    train = train_side_by_side if left and study.jobs > 1 else train_one_by_one
    failed = train(study, command)
    if failed is None:
        return False
    trained = [member for member in study.members if member.run.name not in failed]
    if not trained:
        run, reason = next(iter(failed.items()))
        raise TrainingError(f"no run of the study could be trained; {run}: {reason}")
    compare(study._replace(members=tuple(trained)), dataset, command, failed)
    return True


def _train_only(study, command):
    """Train one run of a Study and leave the others, which other processes may be training, alone."""
    member = study.members[study.member - 1]
    heading, *rows = _plan_of(study)
    print(f"{study.name}: run {study.member} of {len(study.members)}")
    print("\n".join(_aligned([heading, rows[study.member - 1]])))
    if member.is_done:
        return True
    try:
        is_finished = run_member(member, command)
    except TrainingError as error:
        raise TrainingError(f"{member.run.name}: {error}") from None
    if not is_finished:
        print("the same command continues the run")
        return False
    print("when all runs are done, the same command without --member compares them")
    return True


def _plan_of(study):
    """The rows of the table that is printed before a study begins: number, run, settings that differ, state."""
    different = differences([member.config for member in study.members])
    if "precision" not in study.axes:  # what `auto` meant is settled in runs that have begun
        different.pop("precision", None)
    rows = rows_of(different, len(study.members))
    yield ["member", "run", *different, "state"]
    for number, (member, settings) in enumerate(zip(study.members, rows, strict=True), 1):
        yield [
            str(number),
            member.run.name,
            *settings,
            "done" if member.is_done else "begun" if member.is_begun else "new",
        ]


def _aligned(rows):
    """Rows of texts as lines, each column as wide as its widest text."""
    rows = list(rows)
    columns = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, columns)).rstrip() for row in rows]


def _estimate(study):
    """How long the runs that are left will take, in words: from runs of the study, from one alike, or not yet."""
    left = [member.config for member in study.members if not member.is_done]
    epochs = [config.num_epochs for config in left]
    epochs = max(*epochs, sum(epochs) / study.jobs)  # of the process that ends last
    done = [member for member in study.members if member.is_done]
    pace = seconds_per_epoch((recorded_seconds(member.run), member.config.num_epochs) for member in done)
    source = "the runs that are done"
    if pace is None and (alike := newest_alike(left[0])):
        run, config = alike
        pace, source = seconds_per_epoch([(recorded_seconds(run), config.num_epochs)]), run.name
    if pace is None:
        return "no run to go by; an estimate comes after the first one"
    return (
        f"about {in_words(pace * epochs)} to train and evaluate, by the records of {source}; more with compiling and "
        "validation"
    )


def _refuse_impossible(study, dataset):
    """Raise an error that names the run, where one of them cannot be trained on a Dataset."""
    for member in study.members:
        if member.is_begun and not is_of(dataset, member.config, member.config.data_fingerprint):
            raise ConfigError(
                f"{member.run.name}: was trained on other images than these; give their --data_dir, or the study "
                "another --run_name"
            )
        if member.is_begun:
            continue
        try:
            lay_out_model(settle_with_data(member.config, dataset))
        except (ConfigError, DataError, NetworkError) as error:
            raise type(error)(f"{member.run.name}: {error}") from None
