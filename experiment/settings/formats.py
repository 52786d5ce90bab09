"""The formats of --export, one entry each. Imports no TensorFlow."""

from importlib.util import find_spec
from typing import NamedTuple

from experiment.settings.refusals import ConfigError

REQUIREMENTS = "requirements-export.txt"


class Format(NamedTuple):
    """A kind of files that other programs read."""

    write: str  # a function, see experiment/export/formats.py
    summary: str  # for --help
    title: str  # of its part of the card
    start: str  # the lines of Python that load encoder and decoder: functions from named arrays to a dict of them
    packages: tuple[str, ...] = ()  # what writing it needs besides TensorFlow
    runs_in_browsers: bool = False


FORMATS = {
    "savedmodel": Format(
        write="experiment.export.formats:write_savedmodel",
        summary="TensorFlow's own",
        title="SavedModel, with TensorFlow",
        start="""\
import numpy as np
import tensorflow as tf
from PIL import Image

programs = tf.saved_model.load("savedmodel").signatures
encoder, decoder = programs["encoder"], programs["decoder"]
""",
    ),
    "onnx": Format(
        write="experiment.export.formats:write_onnx",
        summary="onnxruntime, and browsers",
        title="ONNX, with onnxruntime",
        start="""\
import numpy as np
import onnxruntime
from PIL import Image


def program(path):
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return lambda **inputs: dict(zip(names, session.run(names, inputs)))


encoder, decoder = program("encoder.onnx"), program("decoder.onnx")
""",
        packages=("tf2onnx", "onnx"),
        runs_in_browsers=True,
    ),
    "litert": Format(
        write="experiment.export.formats:write_litert",
        summary="phones and small devices",
        title="LiteRT, with ai-edge-litert",
        start="""\
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image

# Where N is free, LiteRT 2.3 with its default delegate, XNNPACK, may compute other numbers from the second call on.
plain = {"experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
encoder = Interpreter("encoder.tflite", **plain).get_signature_runner()
decoder = Interpreter("decoder.tflite", **plain).get_signature_runner()
""",
    ),
}


def refuse_missing_packages(formats):
    """Raise ConfigError for a format whose packages are not installed."""
    for name in formats:
        missing = [package for package in FORMATS[name].packages if find_spec(package) is None]
        if missing:
            raise ConfigError(
                f"--export {name}: expected the package {missing[0]}, which is not installed; "
                f"pip install -r {REQUIREMENTS}"
            )
