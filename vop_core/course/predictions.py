"""Predict before you run: a question, an answer kept on this machine, and what the numbers said.

An answer lies in the cache folder; nothing is sent anywhere.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vop_core.course.reading import widget_view
from vop_core.data.locations import cache_folder, cache_root
from vop_core.errors import VopError
from vop_core.writing import write_text


def answers_file() -> Path:
    """Where predictions are kept."""
    return cache_root() / "course" / "predictions.json"


@dataclass(frozen=True)
class Question:
    """A question with its options; displays itself as buttons, or as text where there are no
    widgets.
    """

    key: str
    question: str
    options: tuple[str, ...]

    @property
    def chosen(self) -> str | None:
        """What was predicted, if anything; an answer that is no option any more does not count."""
        found = _read().get(self.key)
        return found if found in self.options else None

    def choose(self, option: int | str) -> str:
        """Keep a prediction: an option, or its number from 1. Returns what to expect next.

        Raises VopError for what is no option, and where the cache folder cannot be written.
        """
        chosen = self._option(option)
        cache_folder("course")
        write_text(
            answers_file(), json.dumps(_read() | {self.key: chosen}, indent=1, ensure_ascii=False)
        )
        return f"You predict: {chosen}. Run on."

    def reveal(self, truth: str, because: str = "") -> str:
        """Hold the prediction against what the numbers say, in a sentence; to be printed.

        Raises VopError where the truth is no option: the question would have no right answer.
        """
        truth = self._option(truth)
        found = f"The numbers say: {truth}." + (f" {because}" if because else "")
        if self.chosen is None:
            return f"No prediction was made. {found}"
        return f"You predicted: {self.chosen}{', rightly' if self.chosen == truth else ''}. {found}"

    def _option(self, option: int | str) -> str:
        if isinstance(option, int) and 1 <= option <= len(self.options):
            return self.options[option - 1]
        if option in self.options:
            return str(option)
        raise VopError(f"{option!r} is no option of this question; choose one of {self._listed()}.")

    def _listed(self) -> str:
        return ", ".join(
            f"{number} ({option})" for number, option in enumerate(self.options, start=1)
        )

    @property
    def _words(self) -> str:
        return f"Predict first: {self.question}\n" + "\n".join(
            f"  {number}. {option}" for number, option in enumerate(self.options, start=1)
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {
            "text/plain": f"{self._words}\nChoose with the method choose, for example .choose(1)."
        }
        try:
            import ipywidgets
        except ImportError:
            return bundle
        buttons = ipywidgets.RadioButtons(
            options=self.options, value=self.chosen, layout={"width": "max-content"}
        )
        said = ipywidgets.HTML()

        def keep(change: Any) -> None:
            if change["new"] is not None:
                said.value = self.choose(change["new"])

        buttons.observe(keep, names="value")
        box = ipywidgets.VBox(
            [ipywidgets.HTML(f"<b>Predict first:</b> {self.question}"), buttons, said]
        )
        return bundle | widget_view(box)


def predict(key: str, question: str, options: Sequence[str]) -> Question:
    """Ask before computing; ``key`` is the question's name in the course."""
    return Question(key, question, tuple(options))


def _read() -> dict[str, str]:
    """All predictions; a damaged file counts as none."""
    try:
        found = json.loads(answers_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
