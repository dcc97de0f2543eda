"""Groups of persons, such as women or non-native speakers, that a training may never have heard.

A person belongs to a group when all of the person's clips have the same value of an attribute.
Whoever has none, or several, is in no group: neither trained on nor asked.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vop_core.data.persons import Fold, PersonDataset, spread

HEARD, NEVER_HEARD = "heard", "never heard"


@dataclass(frozen=True)
class Group:
    """Persons with one value of an attribute, and those of whom another value is known."""

    attribute: str
    value: str
    members: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def name(self) -> str:
        """Attribute and value, as in "gender female"."""
        return f"{self.attribute} {self.value}"


def groups_of(dataset: PersonDataset, attribute: str) -> tuple[Group, ...]:
    """A group for each value of the attribute; none where there is only one value."""
    values = {
        person: min(found)
        for person, found in _values(dataset, attribute).items()
        if len(found) == 1
    }
    return grouped(attribute, values)


def grouped(attribute: str, values: Mapping[str, str]) -> tuple[Group, ...]:
    """Groups by the value that each person has, "" for one unknown; none where there is only one
    value.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for person, value in values.items():
        if value:
            members[value].append(person)
    everybody = sorted(person for found in members.values() for person in found)
    groups = (
        Group(attribute, value, tuple(found), tuple(p for p in everybody if p not in found))
        for value, found in sorted(members.items())
    )
    return tuple(group for group in groups if group.others)


def _values(dataset: PersonDataset, attribute: str) -> dict[str, set[str]]:
    """Every value that a person's clips have, "" for a clip without one."""
    found: dict[str, set[str]] = {person: set() for person in dataset.persons}
    for record in dataset.records:
        found[record.person].add(record.attributes.get(attribute, ""))
    return found


def group_trainings(group: Group, folds: Sequence[Fold]) -> dict[int, Mapping[str, Fold]]:
    """For each fold the same test persons, members of the group, with two sets of equally many
    persons to train on: one ``NEVER_HEARD`` the group, one ``HEARD`` it.

    All others whom any fold trains on make up the first, so that it is one training for all folds.
    In the second, members whom the fold trains on take the place of half of them, or of as many as
    there are. Folds that test or train no member are left out.
    """
    able = {person for fold in folds for person in fold.train}
    others = tuple(person for person in group.others if person in able)
    found = {}
    for number, fold in enumerate(folds):
        test, known = (
            tuple(person for person in group.members if person in side)
            for side in (fold.test, fold.train)
        )
        if test and known and others:
            half = min(len(known), (len(others) + 1) // 2)
            heard = sorted((*spread(known, half), *spread(others, len(others) - half)))
            found[number] = {NEVER_HEARD: Fold(others, test), HEARD: Fold(tuple(heard), test)}
    return found


def group_remarks(dataset: PersonDataset, attribute: str, folds: Sequence[Fold]) -> Iterator[str]:
    """Who is in no group, how large the groups' trainings are, and which folds lack one, each in a
    sentence.
    """
    groups = groups_of(dataset, attribute)
    if not groups:
        yield f"{dataset.name} does not tell two groups of persons apart by {attribute}."
        return
    grouped = {person for group in groups for person in group.members}
    if outside := set(dataset.persons) - grouped:
        values = _values(dataset, attribute)
        several = sum(len(values[person]) > 1 for person in outside)
        yield (
            f"{len(outside)} person(s) of {dataset.name} are in no group by {attribute}, and "
            f"neither trained on nor asked: {several} have several, {len(outside) - several} none."
        )
    for group in groups:
        trainings = group_trainings(group, folds)
        if missing := [str(number) for number in range(len(folds)) if number not in trainings]:
            yield (
                f"Fold(s) {', '.join(missing)} of {dataset.name} test or train nobody of the group "
                f"'{group.name}', which is not asked there."
            )
        heard = [each[HEARD].train for each in trainings.values()]
        if heard:
            counts = {len(set(train).intersection(group.members)) for train in heard}
            yield (
                f"{group.name} of {dataset.name}: {len(heard[0])} persons are trained on; where "
                f"the group is heard, {' to '.join(map(str, sorted({min(counts), max(counts)})))} "
                "of them belong to it."
            )
