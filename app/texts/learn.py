"""The lecture in steps, as one table: what is said and asked, what each answer reveals where the
numbers say so, and notes for whoever presents. Names in braces are filled with numbers that were
computed, never typed.
"""

from dataclasses import dataclass

from vop_core.course.lesson import EnrollmentCost, TwinState
from vop_core.plots.style import percent
from vop_core.text import counted


@dataclass(frozen=True)
class Option:
    """A possible prediction, and what is revealed where it is the true one."""

    label: str
    reveal: str


@dataclass(frozen=True)
class Step:
    """One step of the lecture. Where numbers lack to say which option is true, none is."""

    key: str
    title: str
    text: str
    question: str
    options: tuple[Option, ...]
    minutes: int
    notes: str
    misconception: str


# every step
PREVIOUS = "Previous"
NEXT = "Next"
YOUR_PREDICTION = "Your prediction"
REVEAL = "Reveal"
NO_NUMBERS = "Nothing tells it here: this model or its card lacks the numbers."
PREDICTED = {  # whether it came true
    True: "You predicted it: **{predicted}**.",
    False: "You predicted **{predicted}**. It is otherwise.",
}
PRESENTER_NOTES = "Presenter notes"
KEYS = (
    "Page Down and Page Up turn the pages, and so does a clicker. Tab and Enter do the rest. While "
    "a slider has the focus, these keys are the slider's."
)
FIRST_PREDICT = "Predict first: the picture comes with the answer."

# single steps
EVERYBODY_HEARS = "Everybody's network hears"
CLIPS_HEARD = "Clips that are heard"
PRIOR_ALONE = "## a = 0: the prior alone"
POINT_TO_MOVE = "Point to move"
ADD_A_POINT = "Add a point"
REMOVE_THE_LAST = "Remove the last"
AXES = "What is heard, x", "Label, y"
BOUND_IN_NUMBERS = "The bound in numbers, nats"
GAINED = "points gained on everybody's network"
GAIN_MARKS = "One mark is a person; above them their mean, with its 95 % interval."
BUNDLED_PEOPLE = "bundled people"
BUNDLED_WRITERS = "bundled writers"
NEVER_HEARD = "people never heard"
DRAW_SOME = "Draw some yourself"
TWIN = (
    "Choose a point and click where it should go, or use the sliders. What each posterior expects "
    "is drawn as a line."
)
AVERAGE = (
    " Over {persons} people it never heard in training it gets {average} on average: an average "
    "hides whom it fails."
)
PEOPLE = (
    " Over {persons} people never heard in training, {shots} clips each, the gain is {gain} points "
    "of accuracy (95 % interval {low} to {high})."
)
LAST_LAYER = " For the last layer alone it is {head} times, but it needs the words too."
STRANGERS = (
    " One's own clips do {gain} points better than a stranger's (95 % interval {low} to {high}), "
    "so {verdict}."
)
PERSONAL = {  # verdict of own clips against a stranger's
    0: "what helps is personal",
    1: "nothing shows that what helps is personal",
    2: "a stranger's clips serve better",
}
GAINS = {  # rows of the figures over persons
    "own": "one's own clips",
    "own-samples": "one's own digits",
    "wrong-person": "a stranger's clips",
    "mean": "the mean weights",
    "draws": "the average of draws",
}
METHODS = {
    "vop": "VoP",
    "fine-tune-head": "Fine-tuning the last layer",
    "fine-tune-all": "Fine-tuning every layer",
}
HEARD = {0: "Everybody's", 1: "After 1 clip"}  # how many clips a network was made of
HEARD_AFTER = "After {shots} clips"
LABELS = {True: "yes", False: "no"}
MANY, SOME, FEW = "many", "some", "few"  # where a card has no number

# the last step
NOT_SHOWN = "What these numbers do not show"
YOUR_OWN_VOICE = "Now with your own voice"

STEPS = (
    Step(
        "everybody",
        "One network for everybody",
        "A network that hears spoken commands learned from **{trained} people** and is shipped to "
        "all. {name} was not among them. **Listen to one word, and to what the network makes of "
        "it.**",
        "{name} says {queries} words. How many does everybody's network get right?",
        (
            Option("Nine in ten, or more", "{right} of {queries}.{average}"),
            Option("Six to nine in ten", "{right} of {queries}.{average}"),
            Option("Fewer than six in ten", "{right} of {queries}.{average}"),
        ),
        4,
        "Play the clip twice before you ask. The person is the app's own example, chosen because "
        "there should be most to see; step 8 counts everybody, so say so now.",
        "“The network is bad.” It is not: on average it does well. It is one network for many "
        "voices.",
    ),
    Step(
        "clips",
        "A few clips of this person",
        "{name} now says a few other words. Nobody says which words they are, and nothing is "
        "trained: the network reads the clips once, and **{weights} of its weights** become a "
        "person's own.",
        "After how many clips is the word “{word}” heard right?",
        (
            Option("None: at once", "Everybody's network hears it right: here nothing is to gain."),
            Option("1 clip", "The word is heard right after 1 clip."),
            Option("3 clips", "The word is heard right after 3 clips."),
            Option("5 clips", "It takes 5 clips until the word is heard right."),
            Option("Not even after 5", "Not even 5 clips help with this word."),
        ),
        4,
        "Let the room vote by hands. Point at the counts over all words below each answer: one "
        "word is a story, the counts are the evidence. The word is the first that 3 clips put "
        "right, where there is one; so the story is chosen, and the counts are not.",
        "“The network learns the enrolled words.” It never gets their labels, and the word asked "
        "about need not be among them: what it reads is the voice.",
    ),
    Step(
        "gaussian",
        "A weight is a bell curve",
        "VoP gives a weight no single value. It says **where the weight lies, and how sure that "
        "is**. Dashed: for anybody, before any clip. That is the *prior*. After the clips it is "
        "the *posterior*.",
        "Three clips are heard. What becomes of the curve of which they say most?",
        (
            Option("It moves", "It moves by {moved} prior widths and keeps {width} of its width."),
            Option(
                "It gets narrower",
                "It keeps {width} of its width and moves by {moved} prior widths only.",
            ),
            Option(
                "It moves and gets narrower",
                "It moves by {moved} prior widths, and keeps {width} of its width.",
            ),
            Option("Neither", "It keeps {width} of its width and moves by {moved} prior widths."),
        ),
        5,
        "Read the picture aloud: dashed is everybody, thin curves are what each clip says alone, "
        "solid is all of them together. Of all weights, the clips say most of this one.",
        "“The curve shows how the weight varies between clips.” It shows what is not known about "
        "one fixed weight of one person.",
    ),
    Step(
        "shrinkage",
        "Trust grows with clips",
        "How far should a few clips move a weight? VoP takes the share **a = n / (n + n₀)** of "
        "what *n* clips show. Training learned *n₀*: how many clips the prior is worth.",
        "One clip is heard. How much of what it shows is taken?",
        (
            Option(
                "More than half",
                "{one}: the prior is worth {prior} clips. **Switch clips on and off.**",
            ),
            Option(
                "A fifth to a half",
                "{one}: the prior is worth {prior} clips. **Switch clips on and off.**",
            ),
            Option(
                "Less than a fifth",
                "Only {one}: the prior is worth {prior} clips. **Switch clips on and off.**",
            ),
        ),
        5,
        "Switch all clips off, then on one by one, and let the room say a before it appears. This "
        "is the average of school statistics, pulled towards everybody: shrinkage.",
        "“More clips move the weight further.” They make the share larger. If the clips agree with "
        "the prior, the weight hardly moves.",
    ),
    Step(
        "one-weight",
        "A world where the truth is known",
        "A toy person with one weight *w*. **Each point is a clip**: what is heard, and its label. "
        "Here the true posterior can be computed, and held against two that maximise the ELBO: "
        "*optimised* for this person, *amortised* as one rule for everybody.",
        "A point is moved straight up: its label changes, its sound does not. Which posterior "
        "stays where it is?",
        (
            Option("The exact one", "The exact one stays where it is."),
            Option(
                "The amortised one",
                "The amortised one: it reads what is heard, and **never a label**. So nobody has "
                "to tell their words, and a gap to the evidence remains.",
            ),
            Option("The optimised one", "The optimised one stays where it is."),
        ),
        8,
        "Move point 3 up and down, then left and right. ELBO = expected log-likelihood − KL: read "
        "both numbers aloud while you move, and show that no bar ends before the dashed line. The "
        "amortised posterior is the best possible rule, worked out; a trained network would stay "
        "behind it.",
        "“The KL should be zero.” Then q would say no more than the clips do, and could not fit "
        "the labels. The bound trades one for the other.",
    ),
    Step(
        "two-weights",
        "Two weights that hang together",
        "Now two weights shape the label in nearly the same way: if one is larger, the other may "
        "be smaller. The true posterior is a **tilted** ellipse. VoP's Gaussian is *mean-field*: "
        "every weight for itself, so its ellipses cannot tilt.",
        "The best mean-field ellipse for a tilted truth: how wide is it?",
        (
            Option(
                "As wide as the truth",
                "As wide: the first weight's standard deviation is {width} of the true one, and "
                "the gap is {gap} nats.",
            ),
            Option(
                "Too narrow",
                "Too narrow: the first weight's standard deviation is {width} of the true one. "
                "Independence costs {gap} nats that no optimiser gets back.",
            ),
            Option(
                "Too wide",
                "Too wide: the first weight's standard deviation is {width} of the true one, and "
                "the gap is {gap} nats.",
            ),
        ),
        6,
        "Put two points far apart, left and right, and watch the tilt. Then compare with the step "
        "before: there the optimised posterior reached the evidence, here it cannot.",
        "“Narrow is good.” A mean-field posterior is narrower because it ignores that weights hang "
        "together, and not because it knows more.",
    ),
    Step(
        "cost",
        "One forward pass",
        "Fine-tuning also makes a network personal: it is told the words, and takes gradient "
        "steps. VoP reads the same {clips} clips once. Work is counted in multiply-accumulates.",
        "Fine-tuning every layer takes how many times the work of VoP?",
        (
            Option(
                "About the same",
                "{times} times.{rest}",
            ),
            Option(
                "Two to ten times",
                "{times} times.{rest}",
            ),
            Option(
                "More than ten times",
                "{times} times.{rest}",
            ),
        ),
        4,
        "Be fair to fine-tuning: the last layer alone costs hardly more than VoP, since clips are "
        "embedded once. What it needs is labels: somebody must say which words they were.",
        "“VoP is fast because it is small.” It is fast because the work was done before: training "
        "taught one network what gradient steps would do.",
    ),
    Step(
        "everyone",
        "Does it help?",
        "One person was a story, and a chosen one. Now all **{all} bundled people** enroll {clips} "
        "clips each and are asked all their other words.",
        "For how many is the personal network right more often than everybody's?",
        (
            Option(
                "For most of them",
                "For {won}; less often for {lost}, as often for {unchanged}.{people}",
            ),
            Option(
                "For a minority, but more than lose",
                "For {won}; less often for {lost}, as often for {unchanged}.{people}",
            ),
            Option(
                "For no more than lose",
                "For {won}; less often for {lost}, as often for {unchanged}.{people}",
            ),
        ),
        5,
        "Most people end where they began: everybody's network already served them. Ask who would "
        "ship this, and what they would need to know about those who lose.",
        "“It helps on average, so it helps.” An average can hide people who are harmed. Look for "
        "the points left of the line.",
    ),
    Step(
        "stranger",
        "The wrong person's clips",
        "Perhaps any clips would do. So the same network is enrolled with **a stranger's clips**, "
        "saying the same words where there are such, and asked about the person again.",
        "A stranger's clips: what are they worth, against everybody's network?",
        (
            Option("A gain", "A gain of {gain} points ({low} to {high}).{strangers}"),
            Option(
                "No difference is shown",
                "{gain} points, and the 95 % interval, {low} to {high}, holds zero.{strangers}",
            ),
            Option("A loss", "{gain} points ({low} to {high}).{strangers}"),
        ),
        4,
        "This is the control that makes the claim a claim: only what one's own clips do beyond a "
        "stranger's is personal.",
        "“The interval holds zero, so there is no difference.” It says that these people do not "
        "show one.",
    ),
    Step(
        "hand",
        "Not only voices",
        "Nothing in this was about sound. {writer} wrote these {clips} digits, and all of them are "
        "**{seen}**. The same method reads them once, and a network that reads digits becomes a "
        "person's own.",
        "For how many of {writers} writers does it read more digits right than everybody's?",
        (
            Option(
                "For most of them",
                "For {won}; fewer for {lost}, as many for {unchanged}. The gain is {gain} points "
                "(95 % interval {low} to {high}).",
            ),
            Option(
                "For a minority, but more than lose",
                "For {won}; fewer for {lost}, as many for {unchanged}. The gain is {gain} points "
                "(95 % interval {low} to {high}).",
            ),
            Option(
                "For no more than lose",
                "For {won}; fewer for {lost}, as many for {unchanged}. The gain is {gain} points "
                "(95 % interval {low} to {high}).",
            ),
        ),
        4,
        "Say that this way of reading opens the page Hands because it was chosen to, and hold "
        "beside it what Decide says of clean digits. A room without microphones can draw there "
        "instead of speaking: let somebody try.",
        "“It learned this person's handwriting.” It read a few digits, and moved scales and shifts "
        "to where such ink lies.",
    ),
    Step(
        "claim",
        "Is it you?",
        "Speaker verification asks not what was said but **who** said it: a score, and a threshold "
        "above which a claim is believed. On Speech Commands' people one was chosen, to let "
        "{alarms} of others pass. Now callers claim to be themselves, **by telephone**.",
        "It refuses {home} of true claims at home. How many of the callers'?",
        (
            Option("As many, or fewer", "{away}, against {home} at home.{weights}"),
            Option("Up to twice as many", "{away}, against {home} at home.{weights}"),
            Option("More than twice as many", "{away}, against {home} at home.{weights}"),
        ),
        4,
        "A threshold is a decision, and it belongs to the people it was chosen on. Show Verify: "
        "enroll somebody, let a neighbour claim. A recording that is played back is not told from "
        "a person: say so.",
        "“The score is a probability.” It is a cosine; only a threshold with its errors says what "
        "a score is worth.",
    ),
    Step(
        "width",
        "What the width is worth",
        "A posterior is more than its mean. Textbooks answer with the **average over many draws** "
        "of the weights. The app answers with the mean weights, in one pass.",
        "Averaging over draws: what does it do to accuracy?",
        (
            Option("It helps", "{gain} points against the mean weights ({low} to {high})."),
            Option(
                "No difference is shown",
                "{gain} points against the mean weights, and the 95 % interval, {low} to {high}, "
                "holds zero.",
            ),
            Option(
                "It harms",
                "{gain} points against the mean weights ({low} to {high}): with so few clips, "
                "draws are wider than the answers can bear. The width is not shown to be worth "
                "anything for accuracy.",
            ),
        ),
        5,
        "End honestly. What was shown: a gain that is personal, without labels and gradient steps. "
        "What was not: that the width helps answers. Then let somebody from the room enroll.",
        "“Bayesian means better calibrated.” Only a measurement says so; the Posterior page shows "
        "what was measured.",
    ),
)


def step_of(number: int, count: int) -> str:
    """Where one is."""
    return f"**Step {number} of {count}**"


def minutes(count: int, notes: str) -> str:
    """For whoever presents: how long a step takes, and what to do."""
    return f"**About {counted(count, 'minute')}.** {notes}"


def may_think(misconception: str) -> str:
    """For whoever presents: what is easily misunderstood."""
    return f"**Somebody may think:** {misconception}"


def says(name: str) -> str:
    """Whose word is played."""
    return f"{name} says"


def words_right(right: int, words: int) -> str:
    """How many words a network gets right."""
    return f"{right} of {words} words right"


def clip(number: int) -> str:
    """A clip in a picture."""
    return f"clip {number}"


def share_taken(clips: int, prior_clips: float, share: float) -> str:
    """The formula of the share, with its numbers."""
    return f"## a = {clips} / ({clips} + {prior_clips:.1f}) = {percent(share)}"


def bound(found: TwinState, name: str) -> dict[str, str]:
    """A line for a posterior: the parts of its bound on the evidence."""
    each = found.bounds[name]
    return {
        "posterior": name,
        "expected log-likelihood": f"{float(each.expected_log_likelihood):.2f}",
        "− KL": f"{float(each.kl):.2f}",
        "= ELBO": f"{float(each.elbo):.2f}",
        "evidence": f"{found.evidence:.2f}",
        "gap": f"{found.gap(name):.2f}",
    }


def cost(name: str, found: EnrollmentCost) -> dict[str, str | int]:
    """A line for a way to enroll."""
    return {
        "": METHODS[name],
        "multiply-accumulates, millions": f"{found.multiply_accumulates / 1e6:,.0f}",
        "gradient steps": found.gradient_steps,
        "labels needed": LABELS[found.labels],
    }


def of_point(axis: str, number: int) -> str:
    """A slider."""
    return f"{axis}, of point {number}"


def digit_that_enrolls(number: int) -> str:
    """A picture, for whoever does not see it."""
    return f"Digit {number} that enrolls"


def signed(points: float) -> str:
    """Points with their sign."""
    return f"{points:+.1f}".replace("-", "\N{MINUS SIGN}")
