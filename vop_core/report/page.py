"""The bench as one HTML page that works offline: tables, figures, legend, settings.

It follows the reader's light or dark colours. Figures need plotly.js beside it, which ``vop report`` takes from the
installed package: other people's code is not committed. Without it the page says so where a figure would be.
"""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from vop_core import plots
from vop_core.evaluation.plan import CLOSED, OPEN
from vop_core.report import tables as text
from vop_core.report.findings import short_answers
from vop_core.report.page_style import SCRIPT, STYLE
from vop_core.report.scoreboard import WHY_NO_MAGNITUDES
from vop_core.report.tables import TextTable

PAPER = "paper"
LINES_SHOWN = 8  # in a figure with a line for each method; the others wait in its legend
LONG_CELL = 26  # characters
SHOWN_FIRST = ("global", "vop", "film-hypernetwork", "adabn")
LIBRARY = "plotly.min.js"

INTRODUCTION = (
    "A network that recognises spoken words is trained once, for everybody. A new person gives a few recordings; what "
    "is that worth? Each method below uses them in its own way. All start from the same trained checkpoint of the same "
    "encoder, get the same further training steps where they are trained at all, and answer the same clips of the same "
    "persons. Every person is tested by a model that never heard them (open set); persons of the training are tested "
    "on recordings that were held out (closed set)."
)
CONTROLS = (
    "A gain over global is not yet personalization: the extra branch may regularize, and any clips may do. So each "
    "method that reads clips is also enrolled with other persons' clips (wrong person), with a mixture of persons, "
    "and, where it can, with none. What is lost then needs the right person. It is a gain only where own clips beat "
    "global and the prior as well, since other persons' clips can do harm."
)
LEGEND: tuple[tuple[str, str], ...] = (
    ("person, clip", "One speaker; one recorded word. Enrollment clips are a person's few clips that personalize."),
    ("open set, closed set", "Persons never heard in training; persons of the training, with takes held out."),
    ("global", "One set of weights for everybody, trained as long as every other method."),
    ("reads", "What of a person a method is given: nothing, unlabeled clips, labels too, gradient steps on them."),
    ("starts from", "Trained on from the fold's checkpoint, or made of global as it is, without more training."),
    ("accuracy", "Share of query clips answered rightly: mean over persons, of episodes, folds and seeds within each."),
    (
        "shown",
        "The interval leaves 0 out, and the sign-flip test agrees, by Holm's rule where several are asked the same.",
    ),
    (
        "− global",
        "Paired difference to global in points, over the same persons, episodes, folds and seeds. A method made of "
        "global is compared with the very weights it was made of; where a later sitting had to train them again, these "
        "are not the row global's.",
    ),
    ("p (Holm)", "Sign-flip permutation test over persons, adjusted for all methods of the table by Holm's rule."),
    ("right − wrong", "Own clips minus other persons' clips of the same words: what is lost with the wrong person."),
    ("own − mixed", "Own clips minus a mixture in which every clip is another person's."),
    ("personal gain", "Own clips minus the best of global, mixed and the prior (where the method has one)."),
    ("gain, any", "The same without the choice: from the lowest to the highest bound against each of them."),
    (
        "regularization, personalization, whole, further training",
        "Control − global; own − control; both together; global − checkpoint, where that was scored. A control below "
        "global is harm done by other persons' clips: personalization is then no gain over global.",
    ),
    ("control", "Whose clips enroll in place of the person's: mixed, wrong person, prior, noise."),
    ("prior, noise", "No enrollment clip at all; noise with the level and spectrum of the person's clips."),
    ("worst decile", "Mean accuracy of the worst tenth of persons, at least of one."),
    (
        "harmed",
        "Persons whose own interval of method − global, over their clips, lies below 0; by chance one in forty.",
    ),
    ("NLL, Brier", "Negative log-likelihood in nats; squared distance to the truth, 0 to 2. Lower is better."),
    ("ECE", "Expected calibration error in equal bins of confidence, mean over persons; pooled: all clips together."),
    ("AURC", "Mean error over all shares of clips answered, the surest first. Lower is better."),
    (
        "AUROC, FPR95",
        "Keywords against words never taught: ranking; share of those passed when 95 % of keywords are. Untaught words "
        "are clips of another data set: other microphones, rooms and persons as well.",
    ),
    (
        "detection",
        "Keywords answered rightly, above the confidence that a given share of untaught words reaches; the threshold "
        "is each person's and method's own, after enrollment.",
    ),
    ("draws", "Answers averaged over so many draws of the weights, beside those of the mean weights."),
    (
        "KL, sd / prior sd, spread between persons, active units",
        "Nats from posterior to prior; posterior width over the prior's; standard deviation over persons of the "
        "posterior's mean; numbers of the code whose mean tells persons apart. Verdict: neither prior nor point mass.",
    ),
    (
        "before, after, change, all others",
        "Outliers of global on the takes that did not choose them: under global, under the method, the difference, "
        "and that of everybody else.",
    ),
    (
        "as recorded, channel, person",
        "Enrolled from clips that did not come through the queries' channel; own through it − own as recorded; right − "
        "wrong person. The added channel lies over each person's own microphone and room, which stay.",
    ),
    ("published order", "A difference of the paper's table, and whether ours has its sign: see above that table."),
    ("coverage", "How often the smallest set of labels worth 90 % holds the right one."),
    (
        "width, Pareto k",
        "A person's mean posterior sd against that person's error, ranks within a run. Pareto k of the weights that "
        "turn the posterior into the one that has seen the labels: above 0.7 it misses part of that one.",
    ),
    (
        "parameters",
        "The encoder's; what a method adds to them and trains. What it keeps besides, as Laplace its covariance, is "
        "not counted.",
    ),
    ("MACs", "Multiply-accumulates of one answer of one second of sound."),
    ("bytes a person, gradient steps", "What must be kept of a person; updates that enrollment takes."),
    ("completeness, result files", "Folds and seeds there are; the hash in each file's name."),
    ("answer cost", "Multiply-accumulates of one personal answer over those of the bare encoder."),
    ("enrollment, passes", "Time to enroll five clips, in forward passes of one clip, on one thread."),
)
ABLATION_LEGEND: tuple[tuple[str, str], ...] = (
    ("vop", "The recipe: each other row changes one thing of it."),
    ("conditioning self, mixture", "The clip that is classified makes its own weights, always or half the time."),
    (
        "layers ...",
        "Which weights are personal: film, scale and shift of a channel or of each band, pointwise, classifier.",
    ),
    ("code 4, code 64", "Length of the personality code, from which the weights are generated; the recipe has 16."),
    ("replace", "Generated weights replace the global ones instead of being added to them."),
    ("diagonal", "Each personal weight has a Gaussian of its own; no code."),
    (
        "prior fixed, prior scale ...",
        "The prior's mean is zero, not learned; its standard deviation is that many times as large.",
    ),
    ("prior conditional", "The prior's mean moves with the person's own normalisation statistics: p(w|x)."),
    (
        "beta ...",
        "Weight of the KL; 1 is the bound. Without annealing it does not rise from 0; free bits are not charged for.",
    ),
    ("sigma 0, beta 0", "No Gaussian: the code is a point, and nothing is charged for it."),
    (
        "average parameters, product of experts, bayes fusion",
        "How several clips' evidence becomes one posterior; the recipe pools features.",
    ),
    ("no person loss", "Without the auxiliary loss that pulls a person's clips together."),
    ("log-mel evidence", "A trunk of its own on the log-mels, instead of the encoder's statistics."),
    ("means not spread", "The means of the code are not normalised over persons."),
    ("fast, units may die", "Trained as before the hyper-personalizer's repair."),
    ("no virtual persons", "Clips as they are, for VoP and for its own global alike."),
    (
        "labeled samovar, samovar ... from scratch",
        "SAMOVAR writes the classifier itself, not what is added to it; beta is the price of its KL.",
    ),
)
HOW_TO_READ = (
    "An interval is for the mean over persons: made so that, with other persons of the same kind, it would hold the "
    "true mean 95 times in 100. From 12 persons on it is a bootstrap over persons; below, differences have an exact "
    "sign-flip interval from 6 persons on, and Student's t otherwise. A difference whose interval includes 0 is not "
    "established, and of twenty methods without any effect one has an interval that leaves 0 out: where several are "
    "asked the same, p (Holm) decides what is called shown. Overlapping intervals of two "
    "accuracies say little; look at the interval of their paired difference."
)


def bench_page(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole page, from the summaries of the suites."""
    page = _Page()
    page.add("<h1>On-the-fly personalization: every method, one protocol</h1>")
    page.add(f"<p>{INTRODUCTION}</p><p>{CONTROLS}</p>")
    page.add(f"<h2>How to read an interval</h2><p>{HOW_TO_READ}</p>")
    page.add(_contents(summaries))
    page.add(_short(summaries))
    for suite, content in summaries.items():
        for dataset, table in content["datasets"].items():
            page.add(f'<h2 id="{_anchor(suite, dataset)}">{escape(dataset)}, suite {escape(suite)}</h2>')
            _dataset(page, content, table, whole=suite == PAPER)
    page.add('<h2 id="legend">Legend</h2>' + _legend())
    page.add('<h2 id="settings">Settings, folds and seeds</h2>')
    for suite, content in summaries.items():
        for table in content["datasets"].values():
            page.add(_settings(suite, table))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>VoP bench</title><style>{STYLE}</style>\n"
        f'<script src="{LIBRARY}"></script>\n</head>\n'
        f"<body><main>\n{page.body}\n</main>\n<script>{SCRIPT}</script></body></html>\n"
    )


def plotting_library() -> str:
    """plotly.js as the plotly package brings it: the page must work without a connection."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


class _Page:
    """Pieces of HTML in their order; figures are numbered."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.figures = 0

    @property
    def body(self) -> str:
        return "\n".join(self.pieces)

    def add(self, html: str) -> None:
        self.pieces.append(html)

    def table(self, table: TextTable) -> None:
        """A table with its title and note; only the note where it has no line."""
        if table.lines or table.note:
            self.add(html_table(table))

    def figure(self, title: str, figure: go.Figure) -> None:
        """A figure with its words; nothing where it has no mark."""
        if not figure.data:
            return
        self.figures += 1
        name, alt = f"figure-{self.figures}", escape(plots.text_alternative(figure), quote=True)
        figure.layout.template = go.layout.Template()  # the page brings its own colours
        drawn = json.dumps(figure.to_plotly_json(), ensure_ascii=False, allow_nan=False, default=list)
        drawn = drawn.replace("</", "<\\/")  # no name may end the script
        self.add(
            f'<figure><figcaption>{escape(title)}</figcaption><div class="figure" id="{name}" role="img" '
            f'aria-label="{alt}" style="height:{figure.layout.height}px"></div>'
            f'<script type="application/json" data-for="{name}">{drawn}</script></figure>'
        )


def html_table(table: TextTable) -> str:
    """A table, escaped; its first column stays in view."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    lines = "".join(
        "<tr>" + _cell(line[0], 'th scope="row"') + "".join(map(_cell, line[1:])) + "</tr>" for line in table.lines
    )
    body = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return f"<h4>{escape(table.title)}</h4>{body if table.lines else ''}{note}"


def _cell(content: str, tag: str = "td") -> str:
    """Numbers stay on one line, sentences do not."""
    kind = ' class="words"' if len(content) > LONG_CELL else ""
    return f"<{tag}{kind}>{escape(content)}</{tag.split()[0]}>"


def _dataset(page: _Page, content: Mapping[str, Any], table: Mapping[str, Any], *, whole: bool) -> None:
    """One data set: the main tables, and for the paper's suite all of it."""
    reads = {method["variant"]: method["reads"] for method in table["methods"]}
    shown = _lines_shown(table)
    for set_name in (OPEN, CLOSED):
        rows = text.rows_of(table, set_name)
        if not rows:
            continue
        page.table(text.headline_table(table, set_name))
        page.figure(f"Difference to global, {text.SETS[set_name]}", plots.forest_figure(rows, reads))
        page.table(text.control_table(table, set_name))
        page.figure(f"Whose clips enrolled, {text.SETS[set_name]}", plots.control_figure(rows))
        page.table(text.probability_table(table, set_name, content))
        if set_name == OPEN:
            page.figure(
                "Confidence and right answers, unknown persons",
                plots.reliability_figure(table["reliability"], shown=shown),
            )
    if table["comparisons"]:
        page.table(text.comparison_table(table))
    page.table(text.curve_table(table))
    page.figure("Accuracy of unknown persons by number of clips", plots.shots_figure(table["curves"], shown=shown))
    page.table(text.curve_table(table, "versus_global"))
    if whole:
        _further(page, table, shown)
    page.table(text.changes_table(table))
    page.table(text.channel_table(table))
    page.table(text.draws_table(table))
    page.table(text.posterior_table(table))
    page.table(text.width_table(table))
    page.table(text.cost_table(table))
    page.figure(
        "What enrollment costs and brings, unknown persons",
        plots.cost_figure(text.rows_of(table, OPEN), table["methods"]),
    )


def _further(page: _Page, table: Mapping[str, Any], shown: Sequence[str] | None) -> None:
    page.table(text.decomposition_table(table))
    page.table(text.curve_table(table, "nll"))
    page.table(text.curve_table(table, "nll_versus_global"))
    page.table(text.curve_table(table, "coverage"))
    page.figure("Surer, and right? Unknown persons", plots.certainty_figure(table["curves"], shown=shown))
    for found in text.outlier_tables(table):
        page.table(found)
    if table["scoreboard"]:
        page.add("<h3>Scoreboard of the paper</h3>" + f"<p>{escape(WHY_NO_MAGNITUDES)}</p>")
        page.table(text.scoreboard_table(table))


def _lines_shown(table: Mapping[str, Any]) -> tuple[str, ...] | None:
    """All methods where they are few; else those compared by name, then the first others."""
    variants = list(dict.fromkeys(point["variant"] for point in table["curves"]))
    if len(variants) <= LINES_SHOWN:
        return None
    wanted = [name for name in (*SHOWN_FIRST, table["picked_baseline"]) if name in variants]
    return tuple(dict.fromkeys(wanted)) or tuple(variants[:LINES_SHOWN])


def _contents(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    links = [
        f'<a href="#{_anchor(suite, dataset)}">{escape(dataset)}, suite {escape(suite)}</a>'
        for suite, content in summaries.items()
        for dataset in content["datasets"]
    ]
    links += ['<a href="#legend">Legend</a>', '<a href="#settings">Settings, folds and seeds</a>']
    return f"<nav>{' · '.join(links)}</nav>"


def _short(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """Each open question's answer in a sentence; links, which lead from another folder, as their words."""
    answers = [(question, re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", said)) for question, said in short_answers(summaries)]
    lines = "".join(f"<dt>{escape(question)}</dt><dd>{escape(said)}</dd>" for question, said in answers)
    return f'<h2 id="short">In short</h2><dl class="answers">{lines}</dl>' if lines else ""


def _anchor(suite: str, dataset: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{suite}-{dataset}".lower())


def _legend() -> str:
    return f"{_terms(LEGEND)}<h3>Settings of the ablations</h3>{_terms(ABLATION_LEGEND)}"


def _terms(entries: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{escape(words)}</dd>" for term, words in entries) + "</dl>"


def _settings(suite: str, table: Mapping[str, Any]) -> str:
    """What was trained and scored how, and which runs stand behind the figures."""
    lines = []
    for method in table["methods"]:
        runs = ", ".join(f"seed {seed} fold {fold}: {name}" for seed, fold, name in method["runs"])
        differs = ", ".join(name for name in method["differs"] if name) or "nothing"
        persons = ", ".join(map(str, method["train_persons"]))
        config = json.dumps(method["config"], ensure_ascii=False)
        lines.append((method["variant"], config, differs, persons, text.completeness(method), runs))
    header = ("method", "its settings", "differs from the shared ones in", "training persons a fold", "there are")
    title = f"{table['dataset']}, suite {suite}: recordings {table['recordings']}, {table['folds']} folds over persons"
    found = html_table(TextTable(title, (*header, "result files"), lines))
    shared = escape(json.dumps(table["shared_config"], ensure_ascii=False, indent=1))
    return f"{found}<details><summary>Shared settings</summary><pre>{shared}</pre></details>"
