"""Page: the posterior as a researcher reads it, and takes it into a paper."""

from functools import partial

import pandas as pd
import streamlit as st
import texts
import widgets
from session import address, clips, hands, state, subject
from session import inspection as inspect
from texts import inspection as words
from texts import waiting

from vop_core import plots
from vop_core.course.script import VIEWS
from vop_core.models.inspection import CROWD_CLIPS, coverage_by_clips, draws_table
from vop_core.plots import inspection as figures
from vop_core.plots import style
from vop_core.tasks.registry import TASKS
from vop_core.variational.diagnostics import HELD
from vop_core.variational.monte_carlo import draws_needed

SVG, PNG = "SVG", "PNG"
visit = state.current()
task = subject.task(visit)
say = partial(texts.about, task)
MAP, PROFILE, LAYERS = (
    widgets.key(visit, name) for name in ("inspect-map", "inspect-profile", "inspect-layers")
)
SECTION, FORMAT = (widgets.key(visit, name) for name in ("inspect-section", "inspect-format"))


def draw(figure, key: str, table: pd.DataFrame, *, opened: bool = False, **options) -> None:
    """A figure that can be saved as a picture, and its numbers."""
    figure.update_layout(modebar={"bgcolor": "rgba(0,0,0,0)", "color": style.PRIOR.colour})
    picture = (state.chosen(FORMAT) or SVG).lower()
    config = {
        "displayModeBar": True,
        "displaylogo": False,
        "responsive": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": picture, "filename": f"vop-{key}"},
    }
    st.plotly_chart(figure, key=key, config=config, alt=plots.text_alternative(figure), **options)
    numbers(key, table, opened=opened)


def numbers(key: str, table: pd.DataFrame, *, opened: bool) -> None:
    """A table to read, and as a file."""
    with st.expander(words.numbers(len(table)), expanded=opened):
        st.dataframe(table, hide_index=True, key=f"table-{key}")
        st.download_button(
            words.SAVE_TABLE,
            lambda: table.to_csv(index=False),
            f"vop-{key}.csv",
            "text/csv",
            icon=":material/table:",
            key=f"csv-{key}",
            on_click="ignore",
        )


def mark(widget: str) -> None:
    """A click in a figure marks a weight, or a layer, in all of them."""
    clicked = state.clicked(widget)
    if clicked is not None:
        inspect.mark(visit, *clicked)


def marking(widget: str) -> dict:
    return {"on_select": state.guarded(partial(mark, widget)), "selection_mode": "points"}


def choose_layer(widget: str) -> None:
    inspect.mark(visit, state.chosen(widget), None)


def choose_weight(layer: str, widget: str) -> None:
    inspect.mark(visit, layer, state.chosen(widget))


def choose(table: pd.DataFrame) -> str:
    """The marked weight, for the keyboard; and what of each weight is shown."""
    layer, weight = inspect.marked(visit)
    titles = inspect.inspected(visit).model.layer_titles
    left, middle, right = st.columns([4, 2, 2], vertical_alignment="bottom")
    # named after what is marked, so that a click in a figure shows here
    widget = widgets.key(visit, f"inspect-layer-{task}-{layer}")
    left.selectbox(
        texts.LAYER,
        list(titles),
        index=list(titles).index(layer),
        format_func=titles.get,
        key=widget,
        on_change=state.guarded(choose_layer),
        args=(widget,),
    )
    names = table[table["layer"] == layer]["name"].tolist()
    widget = widgets.key(visit, f"inspect-weight-{task}-{layer}-{weight}")
    middle.selectbox(
        texts.WEIGHT,
        range(len(names)),
        index=weight,
        format_func=names.__getitem__,
        key=widget,
        on_change=state.guarded(choose_weight),
        args=(layer, widget),
    )
    return right.segmented_control(
        texts.SHOW,
        list(words.MEASURES),
        format_func=words.MEASURES.get,
        default="width",
        required=True,
        key=widgets.key(visit, "inspect-measure"),
        wrap=True,
    )


def layers(looked_at) -> None:
    table = inspect.layers(visit)
    measure = choose(table)
    layer, weight = inspect.marked(visit)
    line = table[(table["layer"] == layer) & (table["weight"] == weight)].iloc[0]
    st.markdown(say(words.weight(line, len(looked_at.heard.enrollment))))
    if task == visit.task and visit.enrolled:
        st.page_link(
            "app_pages/posterior.py",
            label=words.OPEN_CURVES,
            icon=":material/bar_chart_4_bars:",
        )
    st.caption(words.MAP)
    figure = figures.layer_map_figure(table, measure, marked=(layer, weight))
    draw(figure, MAP, table, **marking(MAP))
    st.header(words.LAYER_BY_LAYER, anchor=False)
    by_layer = table.groupby("layer", sort=False)[["width", "kl", "moved"]].mean().reset_index()
    draw(figures.layer_profile_figure(table, marked=layer), PROFILE, by_layer, **marking(PROFILE))


def persons(looked_at) -> None:
    by = st.segmented_control(
        words.COLOUR_BY,
        list(words.COLOURS),
        format_func=words.COLOURS.get,
        default="person",
        required=True,
        key=widgets.key(visit, "inspect-by"),
        help=words.NO_ATTRIBUTES,
        wrap=True,
    )
    found = inspect.persons_map(visit, by_environment=by == "heard")
    if found is None:
        st.info(say(words.NO_PLANE), icon=":material/info:")
        return
    you = inspect.in_plane(visit, found)
    st.markdown(say(words.spread(found.table, found.plane.share)))
    figure = figures.persons_plane_figure(found.table, found.plane.share, by=by, you=you)
    draw(figure, "inspect-persons", pd.concat([found.table, you], ignore_index=True))
    st.caption(say(words.ABOUT_PERSONS.format(shots=CROWD_CLIPS)))


def coverage(looked_at) -> None:
    table = inspect.coverage(visit)
    if not len(table):
        st.info(say(words.NO_COVERAGE), icon=":material/info:")
        return
    counts = coverage_by_clips(table)
    st.markdown(say(words.coverage(counts)))
    draw(figures.contraction_figure(counts, HELD), "inspect-coverage", counts)
    st.header(words.LAYER_BY_LAYER, anchor=False)
    shots = len(looked_at.heard.enrollment)
    nearest = min(counts["clips"], key=lambda count: abs(count - shots))
    st.caption(say(words.after(int(nearest))))
    titles = looked_at.model.layer_titles
    by_layer = table[table["clips"] == nearest][list(titles)].mean()
    figure = figures.layer_coverage_figure(by_layer, titles, marked=inspect.marked(visit)[0])
    draw(figure, LAYERS, table, **marking(LAYERS))


def draws(looked_at) -> None:
    answers = inspect.answers_by_draw(visit)
    if not len(looked_at.heard.query):
        st.caption(say(words.NO_QUERY))
    errors, table = draws_table(answers), inspect.uncertainty(visit)
    st.markdown(say(words.draws(errors, draws_needed(answers), len(table))))
    draw(figures.draw_error_figure(errors), "inspect-draws", errors)
    st.header(say(words.WHAT_IS_UNCERTAIN), anchor=False)
    st.markdown(say(words.entropy(table)))
    draw(figures.entropy_figure(table), "inspect-entropy", table)


def methods(looked_at) -> None:
    st.caption(say(words.ABOUT_METHODS))
    if not len(looked_at.heard.query):
        st.info(say(words.NO_QUERIES), icon=":material/hearing:")
        return
    place = st.empty()
    if not inspect.methods_known(visit) and not place.button(
        words.ASK, icon=":material/groups:", type="primary", key="ask-methods"
    ):
        return
    with place, st.spinner(waiting.ENROLLING_WITH_EVERY_METHOD):
        table = inspect.methods(visit)
    if looked_at.heard.enrollment_labels is None:
        st.caption(say(words.NO_LABELS))
    if "right" in table:
        st.markdown(say(words.methods(table)))
        draw(figures.method_answers_figure(table), "inspect-methods", table, opened=True)
    else:
        numbers("inspect-methods", table, opened=True)


def diagnosis(looked_at) -> None:
    st.caption(say(words.ABOUT_DIAGNOSIS))
    checks = inspect.checks(visit)
    st.markdown(say(words.diagnosis(checks)))
    for number, check in enumerate(checks, start=1):
        with st.container(border=True):
            said, verdict = st.columns([5, 1])
            said.markdown(say(f"**{number}. {check.question}**"))
            colour, icon, word = words.VERDICTS[check.verdict]
            verdict.badge(word, icon=icon, color=colour)
            st.markdown(say(check.found))
            if check.verdict != "pass":
                st.caption(say(f":material/arrow_forward: {words.look_next(check.look)}"))


def take_away(looked_at) -> None:
    view = st.selectbox(words.VIEW, list(VIEWS), key=widgets.key(visit, "inspect-view"))
    own = "" if looked_at.samples.person else words.OWN
    st.markdown(say(words.TAKE.format(own=own)))
    code = inspect.as_script(visit, view)
    st.code(code, language="python")
    name = f"vop-{view.lower().replace(' ', '-')}"
    with st.container(horizontal=True):
        st.download_button(
            words.SAVE_SCRIPT,
            code,
            f"{name}.py",
            "text/x-python",
            icon=":material/code:",
            key="save-script",
            on_click="ignore",
        )
        st.download_button(
            words.SAVE_NOTEBOOK,
            inspect.as_notebook(visit, view),
            f"{name}.ipynb",
            "application/x-ipynb+json",
            icon=":material/book:",
            key="save-notebook",
            on_click="ignore",
        )
    st.header(words.DRAWS_FOR_ARVIZ, anchor=False)
    numbered = len(inspect.layers(visit))
    st.markdown(say(words.ARVIZ.format(draws=f"{inspect.EXPORTED_DRAWS:,}", numbers=numbered)))
    st.download_button(
        words.SAVE_DRAWS,
        partial(inspect.exported, visit),
        "vop-posterior.nc",
        "application/x-netcdf",
        icon=":material/download:",
        key="save-draws",
        on_click="ignore",
    )


SECTIONS = {
    words.LAYERS: layers,
    words.PERSONS: persons,
    words.WIDTH_AND_COVERAGE: coverage,
    words.DRAWS: draws,
    words.METHODS: methods,
    words.DIAGNOSIS: diagnosis,
    words.TAKE_AWAY: take_away,
}
ASKED = (words.DRAWS, words.METHODS, words.DIAGNOSIS)  # of what a model answers


@st.fragment
def show() -> None:
    """One section; nothing of the others is computed."""
    looked_at = inspect.inspected(visit)
    compares = TASKS[task].compares
    there = [each for each in SECTIONS if not (compares and each in ASKED)]
    address.begin_choice(visit, "section", f"{SECTION}-{task}", there)
    section = st.segmented_control(
        words.SECTION,
        there,
        default=words.LAYERS,
        required=True,
        key=f"{SECTION}-{task}",
        label_visibility="collapsed",
        wrap=True,
    )
    address.keep_choice(visit, "section", section, there)
    widgets.keep_address(visit, "section")
    st.header(section, anchor=False)
    SECTIONS[section](looked_at)
    if section != words.TAKE_AWAY:
        st.segmented_control(
            words.PICTURES_AS,
            [SVG, PNG],
            default=SVG,
            required=True,
            key=FORMAT,
            help=words.BY_THE_CAMERA,
            wrap=True,
        )


def whose(looked_at) -> None:
    """Whose posterior is looked at."""
    found = looked_at.samples
    if not found.proposed:
        count = say(words.clips(len(looked_at.heard.enrollment)))
        st.markdown(words.OF_CLIPS.format(name=looked_at.heard.name, clips=count))
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.info(say(words.WHOSE.format(name=looked_at.heard.name)), icon=":material/person:")
    given = visit.hand.samples if task == hands.TASK else visit.entries
    if right.button(words.GO_ON, key="inspect-enroll", disabled=bool(given)):
        enroll(found)
        st.rerun()


def enroll(found) -> None:
    """The bundled person who stands in enrolls."""
    if task == hands.TASK:
        hands.borrow(visit, found.person, found.environment)
    else:
        clips.borrow(visit, found.person, len(found.names), found.environment)


st.title(texts.INSPECT, anchor=False)
st.markdown(say(words.ABOUT))
widgets.choose_subject(visit)
widgets.messages(visit)
whose(inspect.inspected(visit))
if visit.entries and task != hands.TASK:
    widgets.switches(visit)
show()
if TASKS[task].compares:
    st.caption(words.SCORES)
