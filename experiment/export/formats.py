"""Programs as files: a function (programs, folder) for each format of experiment/settings/formats.py."""

import tensorflow as tf


def write_savedmodel(programs, folder):
    """Write savedmodel/. Its signatures are the programs."""
    tf.saved_model.save(_with_weights(programs), str(folder / "savedmodel"), signatures=_traced(programs))


def write_onnx(programs, folder):
    """Write encoder.onnx, decoder.onnx and so on, a file for each program.

    Raises: onnx.checker.ValidationError for a program with operations that ONNX does not have.
    """
    import onnx
    import tf2onnx
    from onnx.tools.update_model_dims import update_inputs_outputs_dims

    for each in programs:
        converted, _ = tf2onnx.convert.from_function(each.function, each.function.input_signature)
        inputs, outputs = (
            {name: ["N", *shape] for name, shape in shapes.items()} for shapes in (each.inputs, each.outputs)
        )
        named = update_inputs_outputs_dims(converted, inputs, outputs)
        onnx.checker.check_model(named)  # tf2onnx goes on after operations that it does not know
        onnx.save(named, folder / f"{each.name}.onnx")


def write_litert(programs, folder):
    """Write encoder.tflite, decoder.tflite and so on, of one signature each."""
    for each in programs:
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [each.function.get_concrete_function()], _with_weights([each])
        )
        (folder / f"{each.name}.tflite").write_bytes(converter.convert())


def _traced(programs):
    return {each.name: each.function.get_concrete_function() for each in programs}


def _with_weights(programs):
    """What TensorFlow saves with functions: an object that holds their weights."""
    module = tf.Module()
    module.weights = [weight for traced in _traced(programs).values() for weight in traced.variables]
    return module
