"""Studies: the same settings with several values of beta and several seeds; their runs, and what is left to do.

Imports neither TensorFlow nor numpy.
"""

import json
from typing import NamedTuple

from experiment.config import DATA, MODEL, TRAINING, Config, flags, free_when_resumed, names_in
from experiment.presets import WITH_FACTORS
from experiment.refusals import ConfigError, received
from experiment.resolution import resolve, with_published
from experiment.runs import RESULTS_FILE, STATE_FILE, Run, configure, load_config


class Member(NamedTuple):
    """A run of a study."""

    config: Config
    run: Run
    is_begun: bool  # then it is continued
    is_done: bool


class Study(NamedTuple):
    """Runs that are compared; betas and seeds are those that were given, () where only the other were."""

    name: str
    betas: tuple[float, ...]
    seeds: tuple[int, ...]
    members: tuple[Member, ...]

    @property
    def run(self):
        """Where the comparison goes; only its outputs are used."""
        return Run(self.name)


def is_study(given):
    """Whether settings (a dict) are of several runs."""
    return bool(given.get("seeds")) or isinstance(given.get("beta"), tuple)


def plan_study(given, resume=None):
    """The Study that is asked for.

    Raises: ConfigError where its runs cannot be trained, or are there with other settings.
    """
    betas, seeds = given.get("beta", ()), given.get("seeds", ())
    betas = betas if isinstance(betas, tuple) else ()
    for name, values in (("beta", betas), ("seeds", seeds)):
        if len(set(values)) < len(values):
            raise ConfigError(f"{received(name, values)}: expected values that are all different")
    if resume:
        raise ConfigError("--resume with several --beta or --seeds: the command that began a study continues it")
    if "seed" in given and seeds:
        raise ConfigError("--seed with --seeds: expected one of them")
    if given.get("num_epochs") == 0:
        raise ConfigError("--num_epochs 0 with several --beta or --seeds: a study trains; expected at least 1")
    shared = {name: value for name, value in given.items() if name != "seeds" and not (betas and name == "beta")}
    if given.get("dataset") in WITH_FACTORS:  # its scores are what betas are compared by
        shared = {"evaluate": True, "iw_samples": 100, **shared}
    first = with_published(shared | ({"beta": betas[0]} if betas else {}))
    family = resolve({name: value for name, value in first.items() if name != "load_weights"}).family
    members = []
    for beta in betas or (None,):
        for seed in seeds or (None,):
            values, name = dict(shared), family
            if beta is not None:
                values, name = values | {"beta": beta}, f"{name}_beta{beta:g}"
            if seed is not None:
                values, name = values | {"seed": seed}, f"{name}_seed{seed}"
            members.append(_member(values, Run(name)))
    name = family
    for axis, values in (("beta", betas), ("seeds", seeds)):
        if values:
            name = "_".join([name, axis, *map("{:g}".format, values)])
    return Study(name, betas, seeds, tuple(members))


def _member(given, run):
    asked, _ = configure({**given, "run_name": run.name})
    if not (run.checkpoints / STATE_FILE).is_file():
        if run.checkpoints.exists() or run.outputs.exists():
            raise ConfigError(
                f"{run.name}: expected a run of this study with its {STATE_FILE}, or nothing; move {run.checkpoints} "
                f"and {run.outputs} away, or give the study another --run_name"
            )
        return Member(asked, run, is_begun=False, is_done=False)
    saved = load_config(run.checkpoints)
    decisive = names_in(MODEL, DATA, TRAINING) - free_when_resumed() | {"load_weights"}
    for each in flags():
        ours, theirs = getattr(asked, each.name), getattr(saved, each.name)
        if each.name in decisive and ours != theirs:
            raise ConfigError(
                f"{run.name}: was trained with {received(each.name, theirs)}, the study asks for "
                f"{received(each.name, ours)}; give the study another --run_name"
            )
    kept = {name: value for name, value in given.items() if name not in ("preset", "load_weights")}
    config, _ = configure(kept, run.name)
    return Member(config, run, is_begun=True, is_done=_is_done(config, run))


def _is_done(config, run):
    path = run.outputs / RESULTS_FILE
    if not path.is_file():
        return False
    protocol = json.loads(path.read_text(encoding="utf-8"))["protocol"]
    is_measured = "evaluation_seconds" in protocol or not (config.evaluate or config.iw_samples)
    return is_measured and protocol["epochs"] == config.num_epochs
