"""The course's predictions as a quiz for Moodle and whatever else reads its GIFT format.

A question, its options and the answer come from the stored notebooks: the answer is what the
numbers said there.
"""

import re
from typing import Any, NamedTuple

from vop_core.course.build import QUESTION
from vop_core.course.pages import OPTION
from vop_core.errors import VopError

SAID = re.compile(r"No prediction was made\. The numbers say: (.*)", re.DOTALL)


class Item(NamedTuple):
    """A question of the quiz."""

    key: str
    question: str
    options: tuple[str, ...]
    right: str
    because: str


def quiz(notebook: Any) -> list[Item]:
    """A stored notebook's predictions, in order. Raises VopError where one is not revealed."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        _item(found[1], cell, code[place + 1 :])
        for place, cell in enumerate(code)
        if (found := re.search(QUESTION, cell.source))
    ]


def _item(name: str, cell: Any, later: list[Any]) -> Item:
    text = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
    (key,) = re.findall(r'course\.predict\(\s*"([\w-]+)"', cell.source)
    options = tuple(OPTION.findall(text))
    said = next(
        (
            SAID.search("".join(output.get("text", "") for output in each.outputs))
            for each in later
            if f"{name}.reveal(" in each.source
        ),
        None,
    )
    answer = said[1] if said else ""
    right = next((option for option in options if answer.startswith(f"{option}.")), None)
    if right is None:
        raise VopError(f"The stored answer to {key} is none of its options; build the notebook.")
    because = answer.removeprefix(f"{right}.").strip().splitlines()
    asked = text.splitlines()[0].removeprefix("Predict first: ")
    return Item(key, asked, options, right, because[0] if because else "")


def as_gift(items: list[Item]) -> str:
    """The quiz in GIFT, an empty line between questions."""
    return "\n".join(
        "\n".join(
            (
                f"::{_plain(item.key)}:: {_plain(item.question)} {{",
                *(f"{'=' if each == item.right else '~'}{_plain(each)}" for each in item.options),
                *([f"####{_plain(item.because)}"] if item.because else []),
                "}\n",
            )
        )
        for item in items
    )


def _plain(text: str) -> str:
    """With what GIFT would read as a sign of its own escaped."""
    return re.sub(r"([~=#{}:\\])", r"\\\1", text)
