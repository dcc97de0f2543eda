r"""Knowing when not to answer: selective classification and the rejection of what is no keyword.

A clip is answered when its confidence (the probability of the label answered) is high enough.

    AURC      mean over coverages k / n of the error of the k most confident clips: 0 is best [AURC]
    AUROC     chance that a keyword is answered more confidently than a word never taught
    FPR95     share of untaught words answered at the threshold that keeps 95 % of the keywords
    detection share of keywords answered rightly *and* above the threshold that lets through a given
    share
              (the false-alarm rate) of untaught words
"""

import numpy as np
from jaxtyping import Bool, Float

FALSE_ALARM_RATE = 0.05
KEPT_KEYWORDS = 0.95


def risk_coverage(
    confidence: Float[np.ndarray, " clip"], correct: Float[np.ndarray, " clip"]
) -> list[tuple[float, float, float]]:
    """Each confidence that occurs, highest first, with the share of clips at or above it (the
    coverage) and the share of these that are answered wrongly (the risk).
    """
    found = []
    for threshold in np.unique(confidence)[::-1]:
        answered = confidence >= threshold
        risk = 1.0 - correct[answered].mean()
        found.append((float(threshold), float(answered.mean()), float(risk)))
    return found


def area_under_risk_coverage(
    confidence: Float[np.ndarray, " clip"], correct: Float[np.ndarray, " clip"]
) -> float:
    """AURC, a fraction; clips of equal confidence share their error, so that their order does not
    matter.
    """
    order = np.argsort(-confidence, kind="stable")
    wrong = 1.0 - correct[order]
    _, group = np.unique(-confidence[order], return_inverse=True)
    shared = np.bincount(group, weights=wrong) / np.bincount(group)
    return float((np.cumsum(shared[group]) / np.arange(1, len(wrong) + 1)).mean())


def rejection_auroc(
    known: Float[np.ndarray, " clip"], unknown: Float[np.ndarray, " other"]
) -> float:
    """Area under the ROC curve of confidence as a test for "this is a keyword"."""
    from sklearn.metrics import roc_auc_score  # takes half a second

    truth = np.concatenate([np.ones(len(known)), np.zeros(len(unknown))])
    return float(roc_auc_score(truth, np.concatenate([known, unknown])))


def false_positive_rate(
    known: Float[np.ndarray, " clip"],
    unknown: Float[np.ndarray, " other"],
    *,
    kept: float = KEPT_KEYWORDS,
) -> float:
    """Share of unknown words at or above the highest threshold that keeps at least ``kept`` of the
    keywords.
    """
    threshold = np.sort(known)[::-1][int(np.ceil(kept * len(known))) - 1]
    return float((unknown >= threshold).mean())


def detected(
    confidence: Float[np.ndarray, " clip"],
    correct: Float[np.ndarray, " clip"],
    unknown: Float[np.ndarray, " other"],
    *,
    false_alarms: float = FALSE_ALARM_RATE,
) -> Bool[np.ndarray, " clip"]:
    """Which keywords are answered rightly above the threshold that lets through at most that share
    of unknown words.
    """
    passed = int(np.floor(false_alarms * len(unknown)))
    threshold = np.sort(unknown)[::-1][passed]
    return (confidence > threshold) & (correct > 0.5)
