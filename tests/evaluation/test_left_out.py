"""An evaluation goes on where a part of it fails, and says so."""

import pytest

from experiment.evaluation.left_out import LeftOut


def fail(error):
    raise error


def test_what_works_is_handed_on():
    left_out = LeftOut()
    assert left_out.attempt("a sum", sum, [1, 2]) == 3 and not left_out


def test_what_fails_is_named_with_its_reason(capsys):
    left_out = LeftOut()
    assert left_out.attempt("a score", fail, ValueError("one class only\nand more")) is None
    assert left_out == {"a score": "ValueError: one class only"}
    assert capsys.readouterr().out == "left out: a score (ValueError: one class only)\n"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_and_the_user_end_the_evaluation(error):
    with pytest.raises(type(error)):
        LeftOut().attempt("a picture", fail, error)
