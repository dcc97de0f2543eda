"""What only the browser knows or can do, in five components. Only the canvas sends anything to the
server: the strokes that a visitor gives.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import streamlit as st

# What the server says of the state stands in the page's address, so that a reload opens it again;
# what other people wrote there stays.
ADDRESS = """
export default function ({ data }) {
    const there = new URLSearchParams(location.search);
    data.ours.forEach((name) => there.delete(name));
    new URLSearchParams(data.query).forEach((value, name) => there.set(name, value));
    const query = there.size ? "?" + there : "";
    history.replaceState(history.state, "", location.pathname + query + location.hash);
}
"""
# The browser asks, in its own words, before the page is left or loaded again.
LEAVING = """
export default function ({ data }) {
    // one for the whole visit: this runs anew with new data, and nothing says when the former ends
    window.vopAsk ??= (event) => event.preventDefault();
    window.removeEventListener("beforeunload", window.vopAsk);
    if (data.warn) window.addEventListener("beforeunload", window.vopAsk);
}
"""
# Permission and devices are known beforehand; a refusal only when recording is tried. Streamlit
# swallows that, so the page's own way to a microphone tells.
MICROPHONE = """
export default function ({ data, parentElement }) {
    const box = parentElement.querySelector("[role=status]");
    const say = (found) => {
        box.hidden = !found;
        box.querySelector("p").textContent = found ? data.sentences[found] : "";
    };
    const ways = box.querySelector("div");
    ways.replaceChildren(...data.ways.map((way) => {
        const button = document.createElement("button");
        button.textContent = way;
        button.onclick = () => [...near.querySelectorAll("[role=tab]")]
            .find((tab) => tab.textContent.includes(way))?.click();
        return button;
    }));
    // several recorders may be on a page: each says it, and leads to its own tabs
    const host = parentElement.getRootNode().host ?? parentElement;
    const near = host.closest("[data-testid=stTabs]") ?? document;
    const devices = navigator.mediaDevices;
    if (!devices) { say("insecure"); return; }
    const look = async () => {
        const asked = { name: "microphone" };
        const allowed = await navigator.permissions.query(asked).catch(() => null);
        if (allowed) allowed.onchange = look;
        const found = await devices.enumerateDevices();
        const heard = found.some((one) => one.kind === "audioinput");
        say(allowed?.state === "denied" ? "denied" : heard ? "" : "absent");
    };
    const all = (devices.vopRecorders ??= {});
    all[data.recorder] = { look, say };
    devices.ondevicechange = () => Object.values(all).forEach((one) => one.look());
    devices.vopFailed = (error) => Object.values(all).forEach((one) => one.say(
        { NotAllowedError: "denied", NotFoundError: "absent" }[error.name] ?? "failed"
    ));
    if (!devices.vopWatched) {
        const ask = devices.getUserMedia.bind(devices);
        devices.vopWatched = true;
        devices.getUserMedia = (wanted) => ask(wanted).catch((error) => {
            devices.vopFailed(error);
            throw error;
        });
    }
    look();
}
"""
# Where the browser gives no clipboard (a page without https), the link is shown, ready to be copied
# by hand.
COPY = """
export default function ({ data, parentElement }) {
    const button = parentElement.querySelector("button");
    const said = parentElement.querySelector("[role=status]");
    const shown = parentElement.querySelector("input");
    shown.setAttribute("aria-label", data.label);
    button.textContent = data.label;
    said.textContent = "";
    shown.hidden = true;
    button.onclick = () => {
        shown.value = location.href;
        (navigator.clipboard?.writeText(shown.value) ?? Promise.reject()).then(
            () => { said.textContent = data.copied; },
            () => { shown.hidden = false; shown.select(); said.textContent = data.byHand; },
        );
    };
}
"""
COPY_HTML = "<button></button><input readonly hidden><span role=status></span>"
COPY_CSS = """
button { min-height: 40px; width: 100%; font: inherit; cursor: pointer;
    color: var(--st-text-color); background: var(--st-background-color);
    border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); outline: none;
    box-shadow: 0 0 0 2px var(--st-primary-color); }
input { width: 100%; box-sizing: border-box; margin-top: 0.4rem; min-height: 32px; font: inherit;
    color: var(--st-text-color); background: var(--st-background-color);
    border: 1px solid var(--st-border-color); }
input[hidden] { display: none; }
span { font: inherit; font-size: 0.875rem; color: var(--st-text-color); }
"""
# Ink stays in the browser until it is given; then the strokes travel, in pixels of the canvas.
CANVAS = """
export default function ({ data, parentElement, setTriggerValue }) {
    const canvas = parentElement.querySelector("canvas");
    const buttons = Object.fromEntries(
        [...parentElement.querySelectorAll("button")].map((button) => [button.name, button]));
    const said = parentElement.querySelector("[role=status]");
    const pen = canvas.getContext("2d");
    const strokes = (canvas.vopStrokes ??= []);
    canvas.setAttribute("aria-label", data.label);
    for (const name in buttons) buttons[name].textContent = data[name];
    const place = (event) => {
        const box = canvas.getBoundingClientRect();
        const scale = canvas.width / box.width;
        return [event.clientX - box.left, event.clientY - box.top].map(
            (length) => Math.round(10 * length * scale) / 10);
    };
    const draw = () => {
        pen.clearRect(0, 0, canvas.width, canvas.height);
        pen.lineWidth = 16; pen.lineCap = pen.lineJoin = "round";
        pen.strokeStyle = getComputedStyle(canvas).color;
        for (const stroke of strokes) {
            pen.beginPath();
            pen.moveTo(...stroke[0]);
            for (const each of stroke.length > 1 ? stroke : [stroke[0], stroke[0]])
                pen.lineTo(...each);
            pen.stroke();
        }
        for (const name in buttons)
            buttons[name].disabled = !strokes.length || (name === "ask" && !data.asks);
    };
    canvas.onpointerdown = (event) => {
        event.preventDefault();
        canvas.setPointerCapture(event.pointerId);
        said.textContent = "";
        strokes.push([place(event)]);
        draw();
    };
    canvas.onpointermove = (event) => {
        if (!canvas.hasPointerCapture(event.pointerId)) return;
        const seen = event.getCoalescedEvents?.() ?? [];
        strokes.at(-1).push(...(seen.length ? seen : [event]).map(place));
        draw();
    };
    const empty = () => { strokes.length = 0; draw(); };
    const send = (name, word) => () => {
        setTriggerValue(name, strokes.map((stroke) => [...stroke]));
        said.textContent = word;
        empty();
    };
    buttons.clear.onclick = empty;
    buttons.add.onclick = send("added", data.added);
    buttons.ask.onclick = send("asked", data.asked);
    draw();
}
"""
CANVAS_HTML = (
    "<section><canvas width=280 height=280 role=img></canvas>"
    "<button type=button name=clear></button><button type=button name=add></button>"
    "<button type=button name=ask></button><span role=status></span></section>"
)
CANVAS_CSS = """
section { display: grid; grid-template-columns: 2fr 3fr 4fr; gap: 0.5rem;
    width: min(100%, 300px); }
canvas { grid-column: 1 / -1; width: 100%; box-sizing: border-box; aspect-ratio: 1;
    touch-action: none; cursor: crosshair; color: var(--st-text-color);
    background: var(--st-background-color); border: 2px solid var(--st-border-color);
    border-radius: var(--st-base-radius); }
button { min-height: 44px; padding: 0 0.25rem; font: inherit; cursor: pointer;
    color: var(--st-text-color); background: var(--st-background-color);
    border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); }
button:enabled:not([name=clear]) { border-color: var(--st-primary-color); font-weight: 600; }
button:disabled { opacity: 0.5; cursor: default; }
button:hover:enabled, button:focus-visible { outline: none;
    box-shadow: 0 0 0 2px var(--st-primary-color); }
span { grid-column: 1 / -1; font: inherit; font-size: 0.875rem; color: var(--st-text-color); }
"""
MICROPHONE_HTML = "<section role=status hidden><p></p><div></div></section>"
MICROPHONE_CSS = """
section { border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
    padding: 0.75rem 1rem; background: var(--st-secondary-background-color); }
section[hidden] { display: none; }
p { margin: 0 0 0.6rem; font: inherit; color: var(--st-text-color); }
div { display: flex; flex-wrap: wrap; gap: 0.5rem; }
button { min-height: 44px; padding: 0 1rem; font: inherit; cursor: pointer;
    color: var(--st-text-color); background: var(--st-background-color);
    border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); outline: none;
    box-shadow: 0 0 0 2px var(--st-primary-color); }
"""


@cache
def _leaving():
    return st.components.v2.component("leaving", js=LEAVING)


@cache
def _microphone():
    return st.components.v2.component(
        "microphone", html=MICROPHONE_HTML, css=MICROPHONE_CSS, js=MICROPHONE
    )


@cache
def _address():
    return st.components.v2.component("address", js=ADDRESS)


@cache
def _copy_link():
    return st.components.v2.component("copy-link", html=COPY_HTML, css=COPY_CSS, js=COPY)


@cache
def _canvas():
    return st.components.v2.component("canvas", html=CANVAS_HTML, css=CANVAS_CSS, js=CANVAS)


def canvas(key: str, sentences: Mapping[str, str], *, asks: bool, on_added, on_asked) -> None:
    """A place to draw on: what was drawn is added, or asked about where it ``asks``."""
    _canvas()(
        key=key,
        data={"asks": asks, **sentences},
        on_added_change=on_added,
        on_asked_change=on_asked,
    )


def copy_link(sentences: Mapping[str, str]) -> None:
    """A button that copies the page's address."""
    _copy_link()(key="copy-link", data=dict(sentences))


def keep_address(part: str, page: str, query: str, ours: Sequence[str]) -> None:
    """Let the page's address end in ``query``, in the place of whatever it says under the names
    ``ours``; another page's address begins without any.
    """
    data = {"page": page, "query": query, "ours": list(ours)}
    _address()(key=f"address-{part}", data=data, height=0)


def warn_before_leaving(holds_own: bool) -> None:
    """Let the browser ask before a page with the visitor's own clips is left or loaded again."""
    _leaving()(key="leaving", data={"warn": holds_own}, height=0)


def say_where_no_microphone(
    recorder: str, sentences: Mapping[str, str], ways: Sequence[str]
) -> None:
    """Where there is no microphone for a recorder, by its key: what to do, and the tabs to go on
    with.
    """
    _microphone()(
        key=f"{recorder}-help",
        data={"recorder": recorder, "sentences": dict(sentences), "ways": list(ways)},
    )
