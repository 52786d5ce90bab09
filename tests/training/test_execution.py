"""What `auto` means on a machine."""

import pytest
import tensorflow as tf

from experiment.files import environment
from experiment.training import execution
from experiment.training.execution import multiplies_bfloat16, precision_of

AMX = "model name\t: Intel(R) Xeon(R)\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile\n\nprocessor\t: 1\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function: the text of cpuinfo, and the compute capabilities of GPUs -> that is what TensorFlow finds."""
    monkeypatch.setattr(execution, "multiplies_bfloat16", multiplies_bfloat16)  # not as other tests see it
    monkeypatch.setattr(environment, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")

    def be(cpuinfo, gpus=()):
        (tmp_path / "cpuinfo").write_text(cpuinfo)
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(gpus))
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: gpu)

    return be


@pytest.mark.parametrize(
    "cpuinfo, gpus, expected",
    [
        (AMX, [], "mixed_bfloat16"),
        (AMX.replace("amx_bf16", ""), [], "float32"),
        ("", [], "float32"),
        (AMX, [{"compute_capability": (7, 5)}], "float32"),
        (AMX, [{}], "float32"),
        ("", [{"compute_capability": (8, 0)}], "mixed_bfloat16"),
        ("", [{"compute_capability": (9, 0)}, {"compute_capability": (7, 0)}], "float32"),
    ],
)
def test_auto_is_bfloat16_for_convolutions_where_there_are_units_for_it(machine, make_config, cpuinfo, gpus, expected):
    machine(cpuinfo, gpus)
    assert precision_of(make_config(network="conv")) == expected
    assert precision_of(make_config(network="conv", precision="float32")) == "float32"
    assert precision_of(make_config(network="conv", precision="mixed_float16")) == "mixed_float16"


@pytest.mark.xla
def test_auto_is_float32_for_dense_networks_and_without_one_dnn(machine, make_config, monkeypatch):
    machine(AMX)
    assert precision_of(make_config()) == "float32"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert precision_of(make_config(network="conv")) == "float32"
