// The book's own script: light or dark, figures that move, and slides by the keyboard.
// Without it every page reads as it is, with the figures as they stand at first.
"use strict";
const root = document.documentElement;
const KEPT = "vop-book-theme";

const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ?? (darkSystem.matches ? "dark" : "light")) === "dark";

function choose(theme) {
  root.dataset.theme = theme;
  root.style.colorScheme = theme;
  drawn.forEach(draw => draw());
}

// --- figures with sliders ---

const drawn = new Map();

async function unpack(text) {
  const packed = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

// a state: what is shown at first, and what changes of it
function stateOf({ first }, change) {
  const copy = structuredClone(first);
  const data = Array.isArray(change.data)
    ? change.data
    : copy.data.map((trace, place) => Object.assign(trace, change.data[place]));
  return { data, layout: Object.assign(copy.layout, change.layout), words: change.words };
}

async function begin(figure) {
  const states = await unpack(figure.querySelector("script").textContent);
  const inputs = [...figure.querySelectorAll("input, select")];
  const sizes = inputs.map(input => (input.options?.length ?? Number(input.max) + 1));
  const box = figure.querySelector(".drawn");
  box.replaceChildren();
  box.setAttribute("role", "img");
  const draw = () => {
    const place = inputs.reduce((at, input, index) => at * sizes[index] + Number(input.value), 0);
    const { data, layout, words } = stateOf(states, states.changes[place]);
    layout.font = { color: getComputedStyle(document.body).color, family: "system-ui, sans-serif", size: 13 };
    box.setAttribute("aria-label", words);
    figure.querySelector("figcaption").textContent = words;
    return Plotly.react(box, data, layout, { responsive: true, displayModeBar: false });
  };
  for (const input of inputs) {
    input.addEventListener("input", () => {
      if (input.dataset.words) {
        const said = input.dataset.words.split("|")[input.value];
        input.setAttribute("aria-valuetext", said);
        input.nextElementSibling.textContent = said;
      }
      draw();
    });
  }
  figure.classList.add("live");
  drawn.set(figure, draw);
  await draw();
}

if (window.Plotly && window.DecompressionStream) {
  const watcher = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        watcher.unobserve(target);
        begin(target);
      }
    }
  }, { rootMargin: "400px" });
  document.querySelectorAll("figure.moving").forEach(figure => watcher.observe(figure));
}

// --- light and dark ---

const button = document.getElementById("theme");
let kept = null;
try { kept = localStorage.getItem(KEPT); } catch { /* a browser that keeps nothing */ }
if (kept === "light" || kept === "dark") choose(kept);
if (button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    choose(isDark() ? "light" : "dark");
    try { localStorage.setItem(KEPT, root.dataset.theme); } catch { /* as above */ }
  });
}
darkSystem.addEventListener("change", () => drawn.forEach(draw => draw()));

// --- slides ---

const slides = [...document.querySelectorAll(".slide")];
const forth = ["ArrowRight", "ArrowDown", "PageDown", " "];
const back = ["ArrowLeft", "ArrowUp", "PageUp"];
addEventListener("keydown", event => {
  const step = forth.includes(event.key) ? 1 : back.includes(event.key) ? -1 : 0;
  if (!slides.length || !step || event.target.closest("input, select, summary, a, button")) return;
  event.preventDefault();
  const tops = slides.map(slide => Math.abs(slide.getBoundingClientRect().top));
  const at = tops.indexOf(Math.min(...tops));
  const next = slides[Math.min(Math.max(at + step, 0), slides.length - 1)];
  next.scrollIntoView();
  next.focus({ preventScroll: true });
});
