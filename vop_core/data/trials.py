r"""Trial lists: who claims to be whom, with which clips, the same for every method.

A list is text, a line each, with tabs between the words::

    enroll PERSON CLIP CLIP ...   clips of a person, of which the first n enroll
    same PERSON CLIP              a clip of the person who enrolled
    other PERSON CLIP             a clip of somebody else, who claims to be that person

Persons are named as in metadata.csv, clips by their paths there. The lists of the corpora lie in
``data/trials`` and are never drawn anew: ``python -m vop_core.data.trials`` makes those that are
missing, from persons whom no model is trained on.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from vop_core.data.locations import find_dataset, trials_root
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.data.splits import BUNDLE, CHOOSE, TEST, persons_with_role
from vop_core.errors import DataError
from vop_core.text import printable
from vop_core.writing import write_text

MOST_ENROLLED, MOST_SAME, OTHERS = 5, 10, 30  # clips of a claimant, own asked, others' asked
CALL = "session"
# corpus -> whether the very same persons stand in a second list, each asked in another call
CORPORA = {"speech_commands_test": False, "wuw2": True, "speechocean762": False}
ACROSS = "-across-calls"
T = TypeVar("T")
ENROLL, SAME, OTHER = "enroll", "same", "other"


@dataclass(frozen=True)
class Claim:
    """One person's model, and the clips that claim to be of that person."""

    person: str  # 'dataset/person'
    enrollment: tuple[ClipRecord, ...]
    asked: tuple[ClipRecord, ...]


@dataclass(frozen=True)
class TrialList:
    """All claims on one data set."""

    name: str
    claims: tuple[Claim, ...]

    def as_text(self, root: Path) -> str:
        """As a file has it, paths from the data set's folder."""

        def path(record: ClipRecord) -> str:
            return record.path.relative_to(root).as_posix()

        lines = []
        for claim in self.claims:
            person = claim.person.rpartition("/")[2]
            lines.append("\t".join([ENROLL, person, *map(path, claim.enrollment)]))
            for record in claim.asked:
                kind = SAME if record.person == claim.person else OTHER
                lines.append(f"{kind}\t{person}\t{path(record)}")
        return "\n".join(lines) + "\n"


def draw_trials(
    dataset: PersonDataset,
    persons: Sequence[str],
    *,
    across_calls: bool = False,
    generator: torch.Generator,
) -> TrialList:
    """Everybody with two clips claims to be themselves, and others claim to be them: clips of as
    many other persons as there are, in turn.

    ``across_calls`` enrolls one call and asks about another; who has one call only is no claimant.
    Raises DataError where fewer than two persons can claim.
    """

    def shuffled(values: Sequence[T]) -> list[T]:
        order = torch.randperm(len(values), generator=generator).tolist()
        return [values[place] for place in order]

    own = {name: [r for r in dataset.records if r.person == name] for name in sorted(persons)}
    claims = []
    for person, records in own.items():
        if across_calls:
            calls = sorted({record.attributes.get(CALL, "") for record in records})
            first, later = (
                shuffled([r for r in records if (r.attributes.get(CALL) == calls[0]) is same])
                for same in (True, False)
            )
        else:
            mixed = shuffled(records)
            count = min(MOST_ENROLLED, len(mixed) - 1)
            first, later = mixed[: max(count, 0)], mixed[max(count, 0) :]
        if not first or not later:
            continue
        strangers = [shuffled(own[name]) for name in shuffled(sorted(own)) if name != person]
        turns = max(map(len, strangers), default=0)
        others = [them[turn] for turn in range(turns) for them in strangers if turn < len(them)]
        asked = (*later[:MOST_SAME], *others[:OTHERS])
        claims.append(Claim(person, tuple(first[:MOST_ENROLLED]), asked))
    if len(claims) < 2:
        raise DataError(
            f"Of the {len(own)} persons of '{dataset.name}', {len(claims)} can claim to be "
            "themselves; verification needs two persons with two clips each."
        )
    return TrialList(dataset.name + (ACROSS if across_calls else ""), tuple(claims))


def read_trials(file: Path, dataset: PersonDataset) -> TrialList:
    """A list on a data set's clips.

    Raises DataError, with the line, for a file that is none, a person or clip that the data set has
    not, a claim by nobody who enrolled, a clip that both enrolls and is asked about, and one that
    is called the person's and is not, or the other way round.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"'{file.name}' is no trial list: {error}.") from error
    clips = {r.path.relative_to(dataset.root).as_posix(): r for r in dataset.records}
    names = {person.rpartition("/")[2]: person for person in dataset.persons}
    enrolled: dict[str, tuple[ClipRecord, ...]] = {}
    asked: dict[str, list[ClipRecord]] = {}
    for number, line in enumerate(lines, start=1):

        def refuse(what: str, number: int = number) -> DataError:
            return DataError(f"Line {number} of '{file.name}' {what}.")

        kind, *words = line.split("\t")
        if kind not in (ENROLL, SAME, OTHER) or len(words) < 2 or (kind != ENROLL and words[2:]):
            raise refuse(
                f"is not '{ENROLL} PERSON CLIP ...', '{SAME} PERSON CLIP' or '{OTHER} PERSON "
                "CLIP', with tabs between"
            )
        if words[0] not in names:
            raise refuse(
                f"names '{printable(words[0])}', who has no clip in '{dataset.name}'; use the list "
                "of this copy, or take the person's lines out"
            )
        person, missing = names[words[0]], [path for path in words[1:] if path not in clips]
        if missing:
            raise refuse(f"names '{printable(missing[0])}', which '{dataset.name}' does not hold")
        records = tuple(clips[path] for path in words[1:])
        owned = all(record.person == person for record in records)
        if owned == (kind == OTHER):
            raise refuse(
                f"says '{kind}' of a clip that is {'' if owned else 'not '}{printable(words[0])}'s"
            )
        if kind == ENROLL:
            enrolled[person] = records
            asked[person] = []
        elif person not in enrolled:
            raise refuse(f"asks about {printable(words[0])}, for whom no line before it enrolls")
        elif records[0] in enrolled[person]:
            raise refuse(f"asks about a clip that enrolls, '{words[1]}'")
        else:
            asked[person].append(records[0])
    if not enrolled:
        raise DataError(f"'{file.name}' holds no trial.")
    claims = (Claim(name, clips, tuple(asked[name])) for name, clips in enrolled.items())
    return TrialList(file.stem, tuple(claims))


def named_in(file: Path) -> set[str]:
    """The claimants of a list, as metadata.csv names them."""
    lines = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    return {words[1] for words in lines if words[0] == ENROLL and len(words) > 1}


def trials_file(name: str, role: str) -> Path:
    """Where the committed list of a corpus lies, of persons who test or who are chosen on."""
    return trials_root() / f"{name}-{role}.txt"


def seed_of(name: str) -> int:
    """A seed that depends on the list's name alone."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest(), "big")


def main() -> None:
    """Make the lists that are missing."""
    for corpus, again in CORPORA.items():
        dataset = load_dataset(find_dataset(corpus))
        for role, roles in ((TEST, (TEST, BUNDLE)), (CHOOSE, (CHOOSE,))):
            persons = [p for each in roles for p in persons_with_role(dataset, each)]
            for across in (False, True)[: 1 + again]:
                file = trials_file(corpus + (ACROSS if across else ""), role)
                if file.exists():
                    continue
                generator = torch.Generator().manual_seed(seed_of(file.stem))
                made = draw_trials(dataset, persons, across_calls=across, generator=generator)
                write_text(file, made.as_text(dataset.root))
                asked = sum(len(claim.asked) for claim in made.claims)
                print(f"{file.name}: {len(made.claims)} claimants, {asked} trials")


if __name__ == "__main__":
    main()
