"""A microphone in the notebook: clips go from the browser to this kernel's memory, and nowhere
else.

The sound travels as a message, not as the widget's state, so that saving the notebook does not save
it. A browser gives a microphone only to pages on this machine or over https, and only when its user
allows it.
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vop_core.course.reading import widget_view
from vop_core.data.audio import decode, decode_file, words
from vop_core.data.clip_quality import assess
from vop_core.data.enrollment import check_enrollment
from vop_core.errors import VopError
from vop_core.types import Clip

WAY_ON = "Load files with recorder.load([...]), or go on: a bundled voice stands in for yours."

# Feature detection first: without a microphone the button says so and stays off.
_BROWSER_PART = """
export default {
  render({ model, el }) {
    const button = document.createElement("button");
    const said = document.createElement("span");
    button.style.cssText = "padding:.5em 1em;margin-right:1em;font-size:1em;cursor:pointer";
    said.setAttribute("role", "status");
    el.append(button, said);
    const idle = () => { button.textContent = "Record one word"; button.disabled = false; };
    idle();
    model.on("msg:custom", (message) => { said.textContent = message.said; });
    if (!navigator.mediaDevices || !window.MediaRecorder) {
      button.disabled = true;
      said.textContent = model.get("way_on");
      return;
    }
    let recorder = null;
    button.onclick = async () => {
      if (recorder) { recorder.stop(); return; }
      let stream;
      try {
        stream = await navigator.mediaDevices.getUserMedia(
          { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
      } catch (error) {
        said.textContent =
            "The browser gave no microphone (" + error.name + "). " + model.get("way_on");
        return;
      }
      const parts = [];
      recorder = new MediaRecorder(stream);
      recorder.ondataavailable = (event) => parts.push(event.data);
      recorder.onstop = async () => {
        stream.getTracks().forEach((track) => track.stop());
        recorder = null;
        const data = await new Blob(parts).arrayBuffer();
        model.send({ kind: "clip" }, undefined, [new DataView(data)]);
        idle();
      };
      recorder.start();
      button.textContent = "Stop";
      said.textContent = "Recording. Say one word, then stop.";
      const mine = recorder;  // the timer must not stop a later recording
      setTimeout(() => { if (recorder === mine && mine.state === "recording") mine.stop(); }, 5000);
    };
  },
};
"""


@dataclass
class Recorder:
    """Clips of the person at this machine, in memory. Displays itself as a button where there are
    widgets.
    """

    clips: list[Clip] = field(default_factory=list)

    def take(self, data: bytes, name: str) -> str:
        """Take in one recording or file, or say in a sentence why not; what was there stays."""
        return self._take(lambda: [decode(data, name=name)], self.clips)

    def load(self, paths: Sequence[str]) -> None:
        """Take in sound files of one person; prints a sentence for each."""
        for path in paths:
            file = Path(path).expanduser()
            print(self._take(lambda file=file: [decode_file(file)], self.clips))

    def each_word(self, number: int) -> str:
        """Put every word of clip ``number``, counted from 1, in its place; says what was taken."""
        if not 1 <= number <= len(self.clips):
            return f"There is no clip {number}; there are {len(self.clips)}."
        kept = self.clips[: number - 1] + self.clips[number:]
        return self._take(lambda: words(self.clips[number - 1]), kept)

    def _take(self, read: Callable[[], Sequence[Clip]], kept: Sequence[Clip]) -> str:
        """Add the clips that are read to those kept; a sentence on each, or on the refusal."""
        try:
            clips = read()
            check_enrollment([*kept, *clips])
        except VopError as error:
            return str(error)
        self.clips[:] = [*kept, *clips]
        first = len(self.clips) - len(clips) + 1
        return "\n".join(_said(number, clip) for number, clip in enumerate(clips, start=first))

    def forget(self) -> None:
        """Drop every clip."""
        self.clips.clear()

    def clips_or(self, otherwise: Sequence[Clip], *, least: int) -> tuple[list[Clip], bool]:
        """The person's clips and True; with fewer than ``least``, the stand-ins and False."""
        enough = len(self.clips) >= least
        return (list(self.clips), True) if enough else (list(otherwise), False)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {
            "text/plain": f"A microphone appears here in a running notebook. {WAY_ON}"
        }
        if importlib.util.find_spec("anywidget") is None:
            return bundle
        return bundle | widget_view(_widget(self))


def _said(number: int, clip: Clip) -> str:
    quality = assess(clip.waveform)
    notes = (f"({note})" for note in clip.notes)
    said = " ".join([f"Clip {number}: {quality.reason} {quality.remedy}".strip(), *notes])
    return f"{said} recorder.each_word({number}) takes them all." if len(words(clip)) > 1 else said


def _widget(recorder: Recorder) -> Any:
    import anywidget
    import traitlets

    class Microphone(anywidget.AnyWidget):
        """The button in the browser."""

        _esm = _BROWSER_PART
        way_on = traitlets.Unicode(WAY_ON).tag(sync=True)

    widget = Microphone()

    def heard(_: Any, content: Any, buffers: Sequence[Any]) -> None:
        if buffers and content.get("kind") == "clip":
            said = recorder.take(bytes(buffers[0]), f"recording {len(recorder.clips) + 1}")
            widget.send({"said": said})

    widget.on_msg(heard)
    return widget
