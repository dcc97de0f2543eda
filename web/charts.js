// Two pictures in SVG, with words that stand for them: bell curves of a weight, and a running stream.

const SVG = "http://www.w3.org/2000/svg";

export function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

// The picture's units are pixels, so that type has its size on a phone as well.
function fitted(svg) {
  const { width, height } = svg.getBoundingClientRect();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return { width, height };
}

const density = (x, { mean, std }) => Math.exp(-0.5 * ((x - mean) / std) ** 2) / (std * Math.sqrt(2 * Math.PI));

// prior, posterior and earlier posteriors as {mean, std}; anybody's weight as a line.
export function bellCurves(svg, { prior, posterior, earlier, anybody, labels }) {
  const { width, height } = fitted(svg);
  const bottom = height - 26;
  const all = [prior, posterior, ...earlier];
  const low = Math.min(...all.map(({ mean, std }) => mean - 3.2 * std));
  const high = Math.max(...all.map(({ mean, std }) => mean + 3.2 * std));
  const highest = Math.max(...all.map((each) => density(each.mean, each))) * 1.18;
  const x = (value) => ((value - low) / (high - low)) * width;
  const y = (value) => bottom - (value / highest) * (bottom - 10);
  const path = (each) => {
    const points = Array.from({ length: 161 }, (_, n) => low + ((high - low) * n) / 160);
    return points.map((value, n) => `${n ? "L" : "M"}${x(value).toFixed(1)} ${y(density(value, each)).toFixed(1)}`).join("");
  };
  svg.replaceChildren(
    shape("line", { x1: 0, x2: width, y1: bottom, y2: bottom, class: "axis" }),
    ...ticks(low, high).map((value) => shape("text", { x: x(value), y: height - 8, class: "tick" }, String(value))),
    shape("path", { d: path(prior), class: "prior" }),
    ...earlier.map((each, n) => shape("path", { d: path(each), class: "earlier", "stroke-opacity": 0.25 + (0.35 * (n + 1)) / earlier.length })),
    shape("path", { d: `${path(posterior)}L${width} ${bottom}L0 ${bottom}Z`, class: "posterior-area" }),
    shape("path", { d: path(posterior), class: "posterior" }),
    shape("line", { x1: x(anybody), x2: x(anybody), y1: 6, y2: bottom, class: "anybody" }),
  );
  svg.setAttribute("aria-label", labels);
}

// Round values that fit between two ends, five or so.
function ticks(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const found = [];
  for (let place = Math.ceil((low + 0.05 * (high - low)) / step); place * step <= high - 0.05 * (high - low); place++) {
    found.push(Number((place * step).toFixed(digits)));
  }
  return found;
}

// The last queries of a stream: both networks' smoothed probabilities, the threshold, and detections.
export function streamLines(svg, { heard, queries, threshold }) {
  const { width, height } = fitted(svg);
  const x = (place) => ((place + queries - heard.length) / (queries - 1)) * width;
  const y = (share) => height - 6 - share * (height - 18);
  const line = (name) => heard.map((each, n) => `${n ? "L" : "M"}${x(n).toFixed(1)} ${y(each[name]).toFixed(1)}`).join("");
  svg.replaceChildren(
    shape("line", { x1: 0, x2: width, y1: y(0), y2: y(0), class: "axis" }),
    shape("line", { x1: 0, x2: width, y1: y(threshold), y2: y(threshold), class: "threshold" }),
    shape("path", { d: line("global") || "M0 0", class: "global-line" }),
    shape("path", { d: line("personal") || "M0 0", class: "personal-line" }),
    ...heard.flatMap((each, n) => (each.detected ? [shape("circle", { cx: x(n), cy: y(each[each.detected]), r: 5, class: "detected" })] : [])),
  );
}

// A clip's loudness over time, as bars.
export function thumbnail(samples) {
  const bars = 48;
  const length = Math.ceil(samples.length / bars);
  const peaks = Array.from({ length: bars }, (_, n) => samples.slice(n * length, (n + 1) * length).reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  const loudest = Math.max(...peaks, 1e-4);
  return shape(
    "svg",
    { viewBox: `0 0 ${bars * 3} 32`, class: "thumbnail", "aria-hidden": "true", preserveAspectRatio: "none" },
    ...peaks.map((peak, n) => {
      const tall = Math.max(1.5, (30 * peak) / loudest);
      return shape("rect", { x: n * 3, y: 16 - tall / 2, width: 2, height: tall, rx: 1 });
    }),
  );
}
