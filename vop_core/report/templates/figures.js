const drawn = new Set();
function draw(box) {
  const found = JSON.parse(document.querySelector(`script[data-for="${box.id}"]`).textContent);
  const style = getComputedStyle(document.documentElement);
  found.layout.font = { color: style.getPropertyValue("--ink").trim(), family: "system-ui, sans-serif", size: 13 };
  Plotly.react(box, found.data, found.layout, { responsive: true, displayModeBar: false });
  drawn.add(box);
}
const missing = "This figure needs plotly.min.js beside this page; python run.py vop report puts it there.";
const watcher = new IntersectionObserver(entries => entries.forEach(entry => {
  if (entry.isIntersecting && !drawn.has(entry.target)) draw(entry.target);
}), { rootMargin: "600px" });
const boxes = document.querySelectorAll(".figure");
if (window.Plotly) {
  boxes.forEach(box => watcher.observe(box));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
  addEventListener("beforeprint", () => boxes.forEach(draw));
} else {
  boxes.forEach(box => { box.style.height = "auto"; box.className = "note"; box.textContent = missing; });
}
