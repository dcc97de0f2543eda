"""Page: one more word, and both models' answers side by side."""

import session
import streamlit as st
import widgets

from vop_core import plots
from vop_core import visit as computing

state = session.visit()
CONTROLS = {
    "vop-zero": ("Prior mean", "Your model without any clip: what personalization starts from."),
    "vop-wrong-person": (
        "Wrong person",
        "Made with another synthetic person's clips: a gain here is not about you.",
    ),
    "vop-mixed": ("Mixed persons", "Every clip from another synthetic person."),
    "vop-noise": ("Noise", "Your clips' level and spectrum with the speech scrambled away."),
}
OUTCOMES = {
    "won": "Only yours right",
    "lost": "Only the global right",
    "both right": "Both right",
    "both wrong": "Both wrong",
}


def recorded(widget: str) -> None:
    """A recording ended: it is the new query."""
    given = session.given(widget)
    if given is not None:
        state.refusals.clear()
        session.ask(state, given.getvalue(), f"recording {state.queries_given + 1}", "recorded")


def uploaded(widget: str) -> None:
    """A file arrived: it is the new query, or one sentence says why not."""
    given = session.given(widget)
    if given is not None:
        state.refusals.clear()
        session.ask(state, given.getvalue(), given.name, "uploaded")
        session.renew(state, "query-file")


def borrow_form() -> None:
    """A clip of the bundled person whose clips were enrolled, or of any other."""
    left, middle, right = st.columns([5, 2, 3], vertical_alignment="bottom")
    person = widgets.choose_person(left, state, "query-person", session.borrowed_person(state))
    number = middle.selectbox("Clip", range(1, len(person.query) + 1), key=widgets.key(state, "query-number"))
    right.button(
        "Ask both models",
        icon=":material/hearing:",
        width="stretch",
        key="ask-bundled",
        on_click=session.ask_bundled,
        args=(state, person, number - 1),
    )


def give_query() -> None:
    record, upload, borrow = st.tabs(
        [
            ":material/mic: Record",
            ":material/upload_file: Upload a file",
            ":material/smart_toy: Borrow a synthetic clip",
        ]
    )
    with record:
        widgets.recorder(state, "Say one word", "query-microphone", recorded)
    with upload:
        widgets.uploader(
            state,
            "One word of the same person",
            session.widget_name(state, "query-file"),
            uploaded,
            several=False,
        )
    with borrow:
        borrow_form()


def choose_word() -> None:
    """A recording of several words: which one is asked about, and the others to choose."""
    query = state.query
    if query.recording is None:
        return
    chosen = st.pills(
        f"{query.words} words in this recording: ask about",
        range(1, query.words + 1),
        default=query.word_number or None,
        format_func=lambda number: f"Word {number}",
        key=widgets.key(state, f"word-{query.number}"),
    )
    if chosen and chosen != query.word_number:
        session.ask_word(state, chosen)


def answer_card(column, model: str, who: str, icon: str, answered: computing.Reply):
    """One model's word, how sure it is, and the runners-up; returns the place for what is known a
    moment later.
    """
    first, *others = computing.ranked(answered.answers, most=3)
    with column.container(border=True, height="stretch", key=f"answer-{model}-{state.query.number}"):
        st.markdown(f"{icon} {who}")
        st.markdown(f"## {first.label}")
        st.markdown(f"**{plots.percent(first.probability)}** sure")
        place = st.empty()
        st.caption("Then " + ", ".join(f"{other.label} {plots.percent(other.probability)}" for other in others))
        return place


def verdict(answered: session.Replies) -> None:
    """What personalization changed, in one sentence."""
    before, after = answered.by_global.best, answered.by_personal.best
    if before.label != after.label:
        st.markdown(f":material/swap_horiz: **Your clips changed the answer** from {before.label} to {after.label}.")
        return
    points = 100 * (after.probability - before.probability)
    if abs(points) < 0.5:
        st.markdown(":material/drag_handle: **Same answer**, as sure as before.")
    else:
        surer = "surer" if points > 0 else "less sure"
        st.markdown(f":material/drag_handle: **Same answer**, {abs(points):.1f} points {surer} with your clips.")


def ask_and_answer() -> None:
    """The query, and at once both answers; pictures and details follow them."""
    give_query()
    widgets.messages(state)  # below the tabs: above, it would shift them, and the browser would open the first again
    if state.query is None:
        with st.container(border=True):
            st.markdown("#### No query yet\nSay one more word, and the global model and yours answer side by side.")
        return
    choose_word()
    answered = session.replies(state)
    st.subheader(f"Answers to query {state.query.number}", anchor=False)
    said, heard = st.columns([8, 3])
    with said:
        columns = st.columns(2)
        everybody = "**Global model**, the same for everybody"
        answer_card(columns[0], "global", everybody, ":material/public:", answered.by_global)
        who = f"**Your model**, from {widgets.counted(answered.shots, 'clip')}"
        place = answer_card(columns[1], "personal", who, ":material/person:", answered.by_personal)
        verdict(answered)
    answered = session.add_draws(state)  # after the answers, so that nobody waits for it
    best = answered.by_personal.best
    low, high = plots.percent(best.lower), plots.percent(best.upper)
    place.markdown(f"95 % of {answered.by_personal.draws} draws of its weights: {low} to {high}")
    with heard.container(border=True):
        widgets.clip_body(state.query, f"query-{state.query.number}")
    left, right = st.columns([7, 5], gap="large")
    with left:
        probabilities(answered)
    with right:
        what_changed(answered)
        doubt(answered)
    running_tally(answered)


def probabilities(answered: session.Replies) -> None:
    """Side by side, label by label, with the controls if asked for."""
    st.markdown("#### Probabilities side by side")
    with st.container(horizontal=True):
        controls = st.toggle(
            "Show the controls",
            key=widgets.key(state, "controls"),
            persist_state="session",
            help="Models made with the wrong clips: a gain that they share is not personal.",
        )
        every = st.toggle("All words", key=widgets.key(state, "every"), persist_state="session")
    others = session.control_replies(state) if controls else {}
    widgets.show(
        plots.probability_figure(
            answered.by_global.answers,
            answered.by_personal.answers,
            {method: other.answers for method, other in others.items()},
            most=None if every else 6,
            true_label=state.query.counted,
        ),
        "probabilities",
    )
    for method, other in others.items():
        name, meaning = CONTROLS[method]
        st.caption(f"**{name}**: {other.best.label}, {plots.percent(other.best.probability)}. {meaning}")


def what_changed(answered: session.Replies) -> None:
    """The labels whose probability moved most."""
    st.markdown("#### What changed")
    moved = computing.changes(answered.by_global.answers, answered.by_personal.answers)
    if not moved:
        st.caption("No word by as much as half a percentage point.")
    for change in moved:
        icon = ":material/trending_up:" if change.points > 0 else ":material/trending_down:"
        points = f"{change.points:+.1f}".replace("-", "\N{MINUS SIGN}")
        before, after = 100 * change.before, 100 * change.after
        st.markdown(f"{icon} **{change.label}** {points} points: {before:.1f} % → {after:.1f} %")


def doubt(answered: session.Replies) -> None:
    """Total = aleatoric + epistemic, for both models."""
    st.markdown("#### Where the doubt comes from")
    widgets.show(
        plots.uncertainty_figure(
            answered.by_global.doubt, answered.by_personal.doubt, labels=len(answered.by_global.answers)
        ),
        "uncertainty",
    )
    own = answered.by_personal.doubt
    st.caption(
        f"Your model: {own.total:.2f} nats in total, {own.aleatoric:.2f} aleatoric (the sound) and "
        f"{own.epistemic:.2f} "
        f"epistemic (the weights), from {answered.by_personal.draws} draws. The global model has one "
        f"set of weights: "
        "it cannot disagree with itself, and all its doubt counts as aleatoric."
    )


def running_tally(answered: session.Replies) -> None:
    """This visit's score needs the true word: known for synthetic clips, asked for otherwise."""
    st.markdown("#### Tally of this visit")
    if state.query.twin:
        session.count(state, answered, None)
        st.caption(
            f"This is the recording of **{state.query.twin}**, which made your model: its answer shows "
            "nothing about new words, so it is not counted."
        )
    elif state.query.seal is not None:
        word = session.true_word(state)
        known = word in session.bundle(state.task).labels
        session.count(state, answered, word if known else None)
        st.caption(
            f"The word was **{word}**, known because the clip is synthetic."
            + ("" if known else " This model has no such word, so it is not counted.")
        )
    else:
        said = st.selectbox(
            "Which word did you say? (optional; it only counts here)",
            session.bundle(state.task).labels,
            index=None,
            placeholder="Choose the word to count this query",
            key=widgets.key(state, f"truth-{state.query.number}"),
        )
        session.count(state, answered, said)
    if not state.trials:
        st.caption("No query with a known word yet.")
        return
    counts = computing.tally(list(state.trials.values()))
    for column, (outcome, meaning) in zip(st.columns(4), OUTCOMES.items(), strict=True):
        column.metric(meaning, counts[outcome], border=True)
    if len(state.trials) < 20:
        st.caption(
            f"{widgets.counted(len(state.trials), 'query')} in this visit: an impression, not a measurement. "
            "Measured results, over whole groups of people, stand on the Posterior page."
        )


st.title("Compare", anchor=False)
st.markdown("One more word, two answers: the **global** model that everybody gets, and the one **your clips** made.")
personal = session.personal(state)
if personal is None:
    widgets.messages(state)
    widgets.nothing_yet("There is no personal model to compare with yet: it takes one clip, better three.")
else:
    ask_and_answer()
    st.divider()
    st.markdown("#### Four promises, checked while your model was made")
    widgets.promise_badges(personal.promises)
