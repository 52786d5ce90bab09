"""What programs leave behind, for which precisions a machine has units, and what `auto` means."""

import pytest
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

from experiment.files import environment
from experiment.training.execution import compiled, has_units_for, precision_of
from models.build import build_model

AMX = "model name\t: Intel(R) Xeon(R)\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile\n\nprocessor\t: 1\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function: the text of cpuinfo, and what TensorFlow tells of GPUs -> that is the machine."""
    monkeypatch.setattr(environment, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")

    def be(cpuinfo, gpus=()):
        if cpuinfo is not None:
            (tmp_path / "cpuinfo").write_text(cpuinfo)
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(gpus))
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: gpu)

    return be


@pytest.mark.parametrize(
    "cpuinfo, gpus, bfloat16, float16",
    [
        (AMX, [], True, False),
        (AMX.replace("amx_bf16", ""), [], False, False),
        ("", [], False, False),
        (None, [], False, False),
        (AMX, [{}], False, False),
        (AMX, [{"compute_capability": (7, 5)}], False, True),
        ("", [{"compute_capability": (8, 0)}], True, True),
        ("", [{"compute_capability": (9, 0)}, {"compute_capability": (6, 1)}], False, False),
    ],
)
def test_the_hardware_that_computes_is_asked(machine, monkeypatch, cpuinfo, gpus, bfloat16, float16):
    machine(cpuinfo, gpus)
    assert (has_units_for("mixed_bfloat16"), has_units_for("mixed_float16")) == (bfloat16, float16)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert has_units_for("mixed_bfloat16") == (bfloat16 and bool(gpus))


def test_auto_is_float32_on_every_machine(machine, make_config):
    machine(AMX)
    assert precision_of(make_config(network="conv")) == "float32"
    for named in ("float32", "mixed_bfloat16", "mixed_float16"):
        assert precision_of(make_config(precision=named)) == named


def test_no_graph_is_kept_for_its_custom_gradients(make_config):
    """TensorFlow registers one for every silu that it traces. It is needed while its graph is differentiated, only."""
    before = set(gradient_registry.list())
    model = build_model(make_config(network="conv", hidden_sizes=(2,), activation="silu", image_shape=(8, 8, 1)))

    @compiled
    def slope(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = tf.reduce_sum(tf.nn.silu(values))
        assert set(gradient_registry.list()) - before
        return tape.gradient(total, values)

    assert slope(tf.zeros([3])).numpy().tolist() == [0.5, 0.5, 0.5] and model.built
    assert set(gradient_registry.list()) == before
