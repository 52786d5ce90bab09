// The latent explorer of report.html. `data` is what experiment/report/explorer.py wrote: the decoder itself ("live"),
// or images that were decoded beforehand for a grid of values of a few units ("grid"). Features of an image are
// {shape: [height, width, channels], values}, of a vector {shape: [length], values}.

function decodeFloats(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

const ACTIVATIONS = {
  relu: (x) => Math.max(x, 0),
  leaky_relu: (x) => (x < 0 ? 0.2 * x : x),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

function perChannel(features, scale, shift) {
  const channels = scale.length;
  return { ...features, values: features.values.map((x, at) => x * scale[at % channels] + shift[at % channels]) };
}

const LAYERS = {
  dense({ shape: [inputs, outputs], kernel, bias }, { shape, values }) {
    // On maps it acts on the channels of every pixel.
    const rows = values.length / inputs;
    const result = new Float32Array(rows * outputs);
    for (let row = 0; row < rows; row++) {
      const sums = Float64Array.from(bias);
      for (let i = 0; i < inputs; i++) {
        const x = values[row * inputs + i];
        if (x === 0) continue;
        for (let o = 0, k = i * outputs; o < outputs; o++, k++) sums[o] += x * kernel[k];
      }
      result.set(sums, row * outputs);
    }
    return { shape: [...shape.slice(0, -1), outputs], values: result };
  },

  // Kernel [rows, columns, in, out], stride 1, as large as its input.
  convolution({ shape: [rows, columns, inputs, outputs], kernel, bias }, { shape: [height, width], values }) {
    const result = new Float32Array(height * width * outputs);
    const top = (rows - 1) >> 1, left = (columns - 1) >> 1;
    const sums = new Float64Array(outputs);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        sums.set(bias);
        for (let r = 0; r < rows; r++) {
          const fromY = y + r - top;
          if (fromY < 0 || fromY >= height) continue;
          for (let c = 0; c < columns; c++) {
            const fromX = x + c - left;
            if (fromX < 0 || fromX >= width) continue;
            for (let i = 0; i < inputs; i++) {
              const value = values[(fromY * width + fromX) * inputs + i];
              let k = ((r * columns + c) * inputs + i) * outputs;
              for (let o = 0; o < outputs; o++, k++) sums[o] += value * kernel[k];
            }
          }
        }
        result.set(sums, (y * width + x) * outputs);
      }
    return { shape: [height, width, outputs], values: result };
  },

  // Kernel [rows, columns, out, in], stride 2: every pixel puts its kernel onto an image of twice the size.
  transposed_convolution({ shape: [rows, columns, outputs, inputs], kernel, bias }, { shape: [height, width], values }) {
    const [tall, wide] = [2 * height, 2 * width];
    const top = (rows - 2) >> 1, left = (columns - 2) >> 1;
    const result = new Float32Array(tall * wide * outputs);
    for (let at = 0; at < result.length; at++) result[at] = bias[at % outputs];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const pixel = values.subarray((y * width + x) * inputs, (y * width + x + 1) * inputs);
        for (let r = 0; r < rows; r++) {
          const toY = 2 * y + r - top;
          if (toY < 0 || toY >= tall) continue;
          for (let c = 0; c < columns; c++) {
            const toX = 2 * x + c - left;
            if (toX < 0 || toX >= wide) continue;
            for (let o = 0; o < outputs; o++) {
              let sum = 0;
              let k = ((r * columns + c) * outputs + o) * inputs;
              for (let i = 0; i < inputs; i++, k++) sum += pixel[i] * kernel[k];
              result[(toY * wide + toX) * outputs + o] += sum;
            }
          }
        }
      }
    return { shape: [tall, wide, outputs], values: result };
  },

  upsampling(_, { shape: [height, width, channels], values }) {
    const result = new Float32Array(4 * values.length);
    for (let y = 0; y < 2 * height; y++)
      for (let x = 0; x < 2 * width; x++) {
        const from = ((y >> 1) * width + (x >> 1)) * channels;
        result.set(values.subarray(from, from + channels), (y * 2 * width + x) * channels);
      }
    return { shape: [2 * height, 2 * width, channels], values: result };
  },

  instance_normalization({ epsilon, scale, shift }, features) {
    const channels = scale.length, pixels = features.values.length / channels;
    const means = new Float64Array(channels), squares = new Float64Array(channels);
    features.values.forEach((x, at) => (means[at % channels] += x / pixels));
    features.values.forEach((x, at) => (squares[at % channels] += (x - means[at % channels]) ** 2 / pixels));
    const scales = scale.map((gamma, channel) => gamma / Math.sqrt(squares[channel] + epsilon));
    return perChannel(features, scales, shift.map((beta, channel) => beta - means[channel] * scales[channel]));
  },

  affine: ({ scale, shift }, features) => perChannel(features, scale, shift),
  reshape: ({ shape }, { values }) => ({ shape, values }),
  activation: ({ name }, { shape, values }) => ({ shape, values: values.map(ACTIVATIONS[name]) }),
  gated({ layers: [value, gate] }, features) {
    const { shape, values } = LAYERS.dense(value, features);
    const gates = LAYERS.dense(gate, features).values;
    return { shape, values: values.map((x, at) => x * sigmoid(gates[at])) };
  },
  residual({ layers }, features) {
    const branch = run(layers, features);
    return { ...features, values: features.values.map((x, at) => x + branch.values[at]) };
  },
};

function run(layers, features) {
  return layers.reduce((now, layer) => LAYERS[layer.kind](layer, now), features);
}

function unpack(layers) {
  for (const layer of layers) {
    for (const name of ["kernel", "bias", "scale", "shift"])
      if (typeof layer[name] === "string") layer[name] = decodeFloats(layer[name]);
    if (layer.layers) unpack(layer.layers);
  }
}

function draw(canvas, values, [height, width, channels], stride) {
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let colour = 0; colour < 3; colour++)
      image.data[4 * pixel + colour] = Math.round(255 * sigmoid(values[pixel * stride + (channels === 1 ? 0 : colour)]));
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function element(parent, tag, attributes = {}, text = "") {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(text);
  parent.append(made);
  return made;
}

function slider(parent, unit, attributes, onInput) {
  const row = element(parent, "label", { className: "slider" });
  element(row, "span", {}, `${unit.name}, ${unit.rate.toFixed(2)} nats${unit.is_active ? "" : ", inactive"}`);
  const input = element(row, "input", { type: "range", ...attributes });
  input.name = unit.name;
  const shown = element(row, "output");
  const show = () => (shown.value = Number(input.value).toFixed(2));
  input.addEventListener("input", () => (show(), onInput()));
  return { input, set: (value) => ((input.value = value), show()) };
}

function choice(parent, words, name, options, onChange) {
  const row = element(parent, "label", { className: "choice" });
  element(row, "span", {}, words);
  const select = element(row, "select", { name });
  options.forEach((option, index) => element(select, "option", { value: index }, option));
  select.addEventListener("change", onChange);
  return select;
}

function exploreLive(data, canvas, controls) {
  unpack(data.decoder.layers);
  const { shape, layers, label_scale: labelScale } = data.decoder;
  let z = [], y = [];

  function update() {
    data.units.forEach((unit, index) => (z[unit.index] = Number(sliders[index].input.value)));
    const codes = Float32Array.from([...z, ...y.map((value) => labelScale * value)]);
    const { values } = run(layers, { shape: [codes.length], values: codes });
    draw(canvas, values, shape, values.length / (shape[0] * shape[1]));
  }
  function begin(codes, labels) {
    [z, y] = [[...codes], [...labels]];
    data.units.forEach((unit, index) => sliders[index].set(z[unit.index]));
    if (labelSelect) labelSelect.value = y.indexOf(1);
    boxes.forEach((box, index) => (box.checked = y[index] === 1));
    update();
  }
  function normal() {
    return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  }

  const start = choice(controls, "begin with", "start", data.starts.map((each) => each.name), () => {
    const { z: codes, y: labels } = data.starts[start.value];
    begin(codes, labels);
  });
  const random = element(controls, "button", { type: "button", name: "random" }, "draw z from the prior");
  random.addEventListener("click", () => {
    const draw = data.draws[Math.floor(data.draws.length * Math.random())];
    if (draw) begin(draw.z, draw.y);
    else begin(z.map(normal), y);
    start.selectedIndex = -1; // so that the same image can be chosen again
  });
  let labelSelect = null;
  const boxes = [];
  if (data.labels.length && data.has_one_label)
    labelSelect = choice(controls, "label y", "label", data.labels, () => {
      y = y.map((_, index) => Number(index === Number(labelSelect.value)));
      update();
    });
  else if (data.labels.length) {
    const group = element(controls, "div", { className: "boxes" });
    data.labels.forEach((name, index) => {
      const row = element(group, "label");
      const box = element(row, "input", { type: "checkbox", name });
      row.append(name);
      box.addEventListener("change", () => ((y[index] = Number(box.checked)), update()));
      boxes.push(box);
    });
  }
  const range = { min: -data.range, max: data.range, step: "any" };
  const sliders = data.units.map((unit) =>
    slider(controls, unit, range, () => {
      start.selectedIndex = -1;
      update();
    }));
  begin(data.starts[0].z, data.starts[0].y);
}

function exploreGrid(data, canvas, controls) {
  const sheet = new Image();
  const positions = data.values.length;
  function update() {
    let at = labels ? Number(labels.value) : 0;
    for (const { input } of sliders) at = at * positions + data.values.indexOf(Number(input.value));
    const [x, y] = [at % data.columns, Math.floor(at / data.columns)];
    const { width, height } = canvas;
    canvas.getContext("2d").drawImage(sheet, x * width, y * height, width, height, 0, 0, width, height);
  }
  const labels = data.labels.length > 1 ? choice(controls, "label y", "label", data.labels, update) : null;
  const range = { min: data.values[0], max: data.values.at(-1), step: data.values[1] - data.values[0] };
  const sliders = data.units.map((unit) => slider(controls, unit, range, update));
  sliders.forEach(({ set }, index) => set(data.start[index]));
  if (labels) labels.value = data.start_label;
  sheet.addEventListener("load", update);
  sheet.src = data.sheet;
}

for (const place of document.querySelectorAll(".explorer")) {
  const data = JSON.parse(place.querySelector("script").textContent);
  const [canvas, controls] = [place.querySelector("canvas"), place.querySelector(".controls")];
  (data.kind === "live" ? exploreLive : exploreGrid)(data, canvas, controls);
}
