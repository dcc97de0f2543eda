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
from texts import clips as texts_of_clips
from texts import frame, your_voice
from texts import people as texts_of_people

from vop_core import plots
from vop_core.data.audio import playable
from vop_core.data.environments import own_environments
from vop_core.data.voices import BundledPerson
from vop_core.evaluation.answers import Answer
from vop_core.models.bundled import SHOTS
from vop_core.tasks.registry import TASKS
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
        frame.NUMBERS,
        icon=":material/table:",
        type="compact",
        key=f"numbers-{key}",
        on_change="rerun",
    )
    if box.open:
        box.dataframe(plots.table(figure), hide_index=True, alt=frame.NUMBERS_OF_THE_CHART)


def key(visit: Visit, name: str) -> str:
    """A widget key that "Forget me" retires."""
    return f"{name}-{visit.generation}"


# --- the frame ------------------------------------------------------------------------------------


def page_links(pages) -> None:
    """The product's name and every page, in sight at any width."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="pages"):
        st.markdown(f"**:material/graphic_eq: {frame.PRODUCT}**", width="content")
        for page in pages:
            st.page_link(page, width="content")


def sidebar(visit: Visit) -> None:
    """What is kept about this visitor, and the button that ends it."""
    with st.sidebar:
        st.markdown(f"### :material/graphic_eq: {frame.PRODUCT}")
        st.caption(frame.ABOUT)
        st.space("small")
        st.markdown(frame.WHAT_IS_KEPT)
        st.markdown(_receipt(visit))
        local = st.get_option("server.address") == "localhost"
        st.caption(frame.KEPT_HERE if local else frame.KEPT_ELSEWHERE)
        st.caption(frame.CLOSING_FORGETS)
        browser.warn_before_leaving(visit.holds_own)
        st.button(
            frame.FORGET_ME,
            icon=":material/delete_forever:",
            width="stretch",
            key="forget-me",
            on_click=state.guarded(_forget),
        )
        linked = address.shown(visit)
        browser.copy_link(texts_of_people.LINK)
        keep_address(visit, "page")
        st.caption(texts_of_people.linked(linked, bundled_name(linked.person), visit.empty))


def keep_address(visit: Visit, part: str) -> None:
    """Let the page's address say what is shown; a fragment says it anew, as ``part``."""
    ours = sorted({*address.OURS, address.STEP})
    browser.keep_address(part, visit.page, urlencode(address.query(visit)), ours)


def _forget() -> None:
    state.forget()
    st.toast(frame.FORGOTTEN, icon=":material/delete_forever:")


def _receipt(visit: Visit) -> str:
    kept = [(person, _kept(person)) for person in visit.people]
    hand = [*_kept_hand(visit.hand), *_kept_signs(visit.own_signs)]
    if not hand and not any(lines for _, lines in kept):
        return frame.NOTHING_KEPT
    if len(visit.people) == 1:
        return "\n".join(f"- {line}" for line in (*kept[0][1], *hand))
    lines = [
        f"- **{texts.literal(called(person))}**: {', '.join(lines) or frame.NOTHING_OF_A_PERSON}"
        for person, lines in kept
    ]
    return "\n".join([*lines, *(f"- {line}" for line in hand)])


def _kept(person: Person) -> list[str]:
    lines = []
    asked = [each for each in (person.query, person.claim, *person.spoken) if each]
    if person.entries:
        lines.append(frame.kept_clips(len(person.entries), _seconds(person.entries)))
    if asked:
        lines.append(frame.kept_queries(len(asked), _seconds(asked)))
    if person.test and person.test.clips:
        tested = sum(clip.seconds for clip in person.test.clips.values())
        lines.append(frame.kept_test(len(person.test.clips), tested))
    if person.loaded:
        lines.append(frame.POSTERIOR_OF_A_FILE)
    elif person.personal or person.before:
        lines.append(frame.POSTERIOR_OF_CLIPS if lines else frame.POSTERIOR)
    if person.outcomes:
        lines.append(frame.kept_tally(len(person.outcomes)))
    return lines


def _kept_hand(hand: Hand) -> list[str]:
    lines = [frame.kept_digits(len(hand.samples))] if hand.samples else []
    lines += [frame.ASKED_DIGIT] if hand.query else []
    return lines + ([frame.POSTERIOR_OF_A_HAND] if hand.made else [])


def _kept_signs(own: OwnSigns) -> list[str]:
    count = sum(len(sign.samples) for sign in own.signs)
    lines = [frame.kept_signs(count, len(own.taught))] if count else []
    return lines + ([frame.ASKED_DRAWING] if own.query else [])


def _seconds(clips: Sequence[Given]) -> float:
    return sum(each.original.seconds for each in clips)


def messages(visit: Visit) -> None:
    """Refusals since the last good step: one sentence each, and what was there is still there."""
    if visit.refusals:
        kept = f" {frame.STILL_HERE}" if not visit.empty else ""
        sentences = "\n\n".join(map(texts.literal, visit.refusals))
        said, dismiss = st.columns([8, 1], vertical_alignment="center")
        said.error(sentences + kept, icon=":material/block:")
        dismiss.button(
            frame.DISMISS,
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
    titles = {entry.number: texts_of_clips.titled(entry) for entry in visit.entries}
    widget = key(visit, f"switches-{'-'.join(map(str, numbers))}")
    st.pills(
        texts_of_clips.SWITCHES,
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
        st.caption(f":material/toggle_off: {texts_of_clips.switched_off(off)}")


def _switch(visit: Visit, widget: str) -> None:
    clips.switch(visit, state.chosen(widget))


def none_on(visit: Visit) -> None:
    """What a page shows while every clip is switched off, and the ways on."""
    st.info(texts_of_clips.none_on(visit.entries), icon=":material/toggle_off:")
    st.page_link(
        "app_pages/your_voice.py", label=texts_of_clips.GIVE_ANOTHER, icon=":material/mic:"
    )


def nothing_yet(page: str) -> None:
    """What a page shows before there is a clip."""
    with st.container(border=True):
        st.header(frame.NOTHING_TO_SHOW, anchor=False)
        st.markdown(page)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                "app_pages/your_voice.py", label=frame.GIVE_THREE_CLIPS, icon=":material/mic:"
            )
            visit = state.current()
            person, environment = models.opening(visit.task)
            if person is not None:
                st.button(
                    frame.borrow_voice(person.name),
                    icon=":material/record_voice_over:",
                    key="borrow-opening",
                    help=frame.PROPOSED,
                    on_click=state.guarded(clips.borrow),
                    args=(visit, person, SHOTS, environment),
                )


def ways_on() -> None:
    """Where to look at a model that was just made."""
    with st.container(horizontal=True):
        st.page_link(
            "app_pages/posterior.py",
            label=frame.SEE_POSTERIOR,
            icon=":material/bar_chart_4_bars:",
        )
        st.page_link(
            "app_pages/compare.py",
            label=frame.LET_BOTH_ANSWER,
            icon=":material/compare_arrows:",
        )
        st.page_link(
            "app_pages/verify.py",
            label=frame.SEE_WHETHER_KNOWN,
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
        your_voice.about_model(TASKS[visit.task].title, len(shipped.labels)),
        icon=":material/description:",
    ):
        st.markdown(your_voice.words(shipped.labels))
        if TASKS[visit.task].language != "en":
            st.caption(your_voice.ARABIC)
        persons = card.get("persons")
        if persons:
            trained, clips_heard = len(persons["trained"]), card["training_clips"]
            st.markdown(your_voice.training(trained, clips_heard, card["data"]))
            st.markdown(your_voice.tested(len(persons["open"])))
        cost = card.get("cost")
        if cost:
            st.markdown(your_voice.price(cost))
        st.caption(your_voice.RECONSTRUCTION)


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
        st.info(texts_of_clips.NOT_RECORDED, icon=":material/mic_off:")
        return
    widget = key(visit, name)
    st.audio_input(
        label,
        sample_rate=SAMPLE_RATE,
        key=widget,
        on_change=state.guarded(on_change),
        args=(widget,),
    )
    browser.say_where_no_microphone(widget, texts_of_clips.MICROPHONE, ways)


def uploader(
    visit: Visit,
    label: str,
    name: str,
    on_change,
    *,
    several: bool,
    formats: str = texts_of_clips.FORMATS,
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
        texts.PERSON,
        persons,
        index=persons.index(preferred) if preferred else 0,
        format_func=lambda person: person.name,
        key=key(visit, f"{name}-{visit.task}-{preferred.id if preferred else ''}"),
    )


def choose_environment(column, visit: Visit, proposed: str, task: str) -> str:
    """In which of their own environments bundled persons are heard or seen, or clean."""
    places = texts.places(task)
    return column.selectbox(
        texts.about(task, texts.HEARD_WHERE),
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
        texts.MODEL,
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
    heard = places[environment].description if environment in places else ""
    st.caption(texts.of_bundled(person, heard))
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
    st.audio(holder.sound, alt=texts_of_clips.play(holder.title))
    if holder.attribution:
        st.caption(holder.attribution)


def clip_title(holder) -> None:
    """What a clip is called, where it came from, how long it is and how good."""
    icon, source = texts_of_clips.SOURCES[holder.source]
    colour, sign, word = texts_of_clips.VERDICTS[holder.quality.verdict]
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
                st.badge(texts_of_clips.OFF, icon=":material/toggle_off:", color="gray")
        clip_body(entry, f"clip-{entry.number}")
        with st.container(horizontal=True):
            label, icon = texts_of_clips.SWITCH[entry.on, entry.quality.verdict == "poor"]
            st.button(
                label,
                key=f"switch-{entry.number}",
                icon=icon,
                help=texts_of_clips.part_of_model(entry.title, on=entry.on),
                type="tertiary" if entry.on else "secondary",
                on_click=state.guarded(clips.flip),
                args=(visit, entry),
            )
            st.button(
                texts.REMOVE,
                key=f"remove-{entry.number}",
                icon=":material/delete:",
                help=texts.remove(entry.title),
                type="tertiary",
                on_click=state.guarded(clips.remove),
                args=(visit, entry),
            )
            if entry.words > 1:
                st.button(
                    texts_of_clips.use_all_words(entry.words),
                    key=f"each-word-{entry.number}",
                    icon=":material/content_cut:",
                    help=texts_of_clips.EACH_WORD,
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
            st.badge(frame.promise(promise.name, kept=promise.kept), icon=icon, color=colour)
            st.markdown(f"**{promise.measured}**")
            st.caption(promise.meaning)
