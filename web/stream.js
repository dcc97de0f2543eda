// Detection in a running stream: the same as vop_core/evaluation/streaming.py, which a test holds equal.

export class Detector {
  constructor({ smoothing, refractory }) {
    this.smoothing = smoothing;
    this.refractory = refractory;
    this.recent = [];
    this.since = Infinity;
  }

  // The smoothed probability after one more query, and whether the word is detected now.
  hear(probability, threshold) {
    this.recent = [...this.recent, probability].slice(-this.smoothing);
    const smooth = this.recent.reduce((sum, value) => sum + value, 0) / this.smoothing;
    this.since += 1;
    const detected = smooth >= threshold && this.since > this.refractory;
    if (detected) this.since = 0;
    return { smooth, detected };
  }
}
