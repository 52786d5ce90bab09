"""Code that uses an export: the listings of its card."""

from experiment.settings.formats import FORMATS

ROWS = 3  # images that a listing generates


def python_listing(name, programs, config):
    """Python that generates images, encodes them and decodes their codes, with the files of a format."""
    encoder, decoder, *_ = programs
    top = next(iter(decoder.inputs))
    lines = [FORMATS[name].start, "normal = np.random.default_rng(0).standard_normal"]
    if "labels" in decoder.inputs:
        number = len(config.label_names)
        lines.append(f'labels = np.eye({number}, dtype="float32")[{[row % number for row in range(ROWS)]}]')
    lines += ["", "# Generate: codes and noise of N(0, 1)."]
    given = {each: f'normal({(ROWS, *shape)}, dtype="float32")' for each, shape in decoder.inputs.items()}
    lines += _call("samples", "decoder", {**given, "labels": "labels"}, decoder.inputs, '["images"]')
    lines += [
        "pixels = np.rint(255 * np.asarray(samples[0])).astype(np.uint8)",
        f'Image.fromarray(pixels{"[..., 0]" if config.image_shape[-1] == 1 else ""}).save("sample.png")',
        "",
        "# Encode images, here the samples, and reconstruct them from the means of their codes.",
    ]
    images = "np.asarray(samples)"
    if config.binarization != "none":
        lines.append("images = np.float32(np.random.default_rng(1).random(samples.shape) < samples)  # binary pixels")
        images = "images"
    zeros = {each: f"np.zeros({(ROWS, *shape)}, np.float32)" for each, shape in encoder.inputs.items()}
    lines += _call("encoded", "encoder", {**zeros, "images": images, "labels": "labels"}, encoder.inputs)
    encoded = {each: f'encoded["decoder_{each}"]' for each in decoder.inputs}
    encoded |= {top: f'encoded["mean_{top}"]', "labels": "labels"}
    lines += _call("reconstructions", "decoder", encoded, decoder.inputs, '["images"]')
    return "\n".join(lines)


def _call(result, function, given, names, end=""):
    """`result = function(name=value, ...)`, on one line if it fits."""
    arguments = [f"{name}={given[name]}" for name in names]
    line = f"{result} = {function}({', '.join(arguments)}){end}"
    if len(line) <= 100:
        return [line]
    return [f"{result} = {function}(", *(f"    {argument}," for argument in arguments), f"){end}"]


def javascript_listing(decoder):
    """JavaScript that draws a sample on a canvas."""
    height, width, channels = decoder.outputs["images"]
    noise = [name for name in decoder.inputs if name != "labels"]
    lines = [
        'import * as ort from "onnxruntime-web";',
        "",
        "const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());",
        "const tensor = (shape, value) =>",
        '  new ort.Tensor("float32", Float32Array.from({ length: shape.reduce((a, b) => a * b) }, value), shape);',
        "",
        'const decoder = await ort.InferenceSession.create("decoder.onnx");',
        "const inputs = {",
        *(f"  {name}: tensor({[1, *decoder.inputs[name]]}, normal)," for name in noise),
    ]
    if "labels" in decoder.inputs:
        lines.append(f"  labels: tensor({[1, *decoder.inputs['labels']]}, (_, index) => (index === 0 ? 1 : 0)),")
    lines += [
        "};",
        "const { images } = await decoder.run(inputs);",
        "",
        f"const pixels = new ImageData({width}, {height});",
        "pixels.data.forEach((_, index) => {",
        "  const [pixel, channel] = [Math.floor(index / 4), index % 4];",
        f"  const value = images.data[{'pixel' if channels == 1 else f'{channels} * pixel + channel'}];",
        "  pixels.data[index] = channel < 3 ? Math.round(255 * value) : 255;",
        "});",
        'document.querySelector("canvas").getContext("2d").putImageData(pixels, 0, 0);',
    ]
    return "\n".join(lines)
