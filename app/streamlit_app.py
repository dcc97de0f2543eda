"""Router: the frame around every page. Run it with ``python run.py app``."""

import logging
from pathlib import Path

import streamlit as st
import texts
import widgets
from session import address, state
from session.shared import settle
from texts import frame

from vop_core.errors import VopError

# A picture of our own: a ":material/...:" name would be fetched from another host.
ICON = Path(__file__).with_name("icon.png")
st.set_page_config(page_title=frame.PRODUCT, page_icon=ICON, layout="wide")

pages = [
    st.Page("app_pages/home.py", title=texts.HOME, icon=":material/home:", default=True),
    st.Page("app_pages/your_voice.py", title=texts.YOUR_VOICE, icon=":material/mic:"),
    st.Page("app_pages/compare.py", title=texts.COMPARE, icon=":material/compare_arrows:"),
    st.Page("app_pages/verify.py", title=texts.VERIFY, icon=":material/how_to_reg:"),
    st.Page("app_pages/hands.py", title=texts.HANDS, icon=":material/draw:"),
    st.Page("app_pages/posterior.py", title=texts.POSTERIOR, icon=":material/bar_chart_4_bars:"),
    st.Page("app_pages/learn.py", title=texts.LEARN, icon=":material/school:"),
    st.Page("app_pages/decide.py", title=texts.DECIDE, icon=":material/balance:"),
    st.Page(
        "app_pages/inspection.py",
        title=texts.INSPECT,
        url_path="inspect",
        icon=":material/biotech:",
    ),
]
# reached from Hands
others = [st.Page("app_pages/signs.py", title=texts.SIGNS, icon=":material/gesture:")]
page = st.navigation(pages + others, position="hidden")
# a lecture needs the whole width; what is kept of a visitor is one click away
sidebar = "collapsed" if page.title == texts.LEARN else "auto"
st.set_page_config(initial_sidebar_state=sidebar)
st.html(
    "<style>.stMainBlockContainer{padding-top:4rem;max-width:1280px}"
    # Streamlit's button for recording is 20 px wide, and its word on a missing microphone leads to
    # another host
    ".stAudioInput button{min-width:44px;min-height:44px}"
    ".stAudioInput div:has(> a){display:none}"
    # a section's heading is smaller than a model's answer
    "[data-testid=stHeading] h2{font-size:1.3rem}"
    # what can be hit is 24 px high and wide at least; nobody needs a link to a heading
    "[data-testid=stTooltipIcon] button{min-width:24px;min-height:24px}"
    "[data-testid=stCheckbox] label{min-height:24px}"
    "[data-testid=stHeaderActionElements]{display:none}"
    # a link's words go on in a second line
    "[data-testid=stPageLink-NavLink] span{white-space:normal}"
    # nine pages in one row of a laptop's window
    ".st-key-pages{column-gap:.1rem}.st-key-pages a{gap:.2rem;padding-inline:.25rem}"
    ".st-key-pages a p{font-size:.85rem}"
    # where the keyboard is: Streamlit shows it on nothing that is chosen already
    ".stApp :focus-visible:not(input,textarea){outline:2px solid light-dark(#4252C8,#8C9BFF)"
    "!important;outline-offset:-2px}"
    # white does not stand out on a dark theme's button, until that darkens under a pointer
    "button[kind=primary]:not(:disabled,:hover){color:light-dark(#FFFFFF,#10131B)}</style>"
)
widgets.page_links(pages)
settle()
visit = state.current()
state.enter(visit, page.title)
address.follow(visit, st.query_params.to_dict())
if visit.lost and not visit.entries:
    st.info(frame.LOST, icon=":material/history:")
try:
    page.run()
except VopError as error:  # a missing model or voice: one sentence instead of a traceback
    st.error(texts.literal(str(error)), icon=":material/block:")
except Exception:  # whatever else goes wrong: a reload would lose the visit, another page does not
    logging.getLogger(__name__).exception("The page %s failed", page.title)
    st.error(f"{texts.FAILED} {frame.ALL_IS_KEPT}", icon=":material/error:")
widgets.sidebar(visit)  # last, so that it tells what the page has just taken in
