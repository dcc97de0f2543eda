"""From a notebook into the app, and back: an address names a task, a bundled voice and a number of
clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from vop_core.errors import VopError

LOCAL_APP = "http://localhost:8501"
# title -> path in the address
APP_PAGES = {"Your voice": "your_voice", "Posterior": "posterior", "Compare": "compare"}


@dataclass(frozen=True, kw_only=True)
class LinkedState:
    """What an address opens in the app: a task, and a bundled voice with some of its clips. Never a
    sound of anybody.
    """

    task: str | None = None
    person: str | None = None  # a bundled person's id
    # one of that person's own, in which all clips are heard; None: as they were recorded
    environment: str | None = None
    clips: int = 3  # of that person, enrolled
    query: int | None = None  # position among that person's query clips, from 0
    seed: int = 0  # of the posterior's draws
    layer: str | None = None  # that is looked at
    weight: int | None = None  # of that layer, from 0

    def as_query(self) -> dict[str, str]:
        """The part of an address after the question mark, by name; what is not set is left out."""
        if self.person is None:
            return {"task": self.task} if self.task else {}
        named = {
            "task": self.task,
            "person": self.person,
            "environment": self.environment,
            "clips": self.clips,
            "query": self.query,
            "seed": self.seed,
            "layer": self.layer,
            "weight": self.weight,
        }
        return {name: str(value) for name, value in named.items() if value is not None}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "LinkedState":
        """Read an address; what it does not name has its default, and what is not ours is left
        alone.

        Raises VopError where a number is none.
        """
        return cls(
            task=query.get("task"),
            person=query.get("person"),
            environment=query.get("environment"),
            clips=_whole(query, "clips", 3, least=1),
            query=_whole(query, "query", 0) if "query" in query else None,
            seed=_whole(query, "seed", 0),
            layer=query.get("layer"),
            weight=_whole(query, "weight", 0) if "weight" in query else None,
        )


def _whole(query: Mapping[str, str], name: str, otherwise: int, least: int = 0) -> int:
    text = query.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit() and least <= int(text) < 2**31):
        raise VopError(
            f"The address asks for {name} '{text[:20]}', but that must be a whole number from "
            f"{least}."
        )
    return int(text)


def in_app(page: str, state: LinkedState | None = None, *, address: str = LOCAL_APP) -> str:
    """Markdown with a link to a page of the app in a state; no sound travels in it.

    Raises VopError for a page that the app does not have.
    """
    if page not in APP_PAGES:
        raise VopError(f"The app has no page '{page}'; it has {', '.join(APP_PAGES)}.")
    query = urlencode((state or LinkedState()).as_query())
    where = f"{address}/{APP_PAGES[page]}" + (f"?{query}" if query else "")
    return f"[Open this in the app: {page}]({where}) (start it first with `python run.py app`)"
