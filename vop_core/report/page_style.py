"""How the bench's page looks and draws: its style sheet and its few lines of script."""

STYLE = """
:root { --ink: #1d232b; --soft: #56606d; --ground: #ffffff; --band: #f3f5f8; --line: #d5dae1; --link: #3446c0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #a4adb9; --ground: #12151a; --band: #1b2027; --line: #343c47; --link: #9aa8ff; }
}
html { background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
p, dl { max-width: 48rem; }
h1 { font-size: 1.7rem; line-height: 1.25; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h4 { margin: 2rem 0 .5rem; font-size: 1rem; }
a { color: var(--link); }
nav { margin: 1.5rem 0; }
.note, figcaption, summary { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; text-align: left; vertical-align: top; white-space: nowrap; }
.words { white-space: normal; min-width: 9.5rem; max-width: 26rem; }
thead th { background: var(--band); border-bottom: 1px solid var(--line); }
tbody tr:nth-child(even) > * { background: var(--band); }
th:first-child { position: sticky; left: 0; background: var(--ground); font-weight: 600; }
thead th:first-child, tbody tr:nth-child(even) th:first-child { background: var(--band); }
figure { margin: 1.5rem 0; }
dt { font-weight: 600; margin-top: .5rem; }
dd { margin: 0 0 0 1rem; }
pre { overflow-x: auto; background: var(--band); padding: 1rem; font-size: .8rem; }
"""

# Figures are drawn when they come into view, and once more when the reader's colours change.
SCRIPT = """
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
"""
