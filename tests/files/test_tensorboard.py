"""What TensorBoard is shown."""

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.util.tensor_util import make_ndarray
from test_records import ESTIMATE, progress

from experiment.files.records import MetricsLog, as_pixels
from experiment.files.tensorboard import Board, hyper_parameters
from experiment.pictures.plots import image_grid


def events_of(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def test_it_gets_the_same_numbers(tmp_path, make_config):
    log = MetricsLog(tmp_path, board=Board(tmp_path, make_config()))
    log.append_training(progress(10))
    log.append_validation(progress(10), ESTIMATE, 7.0)
    log.close()
    events = events_of(tmp_path / "tensorboard")
    assert {"train/loss", "train/rate_per_level/z1", "validation/active_units/z2", "validation/elbo"} <= set(
        events.Tags()["tensors"]
    )
    (event,) = events.Tensors("validation/elbo")
    assert (event.step, float(make_ndarray(event.tensor_proto))) == (10, -12.0)


def test_a_continued_log_is_not_drawn_twice(tmp_path, make_config):
    for first_step, steps in ((0, (5, 10, 15)), (10, (15, 20))):
        log = MetricsLog(tmp_path, first_step, Board(tmp_path, make_config()))
        for step in steps:
            log.append_training(progress(step))
        log.close()
    events = events_of(tmp_path / "tensorboard")
    assert [event.step for event in events.Tensors("train/loss")] == [5, 10, 15, 20]


def test_pictures_and_histograms_stay_where_a_run_is_continued(tmp_path, make_config):
    figure = image_grid(np.zeros((1, 2, 8, 8, 1)), "two black images")
    for step in (10, 20):
        board = Board(tmp_path, make_config())
        board.draw_epoch(step, {"samples": figure}, {"z": np.arange(6.0).reshape(3, 2)})
        board.close()
    folders = sorted((tmp_path / "tensorboard/pictures").iterdir())
    assert len(folders) == 2
    events = events_of(tmp_path / "tensorboard/pictures")
    # TensorBoard reads files by name, and their names end in how many this process has written: 10 comes before 9.
    assert sorted(event.step for event in events.Tensors("posterior means/z")) == [10, 20]
    width, height, png = make_ndarray(events.Tensors("samples")[0].tensor_proto)
    assert (int(height), int(width)) == as_pixels(figure).shape[:2] and png.startswith(b"\x89PNG")


def test_hyper_parameters_are_numbers_switches_and_text(make_config):
    values = hyper_parameters(make_config(beta=4.0, is_cvae=True))
    assert (values["beta"], values["is_cvae"], values["hidden_sizes"]) == (4.0, True, "16")
    assert "encoder_normalization" not in values, "not a setting of a dense network"


def test_the_hyper_parameters_of_a_run_are_shown(tmp_path, make_config):
    Board(tmp_path, make_config(beta=4.0)).close()
    events = events_of(tmp_path / "tensorboard")
    contents = {tag: events.SummaryMetadata(tag).plugin_data.content for tag in events.PluginTagToContent("hparams")}
    experiment = metadata.parse_experiment_plugin_data(contents[metadata.EXPERIMENT_TAG])
    assert {"beta", "learning_rate", "hidden_sizes"} <= {info.name for info in experiment.hparam_infos}
    session = metadata.parse_session_start_info_plugin_data(contents[metadata.SESSION_START_INFO_TAG])
    assert session.hparams["beta"].number_value == 4.0
