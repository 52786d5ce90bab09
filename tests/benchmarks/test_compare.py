"""The table of contestants: medians, ratios round by round, and equal networks."""

import pytest

from benchmarks.compare import is_unfit, rows_of
from benchmarks.in_tensorflow import CONTESTANTS, flops_per_image
from benchmarks.workloads import Workload


def run(speed, num_parameters=10):
    return {
        "speed": speed,
        "first_step_seconds": 3.0,
        "peak_gb": 1.25,
        "num_parameters": num_parameters,
        "flops": 1_000_000_000,
    }


def test_ratios_are_medians_over_rounds_of_runs_beside_each_other():
    """A machine that was half as fast in one round was so for both."""
    results = {"ours": [run(200.0), run(100.0), run(220.0)], "theirs": [run(100.0), run(50.0), run(200.0)]}
    ours, theirs = rows_of(results, gflops=1_000.0)
    assert ours == ["ours", "200", "100 to 220", "", "20%", "3.0", "1.2"]
    assert theirs == ["theirs", "100", "50 to 200", "2.00", "10%", "3.0", "1.2"]


def test_another_network_is_no_contest():
    with pytest.raises(SystemExit, match="theirs: 11 parameters, ours 10"):
        list(rows_of({"ours": [run(1.0)], "theirs": [run(1.0, num_parameters=11)]}, 1.0))
    assert [row[0] for row in rows_of({"ours": [run(1.0)], "theirs": [None]}, 1.0)] == ["ours"]
    with pytest.raises(SystemExit, match="ours could not be measured"):
        list(rows_of({"ours": [None]}, 1.0))
    assert is_unfit("JAX scan", "conv") and not is_unfit("JAX scan", "iwae")


@pytest.mark.parametrize("name", ["ours", "eager loop", "fit"])
def test_contestants_in_tensorflow_train_the_same_network(name):
    settings = {"network": "mlp", "hidden_sizes": (4,), "latent_size": (2,), "batch_size": 5}
    workload = Workload("", settings, (4, 4, 1), 20)
    train, num_parameters = CONTESTANTS[name](workload)
    assert train() % 5 == 0
    assert num_parameters == (16 * 4 + 4) + (4 * 4 + 4) + (2 * 4 + 4) + (4 * 16 + 16)
    products = 2 * (16 * 4 + 4 * 4 + 2 * 4 + 4 * 16)
    assert 3 * products < flops_per_image(workload) < 6 * products  # biases and sums over pixels count, too
