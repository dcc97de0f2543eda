// The microphone, asked for when it is needed and let go at once afterwards.

import { at16kHz } from "./sound.js";

const ASKED = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

// Calls hear(tenth, rate) for every tenth of a second; returns what stops it. Throws where it is not given.
export async function listen(hear) {
  if (!navigator.mediaDevices) throw new DOMException("no secure page", "SecurityError");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: ASKED });
  const context = new AudioContext();
  const stop = async () => {
    stream.getTracks().forEach((track) => track.stop());
    if (context.state !== "closed") await context.close();
  };
  try {
    await context.audioWorklet.addModule("microphone-worklet.js");
    const tenths = new AudioWorkletNode(context, "tenths", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    tenths.port.onmessage = ({ data }) => hear(data, context.sampleRate);
    context.createMediaStreamSource(stream).connect(tenths);
    await context.resume();
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

// So many seconds as samples at 16 kHz; tells progress as a share. Throws where the microphone is not given.
export async function record(seconds, progress) {
  const tenths = [];
  let rate;
  let stop;
  try {
    await new Promise((done, failed) => {
      const hear = (tenth, its) => {
        rate = its;
        tenths.push(tenth);
        progress(Math.min(tenths.length / (10 * seconds), 1));
        if (tenths.length >= 10 * seconds) done();
      };
      listen(hear).then((stops) => (stop = stops), failed);
    });
  } finally {
    await stop?.();
  }
  const samples = new Float32Array(tenths.reduce((sum, tenth) => sum + tenth.length, 0));
  tenths.reduce((place, tenth) => (samples.set(tenth, place), place + tenth.length), 0);
  return at16kHz(samples, rate);
}
