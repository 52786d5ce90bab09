"""What TensorBoard is shown."""

from contextlib import closing

import numpy as np
import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler
from tensorboard.util.tensor_util import make_ndarray
from test_records import ESTIMATE, progress

from experiment.files.records import MetricsLog, as_pixels
from experiment.files.tensorboard import Board
from experiment.pictures.plots import image_grid

TEST = {"elbo": -12.5, "iw_bound": -11.0, "rate": 3.0, "rate_per_level": [2.0, 1.0]}


def events_of(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def hyper_parameter_tab(folder):
    """What the tab of hyper-parameters shows of a folder: the names of its columns, and its session groups."""
    runs, request = EventMultiplexer().AddRunsFromDirectory(str(folder)).Reload(), RequestContext()
    context = Context(TBContext(data_provider=MultiplexerDataProvider(runs, str(folder))))
    metadata = context.hparams_metadata(request, "")
    shown = context.experiment_from_metadata(request, "", True, metadata, [])
    asked = api_pb2.ListSessionGroupsRequest(slice_size=10, allowed_statuses=[api_pb2.STATUS_UNKNOWN])
    asked.col_params.extend(api_pb2.ColParams(metric=info.name) for info in shown.metric_infos)
    groups = Handler(request, context, "", asked).run().session_groups
    columns = [info.name for info in shown.hparam_infos], [info.name.tag for info in shown.metric_infos]
    return *columns, list(groups)


def test_it_gets_the_same_numbers(tmp_path, make_config):
    with closing(Board(tmp_path, make_config())) as board, closing(MetricsLog(tmp_path, trackers=[board])) as log:
        log.append_training(progress(10))
        log.append_validation(progress(10), ESTIMATE, 7.0)
    events = events_of(tmp_path / "tensorboard")
    assert {"train/loss", "train/rate_per_level/z1", "validation/active_units/z2", "validation/elbo"} <= set(
        events.Tags()["tensors"]
    )
    (event,) = events.Tensors("validation/elbo")
    assert (event.step, float(make_ndarray(event.tensor_proto))) == (10, -12.0)


def test_a_continued_log_is_not_drawn_twice(tmp_path, make_config):
    for first_step, steps in ((0, (5, 10, 15)), (10, (15, 20))):
        with (
            closing(Board(tmp_path, make_config())) as board,
            closing(MetricsLog(tmp_path, first_step, [board])) as log,
        ):
            for step in steps:
                log.append_training(progress(step))
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


def test_runs_are_compared_by_their_settings_and_test_numbers(tmp_path, make_config):
    """Runs of other settings beside each other; one of them was resumed, and evaluated twice."""
    for name, beta, elbo in (("first", 1.0, -13.0), ("second", 4.0, -15.0), ("second", 4.0, -14.0)):
        config = make_config(beta=beta, network="conv" if name == "first" else "mlp")
        with closing(Board(tmp_path / name, config)) as board:
            board.log({"step": 10, "epoch": 1, "split": "validation", "elbo": -20.0})
            board.end(10, TEST | {"elbo": elbo}, [])
    parameters, metrics, groups = hyper_parameter_tab(tmp_path)
    assert {"beta", "hidden_sizes", "upsampling"} <= set(parameters), "those of one kind of network too"
    assert {"test/elbo", "test/iw_bound", "test/rate_per_level/z2", "validation/elbo"} <= set(metrics)
    assert [(group.name, len(group.sessions)) for group in groups] == [("first", 1), ("second", 1)]
    values = [{value.name.tag: value.value for value in group.metric_values} for group in groups]
    assert [each["test/elbo"] for each in values] == [-13.0, -14.0]
    assert values[0]["test/rate_per_level/z2"] == 2.0 and values[0]["test/iw_bound"] == pytest.approx(-11.0)
    assert [group.hparams["beta"].number_value for group in groups] == [1.0, 4.0]
