"""Makes the bundled voices from the corpora in ``VOP_DATA``: which clips, and as what files.

Of each person of role ``bundle`` up to 10 clips enroll and up to 40 others are asked about. Which
is said by a hash of each clip's name: the same clips whatever else the data hold. Query clips are
dealt word by word, so that they say as many words as they can.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from vop_core.data.audio import decode_file
from vop_core.data.locations import find_dataset
from vop_core.data.metadata import METADATA, ClipRecord
from vop_core.data.opus import write_opus
from vop_core.data.persons import load_dataset
from vop_core.data.sources.synthetic.build import require_ours, write_talkers
from vop_core.data.splits import BUNDLE, persons_with_role
from vop_core.data.voices import CORPORA, TALKERS, Corpus
from vop_core.writing import whole_folder

MOST_ENROLLMENT, MOST_QUERY = 10, 40
COMPRESSION = 0.88  # about 40 kbit/s, all clips together below 6 MB


def build_voices(destination: Path | str) -> Path:
    """Make all voices below ``destination`` anew: the bundled persons, and the synthetic talkers of
    environments (two minutes).

    Raises DataError where a corpus is not in ``VOP_DATA``, without the ``synth`` extra, and where
    something else is in the way.
    """
    destination = Path(destination)
    for folder in (*(corpus.folder for corpus in CORPORA.values()), TALKERS):
        require_ours(destination / folder)
    for corpus in CORPORA.values():
        write_corpus(destination / corpus.folder, corpus)
    write_talkers(destination / TALKERS)
    return destination


def write_corpus(folder: Path, corpus: Corpus) -> None:
    """Write the bundled persons of one corpus; an earlier build is replaced once this is complete.

    Raises DataError as `build_voices` does.
    """
    dataset = load_dataset(find_dataset(corpus.name), name=corpus.name)
    require_ours(folder)
    rows: list[dict[str, str]] = []
    with whole_folder(folder) as unfinished:
        for number, person in enumerate(persons_with_role(dataset, BUNDLE), start=1):
            about = {"name": f"Speaker {number:02d}", "dataset": corpus.name}
            clips = [record for record in dataset.records if record.person == person]
            for role, record in chosen_clips(clips):
                said = f"{record.label.replace(' ', '_')}_{record.take:02d}"
                path = f"{person.partition('/')[2]}/{said}.opus"
                data = write_opus(
                    unfinished / path,
                    decode_file(record.path).waveform.numpy(),
                    serial=len(rows) + 1,
                    compression=COMPRESSION,
                )
                rows.append(_row(path, role, record, about, data))
        pd.DataFrame(rows).to_csv(unfinished / METADATA, index=False, lineterminator="\n")


def chosen_clips(clips: Sequence[ClipRecord]) -> Iterator[tuple[str, ClipRecord]]:
    """Role and clip, in the order in which they are shown: at most half of a person's clips, and at
    most 10, enroll.
    """
    enrolling = min(MOST_ENROLLMENT, len(clips) // 2)
    dealt = _dealt(clips)
    asked, left = dealt[: len(clips) - enrolling], dealt[len(clips) - enrolling :]
    if len(asked) > MOST_QUERY:
        asked, left = asked[:MOST_QUERY], asked[MOST_QUERY:] + left
    # drawn anew: by the first hash the clips that are left are the late ones of their words
    for record in sorted(left, key=lambda record: _drawn(record, "enrollment"))[:enrolling]:
        yield "enrollment", record
    for record in asked:
        yield "query", record


def _dealt(clips: Iterable[ClipRecord]) -> list[ClipRecord]:
    """In random order, but each word once before any comes again."""
    seen: Counter[str] = Counter()
    rounds: list[tuple[int, ClipRecord]] = []
    for record in sorted(clips, key=_drawn):
        rounds.append((seen[record.label], record))
        seen[record.label] += 1
    return [record for _, record in sorted(rounds, key=lambda dealt: dealt[0])]


def _drawn(record: ClipRecord, role: str = "query") -> str:
    name = f"{role}: {record.person} {record.label} {record.take}"
    return hashlib.sha256(name.encode()).hexdigest()


def _row(
    path: str, role: str, record: ClipRecord, about: dict[str, str], data: bytes
) -> dict[str, str]:
    return {
        "path": path,
        "person": record.person.partition("/")[2],
        "label": record.label,
        "take": str(record.take),
        "role": role,
        **about,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
