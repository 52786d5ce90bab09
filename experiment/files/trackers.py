"""MLflow and Weights & Biases, for who asks for them with --track: the same numbers as in the files of the run.

Where they send to, and under which project, is what their own variables say, such as MLFLOW_TRACKING_URI.
"""

import json
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from atomic_files import write_text
from experiment.settings.config import MODEL, TRAINING, names_in
from experiment.settings.refusals import ConfigError, received

TRACKERS_FILE = "trackers.json"
NOT_NUMBERS = {"step", "epoch", "split"}  # of a row of metrics.jsonl


# --- What is sent -----------------------------------------------------------------------------------------------------


def hyper_parameters(config):
    """The settings of model and training as trackers accept them: numbers, switches and text."""
    values = {name: getattr(config, name) for name in sorted(names_in(MODEL, TRAINING) | {"dataset"})}
    return {
        name: value if isinstance(value, (bool, int, float, str)) else " ".join(map(str, value))
        for name, value in values.items()
        if value not in (None, ())
    }


def numbers_of_row(row):
    """The numbers of a row of metrics.jsonl, as `named_numbers` names them: 'validation/elbo'."""
    return named_numbers(row["split"], {name: value for name, value in row.items() if name not in NOT_NUMBERS})


def named_numbers(split, values):
    """Numbers by the names that trackers show: {'test/elbo': -101.2, 'test/rate_per_level/z1': 9.8}.

    Args:
        split: "train", "validation" or "test".
        values: a dict of numbers, and of lists with a number for each level, top level first.
    """
    numbers = {}
    for name, value in values.items():
        if isinstance(value, (list, tuple)):
            numbers |= {f"{split}/{name}/z{height}": each for height, each in enumerate(reversed(value), 1)}
        else:
            numbers[f"{split}/{name}"] = value
    return numbers


# --- Where it is sent to ----------------------------------------------------------------------------------------------


class MLflow:
    """A run of MLflow."""

    def begin(self, known, name, settings):
        """Begin a run, or go on with the known one. Returns its id.

        Args:
            known: the id of the run to go on with, or None.
            name: of the run, as people see it.
            settings: a dict of hyper-parameters. MLflow keeps those that a run began with.
        """
        import mlflow

        self._mlflow = mlflow
        run = mlflow.start_run(run_id=known, run_name=None if known else name)
        if not known:
            mlflow.log_params(settings)
        return run.info.run_id

    def log(self, step, numbers):
        """Add numbers, a dict, at a training step."""
        self._mlflow.log_metrics(numbers, step=step)

    def end(self, step, numbers, files):
        """Add the test numbers and the files, paths, and say that the run is finished."""
        self.log(step, numbers)
        for path in files:
            self._mlflow.log_artifact(str(path))
        self._mlflow.end_run()

    def stop(self):
        """Say that the run was stopped."""
        self._mlflow.end_run("KILLED")


class WeightsAndBiases:
    """A run of Weights & Biases. Its methods are those of MLflow."""

    def begin(self, known, name, settings):
        import wandb

        self._wandb = wandb
        self._run = wandb.init(
            id=known, resume="allow" if known else None, name=name, config=settings, allow_val_change=True
        )
        self._run.define_metric("*", step_metric="step")
        return self._run.id

    def log(self, step, numbers):
        self._run.log({"step": step, **numbers})

    def end(self, step, numbers, files):
        self.log(step, numbers)
        artifact = self._wandb.Artifact(f"run-{self._run.id}", type="run")
        for path in files:
            artifact.add_file(str(path))
        self._run.log_artifact(artifact)
        self._run.finish()

    def stop(self):
        self._run.finish(exit_code=1)


SERVICES = {"mlflow": MLflow, "wandb": WeightsAndBiases}  # their packages have these names too


def refuse_missing(names):
    """Raise ConfigError for trackers whose packages are not installed."""
    for name in names:
        found = find_spec(name)
        if found is None or found.origin is None:  # a folder of that name, such as wandb leaves behind, is no package
            raise ConfigError(
                f"{received('track', name)}: expected its package, found none; pip install {name}, or leave it out"
            )


class Tracked:
    """A run as a service shows it. It begins once; a resumed run goes on with it and sends only what it lacks.

    Rows are sent where the run saves its state. trackers.json holds, for each service, the id of its run and the place
    of the last row that was sent: its step, and its split, of which "train" comes before "validation".

    A service that fails while the run goes on, such as one that cannot be reached, is left out from there: nothing
    that is trained depends on it.
    """

    def __init__(self, name, run, config):
        """Begin or go on.

        Args:
            name: of the service, a key of SERVICES.
            run: the Run.
            config: its Config.

        Raises:
            ConfigError: the package is missing, or the service cannot begin.
        """
        refuse_missing([name])
        self._name, self._path, self._rows = name, run.outputs / TRACKERS_FILE, []
        known = _read(self._path).get(name, {})
        self._sent = tuple(known.get("sent", (0, "")))
        self._service = SERVICES[name]()
        try:
            self._id = self._service.begin(known.get("id"), run.name, hyper_parameters(config))
        except Exception as error:
            anew = f"; without {self._path} a new one is begun" if known else ""
            raise ConfigError(f"{received('track', name)}: cannot begin a run there ({_reason(error)}){anew}") from None
        self._remember()

    def log(self, row):
        """Take a row of metrics.jsonl, to be sent by the next `flush` if it was not sent before."""
        if _place(row) > self._sent:
            self._rows.append(row)

    def flush(self):
        """Send the rows."""
        self._attempt(self._send)

    def end(self, step, test, files):
        """Send the test numbers, a dict, and files, paths, and end the run there."""
        self._attempt(self._send)
        self._attempt(lambda: self._service.end(step, named_numbers("test", test), files))
        self._service = None

    def close(self):
        """Let the service know of a run that stops before its end."""
        self._attempt(self._send)
        self._attempt(lambda: self._service.stop())
        self._service = None

    def _send(self):
        try:
            for row in self._rows:
                self._service.log(row["step"], numbers_of_row(row))
                self._sent = _place(row)
        finally:
            self._rows = []
            self._remember()

    def _remember(self):
        known = {"id": self._id, "sent": self._sent}
        write_text(self._path, json.dumps(_read(self._path) | {self._name: known}, indent=2) + "\n")

    def _attempt(self, function):
        if not self._service:
            return
        try:
            function()
        except Exception as error:
            with suppress(Exception):  # a run that stays open would be in the way of the next one
                self._service.stop()
            self._service = None
            print(f"--track {self._name}: left out from here ({_reason(error)}); --resume sends what is missing")


def _place(row):
    return row["step"], row["split"]


def _read(path):
    """The content of trackers.json; nothing, where it is missing or damaged."""
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _reason(error):
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
