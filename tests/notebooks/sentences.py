"""Sentences that were wrong once, each with a number that is turned round: what guards it must
notice.

A sentence that is an assertion must fail, one that is computed must say something else. It is tried
in the kernel that has run the notebook, on copies of its names.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sentence:
    """What is said, the code that says it, and what turns its number round."""

    says: str
    code: str  # stands in the statement that guards it
    turned: str  # run before it


SENTENCES = {
    "00": (
        Sentence("persons differ by more than luck", "among_people.pvalue < 1e-6",
                 "among_people = chi2_contingency([[90, 10], [90, 10]])"),
        Sentence("the worst tenth has more than its part", "times > 1.5", "times = 1 / times"),
        Sentence("how many gain, how many lose", "do as", "gained = -gained"),
    ),
    "03": (
        Sentence("it never crosses the evidence", "(bounds <= evidence).all()",
                 "bounds = 2 * evidence - bounds"),
        Sentence("the remainder stays", "evidence - bounds[-1] - remainder",
                 "remainder = -remainder - 0.02"),
        Sentence("too cheap is a point mass", 'verdicts[1e-4] == "point mass"',
                 "verdicts = dict(zip(verdicts, reversed(verdicts.values())))"),
    ),
    "04": (
        Sentence("family and conditioning gaps shrink with the noise",
                 'clear["conditioning"] < loud["conditioning"]', "clear, loud = loud, clear"),
        Sentence("the amortisation gap grows", 'clear["amortisation"] > loud["amortisation"]',
                 "clear, loud = loud, clear"),
    ),
    "05": (
        Sentence("the enrolled word leaks", "cheap.enrolled_word > max(",
                 "cheap, fair = fair, cheap"),
        Sentence("how much of the loss is the word", "answers with the enrolled word",
                 "named = lost - named"),
        Sentence("what a price changes", "At a price of", "dear = cheap"),
        Sentence("who is below everybody's model", "Nearly for free",
                 "low = [] if low else ['self']"),
        Sentence("a prior that is learned ends in a point", "free < asks / 3 < fixed",
                 "free, fixed = fixed, free"),
    ),
    "06": (
        Sentence("fusion is exact, its mean too", "fusion.mean - together.mean",
                 "fusion = combine('product_of_experts', experts)"),
        Sentence("trained experts are too sure", 'covers["experts that the bound asks for"] < 0.9',
                 "covers = dict(zip(covers, reversed(covers.values())))"),
        Sentence("true experts cover", 'covers["true experts"] - 0.95',
                 "covers = dict(zip(covers, reversed(covers.values())))"),
        Sentence("narrowing by strangers is not earned", "right[\"other persons' clips\"][-1] <",
                 "right = dict(zip(right, reversed(right.values())))"),
        Sentence("a clip taken at its word errs more than none", 'errs["0, as for everybody"] <',
                 "errs = dict(zip(errs, sorted(errs.values())))"),
        Sentence("few persons make an interval too narrow", "covered[10] < covered[200]",
                 "covered = {10: covered[200], 200: covered[10]}"),
        Sentence("at once, a person is taken off twice", "more and left[offsets.CASCADE]",
                 "more = False"),
        Sentence("what an encoder must have met", "With one clip: untrained",
                 "shown = {key: -each for key, each in shown.items()}"),
    ),
    "07": (
        Sentence("what the width goes with, what draws are worth", "So in this table",
                 "goes, answers = answers, goes"),
        Sentence("how the correlation is named", "means_something.reveal(",
                 "wider = (wider + 1) % 4"),
        Sentence("k-hat falls with the width", "shapes[0] > importance.GOOD_K",
                 "shapes = shapes[::-1]"),
    ),
    "08": (
        Sentence("of the points too many, the recording's and the person's", "Split by clip,",
                 "copied, known = known, copied"),
        Sentence("persons on both sides flatter", 'split["by clip"] > split["by person"]',
                 "split = dict(zip(split, reversed(split.values())))"),
        Sentence("outliers are chosen on other clips", 'abs(gains["repaired"]) < 0.5',
                 "gains = dict(zip(gains, reversed(gains.values())))"),
        Sentence("the best epoch flatters", 'abs(bias["repaired"]) < 0.5',
                 "bias = dict(zip(bias, reversed(bias.values())))"),
    ),
    "09": (
        Sentence("what each control says", "minus {whose}", "vop = {**vop, OWN: vop[WRONG] - 1}"),
        Sentence("who reads nothing cannot be misled", 'results["global"][WRONG], base',
                 "base = base - 0.01"),
    ),
    "10": (
        Sentence("at the global model's cost", "own_cost == global_cost", "own_cost += 1"),
        Sentence("the same answers after loading", "again.predict(asked)", "asked = -asked"),
    ),
    "11": (
        Sentence("two normals' equal error rate", "abs(found - wanted) < 0.003",
                 "found = 1 - found"),
        Sentence("trials say less than they seem to", "width > width_naive",
                 "width = width_naive / 2"),
        Sentence("a threshold may not be copied", "max(abroad) - min(abroad) >",
                 "abroad, at_home = at_home, abroad"),
        Sentence("in how many settings it helps", "Fewer errors that need",
                 "helped = len(settings) - helped"),
    ),
    "12": (
        Sentence("features see the sign, not the hand", "features minus pixels are",
                 "helps = not helps"),
        Sentence("the right hand counts", "for each in hand.values())",
                 "hand = {VOP: type(gap)(-1.0, (-2.0, -0.5), 24, '')}"),
        Sentence("averaging is furthest in a known world", "worst == AVERAGED", "worst = MEAN"),
        Sentence("samples leave nothing to average", "apart[8] < apart[1] / 2",
                 "apart = {1: apart[8], 8: apart[1]}"),
        Sentence("which rule is closest to the truth", "Sure minus right", "calmest = EXACT"),
        Sentence("what is exact trusts too much", "too_sure[EXACT] > 0.05",
                 "too_sure = {**too_sure, EXACT: 0.0}"),
        Sentence("against prototypes", "Against prototypes of the same", "low, high = 1.0, 2.0"),
        Sentence("in how many cases a gain is shown", "More right answers than by",
                 "shown = [True] * len(shown)"),
        Sentence("writers say less than episodes seem to", "widths[1] > widths[0]",
                 "widths = widths[::-1]"),
    ),
    "13": (
        Sentence("the two steps are the whole way", 'one_way, parts["both"]', "one_way = -one_way"),
        Sentence("which sets show the person", '"Speech Commands" in by_person', "by_person = []"),
        Sentence("how many groups gain", "A gain is shown", "certain = [*certain, 'nobody']"),
    ),
}  # fmt: skip


def guards(notebook: Any, sentence: Sentence) -> Iterator[ast.stmt]:
    """The statements that guard it: assertions, and those that show something."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and sentence.code in cell.source:
            for statement in ast.parse(cell.source).body:
                text = ast.get_source_segment(cell.source, statement) or ""
                if sentence.code in text and not isinstance(statement, ast.Assign):
                    yield statement


TRIED = """
import contextlib, io
def tried(guard, turned):
    said = io.StringIO()
    names = dict(globals())
    with contextlib.redirect_stdout(said):
        exec(turned, names)
        names["course"] = type("Said", (), {"say": staticmethod(print)})
        try:
            exec(guard, names)
        except AssertionError:
            return None
    return said.getvalue()
def unnoticed(guards, turned):
    said = [tried(each, "") for each in guards]
    return None in said or said == [tried(each, turned) for each in guards]
"""


def unnoticed(notebook: Any, name: str) -> str:
    """Code that prints what of a notebook's sentences nobody would notice to be wrong."""
    lines = [TRIED]
    for sentence in SENTENCES.get(name, ()):
        found = [ast.unparse(each) for each in guards(notebook, sentence)]
        assert found, f"{name}: nothing says '{sentence.code}'"
        lines.append(f"if unnoticed({found!r}, {sentence.turned!r}): print({sentence.says!r})")
    return "\n".join(lines)
