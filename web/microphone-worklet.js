// Hands on what the microphone hears, a tenth of a second at a time.

class Tenths extends AudioWorkletProcessor {
  constructor() {
    super();
    this.tenth = new Float32Array(Math.round(sampleRate / 10));
    this.filled = 0;
  }

  process([[heard]]) {
    if (!heard) return true;
    for (const value of heard) {
      this.tenth[this.filled++] = value;
      if (this.filled === this.tenth.length) {
        this.port.postMessage(this.tenth.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("tenths", Tenths);
