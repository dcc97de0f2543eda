"""Who is trained on, chosen on, bundled and tested: one committed split per corpus, for every task.

``data/splits/CORPUS.csv`` gives each person of a corpus one role:

``train``   models learn from this person
``choose``  settings are chosen on this person, who stands in no fold of the bench
``bundle``  this person's clips come with the program; no shipped model was trained on them
``test``    shipped models are tested on this person

A person of the data who is not in the file counts as ``test``: another copy of the source may hold
more persons, and nobody is trained on by oversight. A corpus without a file gives no roles.

What results are told apart by, such as gender, stands in further columns, so that it can be read
where the recordings are not; a person whose clips differ in it has none.

    python -m vop_core.data.splits    makes the files anew from ``RULES`` and the data in VOP_DATA
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch

from vop_core.data.groups import Group, grouped, groups_of
from vop_core.data.locations import find_dataset, splits_root
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.data.tables import read_table
from vop_core.data.ways import by_alphabet
from vop_core.errors import DataError
from vop_core.writing import write_text

TRAIN, CHOOSE, BUNDLE, TEST = ROLES = ("train", "choose", "bundle", "test")
SEED = 0
GROWN_UP = 18  # years


def role_of(person: str) -> str | None:
    """The role of ``corpus/person``; None where the corpus has no split.

    Raises
    ------
    DataError
        The split gives a person two rows, or a role that there is not.
    """
    corpus, _, name = person.partition("/")
    file = split_file(corpus)
    return _read(file).get(name, TEST) if file.is_file() else None


def persons_with_role(dataset: PersonDataset, role: str) -> tuple[str, ...]:
    """The persons of a data set who have a role, sorted. Raises DataError as ``role_of``."""
    return tuple(person for person in dataset.persons if role_of(person) == role)


def split_file(corpus: str) -> Path:
    """Where the split of a corpus lies, or would lie."""
    return splits_root() / f"{corpus}.csv"


def known_groups(corpus: str) -> tuple[Group, ...]:
    """The groups that results are told apart by, members as ``corpus/person``; none for a corpus
    without attributes. Raises DataError for a split that cannot be read.
    """
    if corpus not in RULES or not RULES[corpus].attributes:
        return ()
    names = RULES[corpus].attributes
    rows = [fields for _, fields in read_table(split_file(corpus), ("person", *names))]
    values = ({f"{corpus}/{row['person']}": row[name] for row in rows} for name in names)
    return tuple(
        group
        for name, of_whom in zip(names, values, strict=True)
        for group in grouped(name, of_whom)
    )


@cache
def _read(file: Path) -> Mapping[str, str]:
    roles: dict[str, str] = {}
    for _, fields in read_table(file, ("person", "role")):
        person, role = fields["person"], fields["role"]
        if person in roles:
            raise DataError(f"'{person}' stands twice in '{file}'; remove one row.")
        if role not in ROLES:
            raise DataError(
                f"'{person}' has the role '{role}' in '{file}'; the roles are {', '.join(ROLES)}."
            )
        roles[person] = role
    return roles


# --- how the splits were made ---------------------------------------------------------------------


def _all_alike(clips: Sequence[ClipRecord]) -> tuple[object, ...]:
    return ()


def _caller(clips: Sequence[ClipRecord]) -> tuple[object, ...]:
    """Gender, dialect as heard in all calls, and whether there are several calls."""
    heard = {
        name: sorted({clip.attributes[name] for clip in clips})
        for name in ("gender", "dialect", "session")
    }
    return heard["gender"], heard["dialect"], len(heard["session"]) > 1


def _reader(clips: Sequence[ClipRecord]) -> tuple[object, ...]:
    """Child or adult, and gender."""
    attributes = clips[0].attributes
    return int(attributes["age"]) >= GROWN_UP, attributes["gender"]


@dataclass(frozen=True)
class Rule:
    """How many persons have each role; everybody else is trained on."""

    persons: Mapping[str, int]
    # that a person of the role must have
    clips: Mapping[str, int] = field(default_factory=dict)
    # groups of persons that are spread evenly over the roles
    group: Callable[[Sequence[ClipRecord]], tuple[object, ...]] = _all_alike
    # what results are told apart by
    attributes: tuple[str, ...] = ()


RULES: Mapping[str, Rule] = {
    # Persons tested on can enroll with five clips and be asked about three.
    "speech_commands_test": Rule(
        {CHOOSE: 30, BUNDLE: 24, TEST: 25}, clips={CHOOSE: 4, BUNDLE: 10, TEST: 8}
    ),
    "wuw2": Rule(
        {CHOOSE: 24, TEST: 30},
        clips={CHOOSE: 4},
        group=_caller,
        attributes=("gender", "dialect", "phone"),
    ),
    # the bundled persons are the unknown ones of the model's card
    "arabic_speech_commands": Rule({CHOOSE: 4, BUNDLE: 8}),
    "dspspeech20": Rule({CHOOSE: 4, TEST: 6}),
    "speechocean762": Rule({CHOOSE: 20, TEST: 60}, group=_reader),
    "mnist_train_writers": Rule({CHOOSE: 40, TEST: 60}),
    "chinese_mnist": Rule({CHOOSE: 10, TEST: 20}),
    "unipen_characters": Rule({CHOOSE: 20, TEST: 30}),
    # alphabets
    "omniglot_small": Rule({CHOOSE: 1, TEST: 1}),
}


def make_split(dataset: PersonDataset, rule: Rule) -> dict[str, str]:
    """The role of every person, by name; persons who are known to be unusable have none.

    Whom settings are chosen on is drawn by a hash of the name. Of the persons that are left, every
    so many are taken for a role, in an order that is random but for keeping groups together: so a
    role has its share of each group.
    """
    clips: dict[str, list[ClipRecord]] = defaultdict(list)
    for record in dataset.without(dataset.known_bad).records:
        clips[record.person].append(record)
    names = sorted(clips)
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(SEED))
    left = sorted((names[place] for place in order), key=lambda name: rule.group(clips[name]))
    roles: dict[str, str] = {}
    for role, count in rule.persons.items():
        able = [name for name in left if len(clips[name]) >= rule.clips.get(role, 1)]
        if role == CHOOSE:
            taken = set(sorted(able, key=_drawn)[:count])
        else:
            taken = {able[(2 * place + 1) * len(able) // (2 * count)] for place in range(count)}
        left = [name for name in left if name not in taken]
        roles |= dict.fromkeys(taken, role)
    roles |= dict.fromkeys(left, TRAIN)
    return {name.partition("/")[2]: roles[name] for name in names}


def _drawn(name: str) -> str:
    return hashlib.sha256(f"choose:{name}".encode()).hexdigest()


def split_table(dataset: PersonDataset, rule: Rule) -> str:
    """A split as its file holds it."""
    values = [
        {member: group.value for group in groups_of(dataset, name) for member in group.members}
        for name in rule.attributes
    ]
    lines = [("person", "role", *rule.attributes)]
    for person, role in make_split(dataset, rule).items():
        name = f"{dataset.name}/{person}"
        lines.append((person, role, *(of_whom.get(name, "") for of_whom in values)))
    return "".join(f"{','.join(line)}\n" for line in lines)


def split_source(corpus: str) -> PersonDataset:
    """What a corpus' roles are given to: its persons, or its alphabets. Raises DataError where it
    is not there.
    """
    return by_alphabet(load_dataset(find_dataset(corpus)))


def write_splits() -> None:
    """Make every file anew. Raises DataError where a corpus is not there."""
    for corpus, rule in RULES.items():
        write_text(split_file(corpus), split_table(split_source(corpus), rule))


if __name__ == "__main__":
    write_splits()
