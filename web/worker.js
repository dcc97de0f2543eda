// Everything that takes time, apart from the page: the graphs of vop export, run by ONNX Runtime.

import * as ort from "./vendor/onnxruntime-web/ort.wasm.bundle.min.mjs";
import { focus, refusalOf } from "./sound.js";

const RUNTIME = "vendor/onnxruntime-web/ort-wasm-simd-threaded.wasm.gz";
const GRAPHS = ["features", "enroll", "answer"];
const MELS = 40;
const FRAMES = 101;

const graphs = {};
let labels;

const tensor = (values, shape) => new ort.Tensor("float32", values, shape);

async function bytesOf(path) {
  const answer = await fetch(new URL(path, import.meta.url));
  if (!answer.ok) throw new Error(`${path} is not there`);
  return new Uint8Array(await answer.arrayBuffer());
}

// Some servers unpack what ends in .gz on their own: then its first bytes say so.
async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const work = {
  async load() {
    const [runtime, about, ...models] = await Promise.all([
      bytesOf(RUNTIME).then(unpacked),
      bytesOf("model/model.json").then((bytes) => JSON.parse(new TextDecoder().decode(bytes))),
      ...GRAPHS.map((name) => bytesOf(`model/${name}.onnx`)),
    ]);
    ort.env.wasm.numThreads = 1; // threads need headers that a plain file server does not send
    ort.env.wasm.wasmBinary = runtime;
    for (const [place, name] of GRAPHS.entries()) {
      graphs[name] = await ort.InferenceSession.create(models[place], { executionProviders: ["wasm"] });
    }
    labels = about.labels;
    return about;
  },

  // A clip's refusal, or its second of speech as features.
  async hear({ samples }) {
    const refusal = refusalOf(samples);
    if (refusal) return { refusal };
    return { features: await features(focus(samples)) };
  },

  // Clips' features to the person's Gaussian over the weights, in one forward pass.
  async enroll({ clips }) {
    const together = new Float32Array(clips.length * MELS * FRAMES);
    clips.forEach((clip, place) => together.set(clip, place * MELS * FRAMES));
    const begun = performance.now();
    const found = await graphs.enroll.run({ enrollment: tensor(together, [clips.length, MELS, FRAMES]) });
    const milliseconds = performance.now() - begun;
    const values = Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, data]));
    return { ...values, milliseconds };
  },

  // Probabilities of a clip's labels under each setting of the numbers, (setting, label).
  async answer({ clip, settings }) {
    return answers(clip, settings);
  },

  // The same of one second of a stream.
  async ask({ second, settings }) {
    return answers(await features(second), settings);
  },
};

async function features(second) {
  const found = await graphs.features.run({ waveform: tensor(second, [1, second.length]) });
  return found.features.data;
}

async function answers(clip, settings) {
  const numbers = new Float32Array(settings.length * settings[0].length);
  settings.forEach((setting, place) => numbers.set(setting, place * setting.length));
  const found = await graphs.answer.run({
    queries: tensor(clip, [1, MELS, FRAMES]),
    numbers: tensor(numbers, [settings.length, settings[0].length]),
  });
  const probabilities = found.log_probability.data.map(Math.exp);
  return settings.map((_, place) => probabilities.slice(place * labels.length, (place + 1) * labels.length));
}

// One thing at a time: a session must not be asked twice at once.
let last = Promise.resolve();
onmessage = ({ data: { number, kind, message } }) => {
  last = last.then(async () => {
    try {
      postMessage({ number, result: await work[kind](message) });
    } catch (error) {
      postMessage({ number, failure: String(error.message ?? error) });
    }
  });
};
