"""Parts that several pages show: the frame's sidebar, a figure with its words, a clip's tile, the
ways to give a clip.
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

import browser
import streamlit as st
import texts
from session import address, clips, models, state, subject
from session.people import called
from session.shared import bundle, bundled_name, bundled_persons, records
from session.state import Entry, Given, Hand, OwnSigns, Person, Visit
from texts import people as texts_of_people

from vop_core import plots
from vop_core.data.audio import playable
from vop_core.data.environments import own_environments
from vop_core.data.voices import BundledPerson
from vop_core.evaluation.answers import Answer
from vop_core.models.bundled import SHOTS
from vop_core.plots.style import listing
from vop_core.tasks.registry import TASKS
from vop_core.text import counted
from vop_core.types import SAMPLE_RATE

PLOTLY = {"displayModeBar": False, "responsive": True}


def show(figure, key: str, *, numbers: bool = True, **options):
    """Draw a figure with its text alternative and, on request, its numbers."""
    drawn = st.plotly_chart(
        figure, key=key, config=PLOTLY, alt=plots.text_alternative(figure), **options
    )
    if numbers:
        _numbers(figure, key)
    return drawn


@st.fragment
def _numbers(figure, key: str) -> None:
    """A table of what a figure shows, made when it is opened: the page waits for none."""
    box = st.expander(
        "Numbers", icon=":material/table:", type="compact", key=f"numbers-{key}", on_change="rerun"
    )
    if box.open:
        box.dataframe(plots.table(figure), hide_index=True, alt="The numbers of the chart above")


def key(visit: Visit, name: str) -> str:
    """A widget key that "Forget me" retires."""
    return f"{name}-{visit.generation}"


# --- the frame ------------------------------------------------------------------------------------


def page_links(pages) -> None:
    """The product's name and every page, in sight at any width."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="pages"):
        st.markdown("**:material/graphic_eq: VoP Studio**", width="content")
        for page in pages:
            st.page_link(page, width="content")


def sidebar(visit: Visit) -> None:
    """What is kept about this visitor, and the button that ends it."""
    with st.sidebar:
        st.markdown("### :material/graphic_eq: VoP Studio")
        st.caption(
            "A personal model from a few words, with its uncertainty. A reconstruction of VoP "
            "(ICML 2022)."
        )
        st.space("small")
        st.markdown("**What is kept about you**")
        st.markdown(_receipt(visit))
        local = st.get_option("server.address") == "localhost"
        st.caption(texts.KEPT_HERE if local else texts.KEPT_ELSEWHERE)
        st.caption("Closing or reloading the page forgets it as well.")
        browser.warn_before_leaving(visit.holds_own)
        st.button(
            "Forget me",
            icon=":material/delete_forever:",
            width="stretch",
            key="forget-me",
            on_click=state.guarded(_forget),
        )
        linked = address.shown(visit)
        browser.copy_link(urlencode(address.query(visit)), texts_of_people.LINK)
        st.caption(texts_of_people.linked(linked, bundled_name(linked.person), visit.empty))


def _forget() -> None:
    state.forget()
    st.toast("Everything you gave is gone.", icon=":material/delete_forever:")


def _receipt(visit: Visit) -> str:
    kept = [(person, _kept(person)) for person in visit.people]
    hand = [*_kept_hand(visit.hand), *_kept_signs(visit.own_signs)]
    if not hand and not any(lines for _, lines in kept):
        return "Nothing."
    if len(visit.people) == 1:
        return "\n".join(f"- {line}" for line in (*kept[0][1], *hand))
    lines = [
        f"- **{texts.literal(called(person))}**: {', '.join(lines) or 'nothing yet'}"
        for person, lines in kept
    ]
    return "\n".join([*lines, *(f"- {line}" for line in hand)])


def _kept(person: Person) -> list[str]:
    lines = []
    asked = [each for each in (person.query, person.claim, *person.spoken) if each]
    if person.entries:
        lines.append(f"{counted(len(person.entries), 'clip')}, {_seconds(person.entries)} of sound")
    if asked:
        lines.append(f"{counted(len(asked), 'query clip')}, {_seconds(asked)}")
    if person.test and person.test.clips:
        tested = sum(clip.seconds for clip in person.test.clips.values())
        lines.append(f"{counted(len(person.test.clips), 'test clip')}, {tested:.1f} s")
    if person.loaded:
        lines.append("the posterior of a file")
    elif person.personal or person.before:
        lines.append("the posterior that they make" if lines else "a posterior")
    if person.outcomes:
        lines.append(f"{counted(len(person.outcomes), 'answer')} in the tally")
    return lines


def _kept_hand(hand: Hand) -> list[str]:
    lines = [counted(len(hand.samples), "written digit")] if hand.samples else []
    lines += ["a digit that was asked about"] if hand.query else []
    return lines + (["the posterior of a hand"] if hand.made else [])


def _kept_signs(own: OwnSigns) -> list[str]:
    count = sum(len(sign.samples) for sign in own.signs)
    lines = [f"{counted(count, 'sample')} of {counted(len(own.taught), 'sign')}"] if count else []
    return lines + (["a drawing that was asked about"] if own.query else [])


def _seconds(clips: Sequence[Given]) -> str:
    return f"{sum(each.original.seconds for each in clips):.1f} s"


def messages(visit: Visit) -> None:
    """Refusals since the last good step: one sentence each, and what was there is still there."""
    if visit.refusals:
        kept = " Everything you had is still here." if not visit.empty else ""
        sentences = "\n\n".join(map(texts.literal, visit.refusals))
        said, dismiss = st.columns([8, 1], vertical_alignment="center")
        said.error(sentences + kept, icon=":material/block:")
        dismiss.button(
            "Dismiss",
            key="dismiss",
            type="tertiary",
            on_click=state.guarded(visit.refusals.clear),
        )


def switches(visit: Visit) -> None:
    """Clips on and off; the switches belong to the visit, so every page listens to the same
    clips.
    """
    if not visit.entries:  # a file holds none
        return
    numbers = [entry.number for entry in visit.entries]
    titles = {entry.number: texts.titled(entry) for entry in visit.entries}
    widget = key(visit, f"switches-{'-'.join(map(str, numbers))}")
    st.pills(
        "Clips that count as evidence: switch them on and off",
        numbers,
        selection_mode="multi",
        default=[entry.number for entry in visit.enrolled],
        format_func=titles.get,
        key=widget,
        on_change=state.guarded(_switch),
        args=(visit, widget),
        wrap=True,
    )
    off = [entry for entry in visit.entries if not entry.on]
    if off and visit.enrolled:
        st.caption(f":material/toggle_off: Off: {listing([texts.switched(e) for e in off])}.")


def _switch(visit: Visit, widget: str) -> None:
    clips.switch(visit, state.chosen(widget))


def none_on(visit: Visit) -> None:
    """What a page shows while every clip is switched off, and the ways on."""
    st.info(texts.none_on(visit.entries), icon=":material/toggle_off:")
    st.page_link("app_pages/your_voice.py", label="Give another clip", icon=":material/mic:")


def nothing_yet(page: str) -> None:
    """What a page shows before there is a clip."""
    with st.container(border=True):
        st.header("Nothing to show yet", anchor=False)
        st.markdown(page)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link("app_pages/your_voice.py", label="Give three clips", icon=":material/mic:")
            visit = state.current()
            person, environment = models.opening(visit.task)
            if person is not None:
                st.button(
                    f"Borrow {person.name}’s voice",
                    icon=":material/record_voice_over:",
                    key="borrow-opening",
                    help=texts.PROPOSED,
                    on_click=state.guarded(clips.borrow),
                    args=(visit, person, SHOTS, environment),
                )


def ways_on() -> None:
    """Where to look at a model that was just made."""
    with st.container(horizontal=True):
        st.page_link(
            "app_pages/posterior.py",
            label="See its posterior",
            icon=":material/bar_chart_4_bars:",
        )
        st.page_link(
            "app_pages/compare.py",
            label="Let both models answer",
            icon=":material/compare_arrows:",
        )
        st.page_link(
            "app_pages/verify.py",
            label="See whether it knows the voice again",
            icon=":material/how_to_reg:",
        )


def answer_card(column, whose: str, made_of: str, answered: Answer, word: str | None):
    """A model's answer, and whether it is the ``word``, where that is known; returns the card."""
    card = column.container(border=True, height="stretch")
    with card:
        st.markdown(whose)
        st.caption(made_of)
        st.markdown(f"## {answered.best.label}")
        if word:
            verdict, icon, colour = texts.judged(answered.best.label, word, [word])
            st.badge(verdict, icon=icon, color=colour)
    return card


def about_model(visit: Visit) -> None:
    """The words, and what the model's card says about its training, its tests and its price."""
    shipped = bundle(visit.task)
    card = shipped.card
    with st.expander(
        f"About the model: {TASKS[visit.task].title}, {len(shipped.labels)} words",
        icon=":material/description:",
    ):
        st.markdown("**Words.** " + " · ".join(shipped.labels))
        if TASKS[visit.task].language != "en":
            st.caption("Spoken in Arabic; the list gives their English meanings.")
        persons = card.get("persons")
        if persons:
            st.markdown(
                f"**Training.** {len(persons['trained'])} persons, {card['training_clips']:,} "
                f"clips. " + "; ".join(card["data"]) + "."
            )
            st.markdown(
                f"**Test.** {len(persons['open'])} further persons it never heard; results stand "
                "on the Posterior page."
            )
        cost = card.get("cost")
        if cost:
            st.markdown(
                f"**Price.** {cost['global_parameters']:,} parameters; a person's posterior takes "
                f"{cost['bytes_per_person']:,} bytes, and a frozen personal network costs what the "
                f"global one costs: {cost['frozen_multiply_accumulates'] / 1e6:.1f} million "
                "multiply-accumulates a clip."
            )
        st.caption(
            "A reconstruction from the paper's abstract and slides; its numbers are not the "
            "paper's."
        )


# --- giving clips ---------------------------------------------------------------------------------


def ways_to_give(names: Sequence[str], *, borrowing: bool = False, key: str | None = None):
    """Tabs for a microphone (None where nobody is recorded), files and, by a third name, bundled
    voices, which are in front where one is ``borrowing`` or not recorded.
    """
    icons = [":material/mic:", ":material/upload_file:", ":material/record_voice_over:"]
    titles = [f"{icon} {name}" for icon, name in zip(icons, names, strict=False)]
    shown = titles if records() else titles[1:]
    tabs = st.tabs(shown, default=shown[-1] if borrowing or not records() else shown[0], key=key)
    return (None,) * (len(titles) - len(shown)) + tuple(tabs)


def recorder(visit: Visit, label: str, name: str, on_change, ways: Sequence[str]) -> None:
    """The microphone. ``on_change`` is called with the widget's key when a recording ends; ``ways``
    are the tabs that need none. Where nobody is recorded, a sentence that says so.
    """
    if not records():
        st.info(texts.NOT_RECORDED, icon=":material/mic_off:")
        return
    widget = key(visit, name)
    st.audio_input(
        label,
        sample_rate=SAMPLE_RATE,
        key=widget,
        on_change=state.guarded(on_change),
        args=(widget,),
    )
    browser.say_where_no_microphone(widget, texts.MICROPHONE, ways)


def uploader(
    visit: Visit, label: str, name: str, on_change, *, several: bool, formats: str = texts.FORMATS
) -> None:
    """Files of any kind: what cannot be used is refused by our own sentence, not by the file's
    name.
    """
    widget = key(visit, name)
    st.file_uploader(
        label,
        accept_multiple_files=several,
        key=widget,
        on_change=state.guarded(on_change),
        args=(widget,),
    )
    st.caption(f"{formats}.")


def choose_person(column, visit: Visit, name: str, preferred=None):
    """A bundled person who speaks the task's words."""
    persons = bundled_persons(visit.task)
    return column.selectbox(
        "Person",
        persons,
        index=persons.index(preferred) if preferred else 0,
        format_func=lambda person: person.name,
        key=key(visit, f"{name}-{visit.task}-{preferred.id if preferred else ''}"),
    )


def choose_environment(column, visit: Visit, proposed: str, task: str) -> str:
    """In which of their own environments bundled persons are heard or seen, or clean."""
    places = texts.places(task)
    return column.selectbox(
        texts.about(task, "Heard"),
        list(places),
        index=list(places).index(proposed),
        format_func=places.get,
        key=key(visit, f"environment-{task}"),
        help=texts.about(task, texts.MADE_PLACES),
    )


def choose_subject(visit: Visit) -> None:
    """The model that Decide and Inspect are about."""
    widget = key(visit, "subject")
    state.put(widget, subject.task(visit))
    st.segmented_control(
        "Model",
        subject.TASKS_ABOUT,
        format_func=lambda name: TASKS[name].title,
        key=widget,
        required=True,
        on_change=state.guarded(_choose_subject),
        args=(visit, widget),
        wrap=True,
    )


def _choose_subject(visit: Visit, widget: str) -> None:
    subject.choose(visit, state.chosen(widget))


def whose(person: BundledPerson, environment: str) -> None:
    """Who a bundled person is and where they are heard, and whose clips these are."""
    places = own_environments(person.id)
    heard = f", heard {places[environment].description}" if environment in places else ""
    st.caption(f"{person.name} is {person.description}{heard}.")
    st.caption(person.corpus.attribution)


# --- a clip ---------------------------------------------------------------------------------------


def clip_body(holder, name: str) -> None:
    """Picture, coach, notes and player of an entry or a query; picture and sound are made once and
    kept in it.
    """
    if holder.figure is None:
        # by its title: a bundled clip's file is named by its word
        holder.figure = plots.clip_figure(replace(holder.clip, name=holder.title))
        holder.sound = playable(holder.clip)
    show(holder.figure, f"figure-{name}", numbers=False)  # a sound is no table
    quality = holder.quality
    good = quality.verdict == "good"
    st.caption(quality.reason if good else f"**{quality.reason}** {quality.remedy}")
    for note in holder.clip.notes:
        st.caption(f":material/sync_alt: {texts.literal(note)}")
    st.audio(holder.sound, alt=f"Play {holder.title}")
    if holder.attribution:
        st.caption(holder.attribution)


def clip_title(holder) -> None:
    """What a clip is called, where it came from, how long it is and how good."""
    icon, source = texts.SOURCES[holder.source]
    colour, sign, word = texts.VERDICTS[holder.quality.verdict]
    came = texts.literal(holder.clip.name) if holder.source == "uploaded" else source
    st.markdown(f"**{holder.title}** {icon} {came} · {holder.clip.seconds:.1f} s")
    st.badge(word, icon=sign, color=colour)


def tile(visit: Visit, entry: Entry) -> None:
    """One enrollment clip: what it is, whether it is any good and on, and what one can do with
    it.
    """
    with st.container(border=True, key=f"tile-{entry.number}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            clip_title(entry)
            if not entry.on:
                st.badge("Off", icon=":material/toggle_off:", color="gray")
        clip_body(entry, f"clip-{entry.number}")
        with st.container(horizontal=True):
            label, icon = texts.SWITCH[entry.on, entry.quality.verdict == "poor"]
            st.button(
                label,
                key=f"switch-{entry.number}",
                icon=icon,
                help=f"{entry.title} {'is' if entry.on else 'is not'} part of your model",
                type="tertiary" if entry.on else "secondary",
                on_click=state.guarded(clips.flip),
                args=(visit, entry),
            )
            st.button(
                "Remove",
                key=f"remove-{entry.number}",
                icon=":material/delete:",
                help=f"Remove {entry.title}",
                type="tertiary",
                on_click=state.guarded(clips.remove),
                args=(visit, entry),
            )
            if entry.words > 1:
                st.button(
                    f"Use all {entry.words} words",
                    key=f"each-word-{entry.number}",
                    icon=":material/content_cut:",
                    help="A clip of its own for every word of this recording",
                    type="tertiary",
                    on_click=state.guarded(clips.split),
                    args=(visit, entry),
                )


# --- promises -------------------------------------------------------------------------------------


def promise_badges(promises) -> None:
    """The four promises as they were measured while this model was made."""
    columns = st.columns(len(promises))
    for column, promise in zip(columns, promises, strict=True):
        with column.container(border=True, height="stretch"):
            icon, colour = (
                (":material/verified:", "green") if promise.kept else (":material/gpp_bad:", "red")
            )
            st.badge(
                promise.name if promise.kept else f"{promise.name}: broken", icon=icon, color=colour
            )
            st.markdown(f"**{promise.measured}**")
            st.caption(promise.meaning)
