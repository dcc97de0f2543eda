"""Sentences of the notebooks' prose that judge, found by their words."""

import re
from collections.abc import Iterator

WORDS = re.compile(
    r"\b(better|worse|best|worst|help(s|ed|ful)?|harm(s|ed|ful)?|hurts?|vanish\w*|improv\w+|"
    r"outperform\w*|outdo(es)?|gain(s|ed)?|los(es|t)|beats?|superior|inferior|useless|useful|"
    r"worth(less|while)?|fail(s|ed)?|win(s|ner)?|won|too (sure|small|large|narrow|wide)|"
    r"narrower|wider|stronger|weaker|surer|benefit\w*|spoil\w*|(not |is |are )(been )?shown|"
    r"(much|far|clearly|hardly|barely) (more|less|higher|lower|any)|pays? off|exce(l|ed)\w*|"
    r"surpass\w*|reliabl[ey]|dominates?|degrade[sd]?|boosts?|prefer(s|able|red)?|"
    r"advantage\w*|in vain|works? (well|best)|makes? (no|a|the) difference)\b",
    re.IGNORECASE,
)
NO_PROSE = re.compile(r"```.*?```|<!--.*?-->", re.DOTALL)
PARAGRAPH = re.compile(r"\n\s*\n|\n(?=[*|#]|\d+\.)")
SENTENCE = re.compile(r"(?<=[.?!:])\s+")


def judging_sentences(source: str) -> Iterator[str]:
    """Each sentence of a source's prose that has a judging word, on one line."""
    for paragraph in PARAGRAPH.split(NO_PROSE.sub("", source)):
        for sentence in SENTENCE.split(" ".join(paragraph.split())):
            if WORDS.search(sentence):
                yield sentence.strip()
