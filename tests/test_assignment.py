"""What the command line says of words that it does not know, and what it sets before TensorFlow is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import assert_refused

from assignment import parse
from experiment.settings.config import flags
from experiment.settings.refusals import OTHER_NAMES

PROJECT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--seed", "0", "1"], "--seed 0 1: expected one value; did you mean --seeds 0 1?"),
        (["--seed", "0", "1", "--beta", "2"], "--seed 0 1: expected one value; did you mean --seeds 0 1?"),
        (["--grid", "3", "4"], "--grid 3 4: expected one value;"),
        (["--num_epochs", "2", "--steps_per_call", "1", "2"], "--steps_per_call 1 2: expected one value"),
        (["mnist"], "mnist: expected flags, such as --dataset mnist"),
        (["--lr", "0.1"], "--lr: no such flag; did you mean --learning_rate?"),
        (["--batch-size=3"], "--batch-size=3: no such flag; did you mean --batch_size?"),
        (["--latent_sise", "3"], "--latent_sise: no such flag; did you mean --latent_size?"),
        (["--zzzz"], "--zzzz: no such flag; see --help"),
        (["--num_epochs", "ten"], "--num_epochs: 'ten': expected a whole number of at least 0"),
        (["--hidden_sizes", "4,x"], "--hidden_sizes: '4,x': expected whole numbers of at least 1, such as 400 400"),
        (["--batch_size", "1,2"], "--batch_size: '1,2': a value is one number; expected spaces between values"),
    ],
)
def test_words_that_are_no_flags_are_explained(cli, arguments, message):
    assert_refused(cli(*arguments), message)


def test_what_is_meant_by_other_names_is_there():
    known = {each.name for each in flags()}
    meant = {word for name in OTHER_NAMES.values() for word in name.split()}
    assert meant <= known and not known & OTHER_NAMES.keys()


def test_flags_become_settings():
    assert parse(["--beta", "4", "--latent_size", "64", "32"]) == {"beta": 4.0, "latent_size": (64, 32)}
    assert parse(["--beta", "1", "4"]) == {"beta": (1.0, 4.0)}
    assert parse(["--no-quarter_turns"]) == {"quarter_turns": False}, "a default of a deep hierarchy"


def test_the_environment_is_set_before_tensorflow_unless_a_user_did():
    code = "import os, experiment; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"

    def said(**given):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")} | given
        command = [sys.executable, "-c", code]
        return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True).stdout

    assert said() == "1\n"
    assert said(TF_ENABLE_ONEDNN_OPTS="0") == "0\n"


@pytest.mark.slow
def test_python_is_as_quiet_as_the_command_line():
    code = "from experiment.api import load; load('cvae_1l').sample(2, labels=range(2))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_streams_that_are_closed_lead_nowhere():
    """Else the next file that is opened is standard error, and has its messages written into it."""
    code = "import sys, os, experiment.training.runtime as _; sys.exit(sys.stderr is None or os.open('.', 0) <= 2)"
    command = f'"{sys.executable}" -c "{code}" <&- >&- 2>&-'
    assert subprocess.run(command, shell=True, cwd=PROJECT).returncode == 0
