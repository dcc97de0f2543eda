// Sound as numbers: the same as vop_core/data/waveform.py and clip_quality.py, which tests hold equal.

export const SAMPLE_RATE = 16000;
const FRAME = 400; // samples, 25 ms
const HOP = 160; // samples, 10 ms
const LOWEST_BIN = 4; // of FRAME: 150 Hz, below which lie hum and rumble
const SMOOTHING = 5; // frames
const FLOOR_QUANTILE = 0.1;
const EDGE_SHARE = 0.03;

const SILENCE = 1e-3;
const SHORTEST_SECONDS = 0.1;
const LONGEST_SECONDS = 60;
const PIECE = 160; // samples, 10 ms
const FULLY_CLIPPED = 0.5;
const CLIP_LEVEL = 0.98;
const CLIP_RUN = 3;
const CLIP_PEAK = 0.25;

const OFFSET = 0.01;
const DEAD_CHANNEL = 0.01;

const HANN = Float64Array.from({ length: FRAME }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / FRAME));
const HANN_ENERGY = HANN.reduce((sum, value) => sum + value * value, 0);
// The few bins of the transform that do not count; by Parseval the others are what is left.
const LEFT_OUT = [...Array(LOWEST_BIN).keys(), FRAME / 2].map((bin) => ({
  bin,
  cos: Float64Array.from({ length: FRAME }, (_, n) => Math.cos((2 * Math.PI * bin * n) / FRAME)),
  sin: Float64Array.from({ length: FRAME }, (_, n) => Math.sin((2 * Math.PI * bin * n) / FRAME)),
}));

// Amplitude above 150 Hz in every 10 ms frame, frame i centred on sample 160 i.
export function activity(waveform) {
  const frames = Math.floor(waveform.length / HOP) + 1;
  const found = new Float64Array(frames);
  const windowed = new Float64Array(FRAME);
  for (let frame = 0; frame < frames; frame++) {
    let energy = 0;
    for (let n = 0; n < FRAME; n++) {
      const value = (waveform[frame * HOP + n - FRAME / 2] ?? 0) * HANN[n];
      windowed[n] = value;
      energy += value * value;
    }
    const [constant, ...others] = LEFT_OUT.map(({ cos, sin }) => power(windowed, cos, sin));
    const highest = others.pop();
    const low = others.reduce((sum, value) => sum + value, 0);
    const kept = (FRAME * energy - constant - highest) / 2 - low + highest;
    found[frame] = Math.sqrt((Math.max(kept, 0) * 2) / (FRAME * HANN_ENERGY));
  }
  return found;
}

function power(values, cos, sin) {
  let real = 0;
  let imaginary = 0;
  for (let n = 0; n < values.length; n++) {
    real += values[n] * cos[n];
    imaginary += values[n] * sin[n];
  }
  return real * real + imaginary * imaginary;
}

// The second of a clip that holds the most speech, its word in the middle where the ends allow.
export function focus(waveform) {
  const missing = SAMPLE_RATE - waveform.length;
  if (missing >= 0) {
    const padded = new Float32Array(SAMPLE_RATE);
    padded.set(waveform, Math.floor(missing / 2));
    return padded;
  }
  const first = firstSample(aboveRoom(activity(waveform)), waveform.length);
  return waveform.slice(first, first + SAMPLE_RATE);
}

function firstSample(speech, samples) {
  const around = (middle) => Math.min(Math.max(middle - SAMPLE_RATE / 2, 0), samples - SAMPLE_RATE);
  if (!speech.some((value) => value > 0)) return around(Math.floor(samples / 2));
  const frames = SAMPLE_RATE / HOP;
  const total = cumulated(speech);
  let start = 0;
  for (let place = 0; place + frames < total.length; place++) {
    if (total[place + frames] - total[place] > total[start + frames] - total[start]) start = place;
  }
  return around((start + middle(speech.slice(start, start + frames))) * HOP);
}

// What is above the room's noise, which the quietest tenth of the frames tells.
function aboveRoom(amplitude) {
  const half = (SMOOTHING - 1) / 2;
  const smooth = amplitude.map((_, place) => {
    let sum = 0;
    for (let near = place - half; near <= place + half; near++) sum += amplitude[near] ?? 0;
    return sum / SMOOTHING;
  });
  const room = quantile(smooth, FLOOR_QUANTILE);
  return smooth.map((value) => Math.max(value - 2 * room, 0));
}

function quantile(values, share) {
  const sorted = values.slice().sort();
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

function cumulated(values) {
  const total = new Float64Array(values.length + 1);
  values.forEach((value, place) => (total[place + 1] = total[place] + value));
  return total;
}

// Halfway between where a word's activity begins and where it ends.
function middle(speech) {
  const total = cumulated(speech).slice(1);
  const all = total[total.length - 1];
  const begin = total.filter((value) => value / all <= EDGE_SHARE).length;
  const end = total.filter((value) => value / all < 1 - EDGE_SHARE).length;
  return Math.floor(Math.min(begin + end, 2 * (speech.length - 1)) / 2);
}

// Which refusal of texts.json a clip meets; null for a clip that a model can use.
export function refusalOf(waveform) {
  const seconds = waveform.length / SAMPLE_RATE;
  if (!waveform.every(Number.isFinite)) return "not finite";
  if (seconds > LONGEST_SECONDS) return "too long";
  if (!waveform.length) return "empty";
  const sounding = soundingPieces(waveform);
  if (seconds >= SHORTEST_SECONDS && !sounding) return "silent";
  if (Math.min((sounding * PIECE) / SAMPLE_RATE, seconds) < SHORTEST_SECONDS) return "too short";
  const audible = waveform.reduce((sum, value) => sum + (Math.abs(value) > SILENCE), 0);
  return clippedSamples(waveform) > FULLY_CLIPPED * audible ? "clipped" : null;
}

function soundingPieces(waveform) {
  const mean = waveform.reduce((sum, value) => sum + value, 0) / waveform.length;
  let pieces = 0;
  for (let start = 0; start < waveform.length; start += PIECE) {
    pieces += waveform.subarray(start, start + PIECE).some((value) => Math.abs(value - mean) > SILENCE);
  }
  return pieces;
}

// Samples in a flat top: at least three in a row, on one side, within 2 % of the peak or beyond.
function clippedSamples(waveform) {
  const peak = waveform.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (peak < CLIP_PEAK) return 0;
  const clipped = new Uint8Array(waveform.length);
  for (const side of [1, -1]) {
    let run = 0;
    for (let n = 0; n < waveform.length; n++) {
      run = side * waveform[n] >= Math.fround(CLIP_LEVEL * peak) ? run + 1 : 0;
      if (run >= CLIP_RUN) clipped.fill(1, n - run + 1, n + 1);
    }
  }
  return clipped.reduce((sum, value) => sum + value, 0);
}

// Average of the channels that carry sound, unless they cancel each other; constant offsets go first.
export function toMono(channels) {
  const means = channels.map((channel) => channel.reduce((sum, value) => sum + value, 0) / channel.length);
  if (means.some((mean) => Math.abs(mean) > OFFSET)) {
    channels = channels.map((channel, number) => channel.map((value) => value - means[number]));
  }
  const peaks = channels.map((channel) => channel.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  const alive = channels.filter((_, number) => peaks[number] > Math.max(DEAD_CHANNEL * Math.max(...peaks), SILENCE));
  const heard = alive.length ? alive : channels;
  if (heard.length === 1) return fitted(heard[0]);
  const mean = heard[0].map((_, n) => heard.reduce((sum, channel) => sum + channel[n], 0) / heard.length);
  const powers = heard.map(energy);
  const usual = powers.reduce((sum, value) => sum + value, 0) / heard.length;
  if (energy(mean) < usual / (2 * heard.length)) return fitted(heard[powers.indexOf(Math.max(...powers))]);
  return fitted(mean);
}

function energy(channel) {
  return channel.reduce((sum, value) => sum + value * value, 0) / channel.length;
}

function fitted(waveform) {
  return waveform.map((value) => Math.min(Math.max(value, -1), 1));
}

// Bytes of a sound file to mono samples at 16 kHz; the browser decodes and resamples.
export async function decoded(bytes) {
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
  const buffer = await context.decodeAudioData(bytes);
  return toMono(Array.from({ length: buffer.numberOfChannels }, (_, number) => buffer.getChannelData(number)));
}

// Mono samples as the bytes of a WAV file, 32-bit floats.
export function wav(samples, rate) {
  const bytes = new ArrayBuffer(44 + 4 * samples.length);
  const view = new DataView(bytes);
  const ascii = (place, text) => [...text].forEach((letter, n) => view.setUint8(place + n, letter.charCodeAt(0)));
  ascii(0, "RIFF");
  view.setUint32(4, 36 + 4 * samples.length, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 3, true); // floats
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, rate, true);
  view.setUint32(28, 4 * rate, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 32, true);
  ascii(36, "data");
  view.setUint32(40, 4 * samples.length, true);
  new Float32Array(bytes, 44).set(samples);
  return bytes;
}

// What a microphone heard at its own rate, as the models hear it: a sinc under a Kaiser window. The browsers' own
// converters take a nat from the highest bands.
export function at16kHz(samples, rate) {
  if (rate === SAMPLE_RATE) return samples;
  const { kernels, reach, step } = kernelsOf(rate);
  const found = new Float32Array(Math.round((samples.length * SAMPLE_RATE) / rate));
  for (let n = 0; n < found.length; n++) {
    const kernel = kernels[n % kernels.length];
    const first = Math.floor(n * step) - reach + 1;
    let sum = 0;
    for (let tap = 0; tap < kernel.length; tap++) sum += (samples[first + tap] ?? 0) * kernel[tap];
    found[n] = sum;
  }
  return fitted(found);
}

const CROSSINGS = 40; // of the sinc on either side
const CUTOFF = 0.96; // of 8 kHz
const KAISER = 10; // beta: 100 dB down

const kept = new Map();

// One kernel for every place that an output sample may have between two input samples.
function kernelsOf(rate) {
  if (kept.has(rate)) return kept.get(rate);
  const step = rate / SAMPLE_RATE;
  const cutoff = CUTOFF * Math.min(1, 1 / step); // of half of the input rate
  const reach = Math.ceil(CROSSINGS / cutoff);
  const phases = SAMPLE_RATE / greatestCommonDivisor(rate, SAMPLE_RATE);
  const kernels = Array.from({ length: phases }, (_, phase) => {
    const middle = reach - 1 + ((phase * step) % 1);
    return Float64Array.from({ length: 2 * reach }, (__, tap) => {
      const away = tap - middle;
      const x = Math.PI * cutoff * away;
      const window = Math.abs(away) < reach ? bessel(KAISER * Math.sqrt(1 - (away / reach) ** 2)) / bessel(KAISER) : 0;
      return cutoff * (x ? Math.sin(x) / x : 1) * window;
    });
  });
  kept.set(rate, { kernels, reach, step });
  return kept.get(rate);
}

// The modified Bessel function of order 0, by its series.
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > 1e-12 * sum; n++) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}

const greatestCommonDivisor = (one, other) => (other ? greatestCommonDivisor(other, one % other) : one);
