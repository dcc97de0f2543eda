"""Page: one more word and both models' answers side by side, or a test of many words."""

import people
import streamlit as st
import texts
import widgets
from app_pages import personal_test, swap
from session import address, answers, clips, models, state
from session.shared import bundle, records
from session.state import Answers
from texts import clips as texts_of_clips
from texts import compare
from texts import people as texts_of_people

from vop_core import plots
from vop_core.evaluation.answers import Answer, changes
from vop_core.tasks.registry import TASKS

visit = state.current()
LIKELY = 4  # words that are offered as the true one
VIEWS = {
    compare.ONE_WORD: ":material/looks_one:",
    compare.TEST_ME: ":material/fact_check:",
    compare.SWAP_MODELS: ":material/swap_horiz:",
}
TALLY_WIDTH = 165  # pixels: two beside each other on a phone
FEWEST_TO_JUDGE = 20  # queries of a visit: below, the tally is called an impression


def recorded(widget: str) -> None:
    """A recording ended: it is the new query."""
    given = state.given(widget)
    if given is not None:
        name = texts_of_clips.recording(visit.queries_given + 1)
        clips.ask(visit, given.getvalue(), name, "recorded")


def uploaded(widget: str) -> None:
    """A file arrived: it is the new query, or one sentence says why not."""
    given = state.given(widget)
    if given is not None:
        clips.ask(visit, given.getvalue(), given.name, "uploaded")
        state.renew(visit, "query-file")


def borrow_form() -> None:
    """A clip of the bundled person whose clips were enrolled, or of any other."""
    left, middle, right = st.columns([5, 2, 3], vertical_alignment="bottom")
    person = widgets.choose_person(left, visit, "query-person", clips.borrowed_person(visit))
    number = middle.selectbox(
        texts.CLIP, range(1, len(person.query) + 1), key=widgets.key(visit, "query-number")
    )
    right.button(
        texts.ASK_BOTH_MODELS,
        icon=":material/hearing:",
        width="stretch",
        key="ask-bundled",
        on_click=state.guarded(clips.ask_bundled),
        args=(visit, person, number - 1),
    )
    widgets.whose(person, visit.environment)


def give_query() -> None:
    ways = [texts.RECORD, texts.UPLOAD_FILE, compare.BORROW_A_CLIP]
    # whoever borrowed a voice cannot go on in it with a microphone
    borrowing = clips.borrowed_person(visit) is not None
    record, upload, borrow = widgets.ways_to_give(
        ways, borrowing=borrowing, key=widgets.key(visit, "query-ways")
    )
    if record:
        with record:
            widgets.recorder(visit, compare.SAY_ONE_WORD, "query-microphone", recorded, ways[1:])
    with upload:
        widgets.uploader(
            visit,
            compare.ONE_FILE,
            state.widget_name(visit, "query-file"),
            uploaded,
            several=False,
        )
    with borrow:
        borrow_form()


def choose_word() -> None:
    """A recording of several words: which one is asked about, and the others to choose."""
    query = visit.query
    if query.recording is None:
        return
    chosen = st.pills(
        compare.which_of(query.words),
        range(1, query.words + 1),
        default=query.word_number or None,
        format_func=compare.word,
        key=widgets.key(visit, f"word-{query.number}"),
        wrap=True,
    )
    if chosen and chosen != query.word_number:
        clips.ask_word(visit, chosen)


def answer_card(column, model: str, who: str, icon: str, answered: Answer):
    """One model's word, how sure it is, and the runners-up; returns the places for whether it is
    right, and for what is known a moment later.
    """
    first, *others = answered.ranked(3)
    with column.container(
        border=True, height="stretch", key=f"answer-{model}-{visit.query.number}"
    ):
        st.markdown(f"{icon} {who}")
        st.markdown(f"## {first.label}")
        right = st.empty()
        st.markdown(texts.sure(first.probability))
        interval = st.empty()
        st.caption(texts.runners_up(others))
        return right, interval


def which_word(answered: Answers) -> str | None:
    """Asked of whoever said the word: one click where a model is right, two where none is."""
    number, labels = visit.query.number, bundle(visit.task).labels
    told = answers.true_word(visit)
    likely = [each.label for each in (answered.by_personal.best, answered.by_global.best)]
    likely += [each.label for each in answered.by_personal.ranked(LIKELY)]
    likely = list(dict.fromkeys(likely))[:LIKELY]
    chosen = st.pills(
        compare.WHICH_WORD,
        [*likely, texts.ANOTHER_WORD],
        format_func=lambda word: compare.SAID.get(word, word),
        default=(told if told in likely else texts.ANOTHER_WORD) if told else None,
        key=widgets.key(visit, f"truth-{number}"),
        wrap=True,
    )
    if chosen != texts.ANOTHER_WORD:
        return chosen
    return st.selectbox(
        compare.THE_WORD,
        labels,
        format_func=lambda word: compare.SAID.get(word, word),
        index=labels.index(told) if told and told not in likely else None,
        placeholder=compare.CHOOSE_THE_WORD,
        label_visibility="collapsed",
        key=widgets.key(visit, f"other-truth-{number}"),
    )


def ask_the_truth(answered: Answers) -> None:
    """The word, where a borrowed clip does not bring it; and what keeps the query from the
    tally.
    """
    query = visit.query
    if query.twin:
        st.warning(compare.twin(query.twin), icon=":material/content_copy:")
        return
    if query.seal is None:
        answers.tell(visit, which_word(answered))
    if answers.another_persons(visit):
        st.warning(
            compare.of_another(clips.speaker(visit, query.person), clips.speakers(visit)),
            icon=":material/group:",
        )
    word = answers.true_word(visit)
    if word and word not in bundle(visit.task).labels:
        st.caption(compare.no_such_word(word))


def ask_and_answer() -> None:
    """The query, and at once both answers; pictures and details follow them."""
    give_query()
    # below the tabs: above, it would shift them, and the browser would open the first again
    widgets.messages(visit)
    if visit.query is None:
        with st.container(border=True):
            st.header(compare.NO_QUERY, anchor=False)
            st.markdown(compare.one_more_word(records=records()))
        return
    if visit.query.task != visit.task:
        another_task()
        return
    choose_word()
    answered = answers.both(visit)
    st.header(compare.answers_to(visit.query.number), anchor=False)
    said, heard = st.columns([2, 1], gap="large")
    with said:
        columns = st.columns(2)
        place, _ = answer_card(
            columns[0], "global", compare.GLOBAL_MODEL, ":material/public:", answered.by_global
        )
        who = compare.personal_model(people.whose(visit), answered.shots)
        places = (
            place,
            *answer_card(columns[1], "personal", who, ":material/person:", answered.by_personal),
        )
        ask_the_truth(answered)
        say_who_is_right(answered, places[:2])
        widgets.switches(visit)
    answered = answers.with_draws(visit)  # after the answers, so that nobody waits for it
    places[2].markdown(compare.under_draws(answered.by_personal))
    with heard.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            widgets.clip_title(visit.query)
        widgets.clip_body(visit.query, f"query-{visit.query.number}")
    # columns of their own: on a phone the clip stands before the pictures
    pictures, moved = st.columns([2, 1], gap="large")
    with pictures:
        probabilities(answered)
        uncertainty(answered)
    with moved:
        what_changed(answered)
    running_tally()


def say_who_is_right(answered: Answers, places) -> None:
    """On each card whether it is right, and under them what the clips changed."""
    found, word = answers.judge(visit, answered), answers.true_word(visit)
    if word and not visit.query.twin:
        for place, answer in zip(places, (answered.by_global, answered.by_personal), strict=True):
            text, icon, colour = texts.judged(answer.best.label, word, bundle(visit.task).labels)
            place.badge(text, icon=icon, color=colour)
    st.markdown(texts.verdict(answered.by_global.best, answered.by_personal.best, found))


def another_task() -> None:
    """The task has changed since the query was asked: nothing is answered anew unasked."""
    before, now = TASKS[visit.query.task].title, TASKS[visit.task].title
    with st.container(border=True):
        st.header(compare.asked_before(visit.query.title), anchor=False)
        st.markdown(compare.of_another_task(before=before, now=now))
        st.button(
            compare.ASK_THESE_MODELS,
            icon=":material/hearing:",
            key="ask-again",
            on_click=state.guarded(clips.ask_again),
            args=(visit,),
        )


def probabilities(answered: Answers) -> None:
    """Side by side, label by label, with the controls if asked for."""
    st.header(compare.PROBABILITIES, anchor=False)
    with st.container(horizontal=True):
        controls = bool(visit.enrolled) and st.toggle(  # they are made like the enrolled clips
            compare.SHOW_CONTROLS,
            key=widgets.key(visit, "controls"),
            persist_state="session",
            help=compare.ABOUT_CONTROLS,
        )
        every = st.toggle(
            compare.ALL_WORDS, key=widgets.key(visit, "every"), persist_state="session"
        )
    others = answers.of_controls(visit) if controls else {}
    widgets.show(
        plots.probability_figure(
            answered.by_global,
            answered.by_personal,
            others,
            most=None if every else 6,
            true_label=answers.true_label(visit),
        ),
        "probabilities",
    )
    for method, other in others.items():
        name, meaning = texts.CONTROLS[method]
        st.caption(compare.of_control(name, other, meaning))


def what_changed(answered: Answers) -> None:
    """The labels whose probability moved most."""
    st.header(compare.WHAT_CHANGED, anchor=False)
    moved = changes(answered.by_global, answered.by_personal)
    if not moved:
        st.caption(compare.NOTHING_CHANGED)
    for change in moved:
        icon = ":material/trending_up:" if change.points > 0 else ":material/trending_down:"
        st.markdown(f"{icon} {compare.of_change(change)}")


def uncertainty(answered: Answers) -> None:
    """Total = aleatoric + epistemic, for both models."""
    st.header(compare.UNCERTAINTY, anchor=False)
    widgets.show(
        plots.uncertainty_figure(answered.by_global, answered.by_personal),
        "uncertainty",
    )
    st.caption(compare.of_uncertainty(answered.by_personal))


def running_tally() -> None:
    """How often each model was right in this visit, about these persons and for this task."""
    st.header(compare.TALLY, anchor=False)
    found = answers.tally(visit)
    heard = texts_of_people.heard(visit.environment)
    said = compare.of_tally(TASKS[visit.task].title, clips.speakers(visit), heard, len(found))
    if not found:
        st.caption(said)
        return
    with st.container(horizontal=True, gap="small"):
        for outcome, meaning in compare.OUTCOMES.items():
            st.metric(meaning, found.count(outcome), border=True, width=TALLY_WIDTH)
    st.caption(said)
    if len(found) < FEWEST_TO_JUDGE:
        st.caption(compare.AN_IMPRESSION)


st.title(texts.COMPARE, anchor=False)
st.markdown(compare.PROMISE)
people.choose(visit)
personal = models.personal(visit)
if people.of_another_task(visit):
    widgets.messages(visit)
elif personal is None:
    widgets.messages(visit)
    if visit.entries:
        widgets.switches(visit)
        widgets.none_on(visit)
    else:
        widgets.nothing_yet(compare.NO_MODEL)
else:
    address.begin_choice(visit, "view", widgets.key(visit, "view"), list(VIEWS))
    view = st.segmented_control(
        compare.WHAT_TO_COMPARE,
        list(VIEWS),
        format_func=lambda view: f"{VIEWS[view]} {view}",
        default=compare.ONE_WORD,
        required=True,
        key=widgets.key(visit, "view"),
        persist_state="session",
        label_visibility="collapsed",
        wrap=True,
    )
    address.keep_choice(visit, "view", view, list(VIEWS))
    if view == compare.SWAP_MODELS:
        widgets.messages(visit)
        swap.show(visit)
    elif view == compare.TEST_ME:
        personal_test.show(visit)
    else:
        ask_and_answer()
    st.divider()
    if personal.promises:
        st.header(compare.PROMISES, anchor=False)
        widgets.promise_badges(personal.promises)
    else:
        st.caption(texts_of_people.NOT_WATCHED)
