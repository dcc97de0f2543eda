"""From a notebook into the app: a link that opens the same task, voice and number of clips there."""

from urllib.parse import urlencode

from vop_core.errors import VopError
from vop_core.visit import APP_PAGES, LinkedState

LOCAL_APP = "http://localhost:8501"


def in_app(page: str, state: LinkedState | None = None, *, address: str = LOCAL_APP) -> str:
    """Markdown with a link to a page of the app in a state; no sound travels in it.

    Raises VopError for a page that the app does not have.
    """
    if page not in APP_PAGES:
        raise VopError(f"The app has no page '{page}'; it has {', '.join(APP_PAGES)}.")
    query = urlencode((state or LinkedState()).as_query())
    where = f"{address}/{APP_PAGES[page]}" + (f"?{query}" if query else "")
    return f"[Open this in the app: {page}]({where}) (start it first with `python run.py app`)"
