"""Figures of claims show what they are given, in marks and in words."""

from vop_core.evaluation.verification_metrics import Threshold, Verdict
from vop_core.plots.style import text_alternative
from vop_core.plots.verification import claim_figure, copied_figure

THRESHOLD = Threshold(0.6, (0.55, 0.65))


def test_a_claim_shows_every_score_beside_its_threshold():
    verdicts = {
        "global": Verdict(0.5, THRESHOLD),
        "personal": Verdict(0.8, THRESHOLD, (0.7, 0.8, 0.9)),
        "another": Verdict(0.7, THRESHOLD, (0.6, 0.8)),
    }
    figure = claim_figure(verdicts)
    marks = [trace for trace in figure.data if trace.mode == "markers" and len(trace.x) == 1]
    # the first model stands on top
    assert [(trace.x[0], trace.y[0]) for trace in marks] == [(0.7, 0), (0.8, 1), (0.5, 2)]
    ticks = [trace.x for trace in figure.data if trace.name == "under drawn weights"]
    assert set(ticks) == {(0.7, 0.8, 0.9), (0.6, 0.8)}
    said = text_alternative(figure)
    assert "everybody's weights: score 0.50, threshold 0.60, refused" in said
    assert "the enrolled person's weights: score 0.80, threshold 0.60, accepted" in said


def test_a_copied_threshold_stands_below_the_corpus_own():
    cells = [
        {
            "from": source,
            "to": target,
            "misses": 0.1,
            "false_alarms": 0.05 + 0.1 * (source != target),
        }
        for source in ("a", "b")
        for target in ("a", "b")
    ]
    figure = copied_figure(cells, {"a": "Corpus A"}, asked=0.05)
    alarms = figure.data[0]
    lines = dict(zip(alarms.y, alarms.x, strict=True))
    assert list(lines)[:2] == ["<b>Corpus A,<br>own threshold</b>", "Corpus A,<br>from b"]
    assert (
        round(lines["<b>Corpus A,<br>own threshold</b>"], 6) == 5
        and round(lines["b,<br>from Corpus A"]) == 15
    )
    assert figure.layout.shapes[0].x0 == 5
    assert "chosen on b, used on Corpus A: 15.0 % of others accepted" in text_alternative(figure)
