"""The ways to give drawings: on a canvas, as pictures, or somebody else's."""

from collections.abc import Callable
from functools import partial
from types import ModuleType

import browser
import streamlit as st
import widgets
from session import state
from session.state import Visit
from texts import drawings as words


def give(
    visit: Visit,
    taken: ModuleType,  # of the session: draw, ask, upload and ask_file
    said: ModuleType,  # of the texts
    borrow_form: Callable[[], None],
    *,
    asks: bool,
    name: str = "",
) -> None:
    """The three ways; a drawing or a picture is asked about where it ``asks``. ``name`` opens the
    widgets' keys.
    """
    ways = (
        f":material/draw: {words.DRAW}",
        f":material/upload_file: {words.UPLOAD}",
        f":material/person: {words.BORROW}",
    )
    draw, upload, borrow = st.tabs(list(ways))
    with draw:
        _canvas(visit, taken, said, asks, f"{name}canvas")
    with upload:
        _pictures(visit, taken, said, asks, name)
    with borrow:
        borrow_form()


def _canvas(visit: Visit, taken: ModuleType, said: ModuleType, asks: bool, name: str) -> None:
    widget = widgets.key(visit, name)

    def given(how: str, take: Callable) -> None:
        strokes = state.drawn(widget, how)
        if strokes is not None:
            take(visit, strokes)

    browser.canvas(
        widget,
        said.DRAW,
        asks=asks,
        on_added=state.guarded(partial(given, "added", taken.draw)),
        on_asked=state.guarded(partial(given, "asked", taken.ask)),
    )
    st.caption(said.DRAW_HINT)


def _pictures(visit: Visit, taken: ModuleType, said: ModuleType, asks: bool, name: str) -> None:
    several, one = f"{name}pictures", f"{name}asked-picture"

    def uploaded(widget: str) -> None:
        files = state.given(widget) or []
        taken.upload(visit, [(given.name, given.getvalue()) for given in files])
        state.renew(visit, several)

    def asked(widget: str) -> None:
        given = state.given(widget)
        if given is not None:
            taken.ask_file(visit, given.name, given.getvalue())
            state.renew(visit, one)

    def uploader(label: str, key: str, on_change: Callable, many: bool) -> None:
        widget = state.widget_name(visit, key)
        widgets.uploader(visit, label, widget, on_change, several=many, formats=words.PICTURES)

    uploader(said.SEVERAL, several, uploaded, True)
    if asks:
        uploader(words.ONE_MORE_PICTURE, one, asked, False)
    st.caption(words.ANY_PAPER)
