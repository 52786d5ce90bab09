"""What a user sees while a model trains."""

import io

import pytest

from experiment.evaluation.likelihood import ElboEstimate
from experiment.session import WIDTH, Screen, place_of
from experiment.training.loop import Plan, Progress

PLAN = Plan(batch_size=8, steps_per_epoch=4, num_steps=8, num_images=32)


def progress(step, loss, distortion, rate, num_made=2):
    return Progress(
        step=step,
        epoch=step // 4,
        is_epoch_end=step % 4 == 0,
        gradient_norm=1.0,
        loss=loss,
        distortion=distortion,
        rate_per_level=(rate / 2, rate / 2),
        num_made=num_made,
        num_images=16,
        images_per_second=100.0,
    )


def line_of(config, capsys, *seen):
    screen = Screen(config, 0, PLAN)
    for each in seen:
        screen.show(each)
    screen.end_epoch(seen[-1], ElboEstimate(-120.0, 100.0, 20.0, (10.0, 10.0), 1.0, (3, 3), 44), 123.0)
    screen.close()
    captured = capsys.readouterr()
    assert captured.err == "", "no bar where nobody looks"
    assert captured.out.count("\n") == 1 and len(captured.out) <= WIDTH
    return captured.out.rstrip()


def test_an_epoch_is_one_line_of_means_over_its_steps_that_add_up(make_config, capsys):
    """Two calls of two steps each, one of them with a step that was skipped: 3 steps of loss 130, 130 and 100."""
    seen = [progress(2, 130.0, 110.0, 20.0), progress(4, 100.0, 90.0, 10.0, num_made=1)]
    line = line_of(make_config(), capsys, *seen)
    assert line == "epoch 1/2: loss 120.0 = 103.3 + 16.7; validation 123.0, KL 20.0"


def test_beta_is_shown_as_it_was(make_config, capsys):
    line = line_of(make_config(beta=4.0, beta_schedule="linear"), capsys, progress(4, 120.0, 110.0, 20.0))
    assert "loss 120.0 = 110.0 + 0.50 x 20.0;" in line


def test_large_losses_fit_on_the_screen(make_config, capsys):
    line = line_of(make_config(beta=4.0), capsys, progress(4, -111_438.26, -111_838.26, 100.0))
    assert "loss -111,438 = -111,838 + 4.00 x 100.0;" in line


@pytest.mark.parametrize("given", [{"objective": "iwae", "num_importance_samples": 5}, {"free_nats": 3.0}])
def test_losses_of_other_terms_are_no_sums(make_config, capsys, given):
    line = line_of(make_config(**given), capsys, progress(4, 115.0, 110.0, 20.0))
    assert "loss 115.0 (reconstr. 110.0, KL 20.0);" in line


def test_the_bar_says_that_it_compiles_and_leaves_that_out_of_its_rate(make_config, monkeypatch):
    """The first call takes 20 seconds, the second one for 16 images: 16 images/s, on 80 columns."""
    now, terminal = [1000.0], io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    monkeypatch.setattr("sys.stderr", terminal)
    screen = Screen(make_config(), 0, PLAN)
    compiling, shown = terminal.getvalue(), []
    for step, seconds in ((2, 20.0), (4, 1.0)):
        now[0] += seconds
        screen.show(progress(step, 120.0, 110.0, 10.0))
        shown.append(terminal.getvalue().split("\r")[-1])
    screen.close()
    assert "compiling   0%" in compiling and "epoch" not in compiling
    assert "epoch 1/2  50%" in shown[-1] and "loss 120.0 = 110.0 + 10.0" in shown[-1] and "16.0 images/s" in shown[-1]
    assert all(len(line) <= WIDTH for line in shown)


def test_where_a_run_is_is_told_in_steps_and_epochs():
    plan = Plan(batch_size=8, steps_per_epoch=12, num_steps=372, num_images=96)
    assert place_of(31, plan) == "step 31 of 372, in epoch 3 of 31"
    assert place_of(24, plan) == "step 24 of 372, after epoch 2 of 31"
    assert place_of(0, plan) == "step 0 of 372, in epoch 1 of 31"
