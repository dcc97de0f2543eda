"""Groups of persons: who is in which, and what a training without one has in common with one that
heard it.
"""

from pathlib import Path

import pytest

from vop_core.data.groups import HEARD, NEVER_HEARD, group_remarks, group_trainings, groups_of
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import Fold, PersonDataset, person_folds


def toy(**genders: str) -> PersonDataset:
    """Persons whose clips have these values of ``gender``, a clip a letter; a dot for none."""
    records = [
        ClipRecord(Path(f"{name}{take}"), f"toy/{name}", "yes", take, {"gender": value.strip(".")})
        for name, values in genders.items()
        for take, value in enumerate(values)
    ]
    return PersonDataset("toy", Path(), tuple(records))


CROWD = toy(
    **{f"f{number}": "ff" for number in range(5)}, **{f"m{number}": "mm" for number in range(11)}
)
WOMEN, MEN = groups_of(CROWD, "gender")
FOLDS = person_folds(CROWD.persons, 4, seed=0)


def test_who_has_several_values_or_none_is_in_no_group_and_counted():
    dataset = toy(anna="ff", ben="mm", cai="fm", dora="..", eve="f")
    women, men = groups_of(dataset, "gender")
    assert (women.name, women.members, women.others) == (
        "gender f",
        ("toy/anna", "toy/eve"),
        ("toy/ben",),
    )
    assert (men.members, men.others) == (women.others, women.members)
    said = list(group_remarks(dataset, "gender", ()))
    assert said[0] == (
        "2 person(s) of toy are in no group by gender, and neither trained on nor asked: "
        "1 have several, 1 none."
    )


@pytest.mark.parametrize("attribute", ["gender", "dialect"])
def test_a_set_without_two_values_has_no_group_and_says_so(attribute):
    dataset = toy(anna="ff", eve="f")
    assert groups_of(dataset, attribute) == ()
    (said,) = group_remarks(dataset, attribute, FOLDS)
    assert said == f"toy does not tell two groups of persons apart by {attribute}."


@pytest.mark.parametrize("group", [WOMEN, MEN], ids=lambda group: group.name)
def test_sides_have_the_same_test_persons_and_equally_many_to_train_on(group):
    found = group_trainings(group, FOLDS)
    for number, sides in found.items():
        never, heard = sides[NEVER_HEARD], sides[HEARD]
        assert (
            never.test == heard.test == tuple(p for p in FOLDS[number].test if p in group.members)
        )
        assert never.train == group.others, "one training for all folds"
        assert len(set(heard.train)) == len(heard.train) == len(never.train)
        assert not set(heard.train) & set(heard.test)
        members = [person for person in heard.train if person in group.members]
        known = [person for person in FOLDS[number].train if person in group.members]
        assert set(members) <= set(known)
        assert len(members) == min(len(known), (len(never.train) + 1) // 2)
    asked = [person for sides in found.values() for person in sides[HEARD].test]
    assert sorted(asked) == sorted(group.members), "everybody in one fold"


def test_nobody_is_trained_on_whom_no_fold_trains_on():
    """Whoever has too few clips is only asked."""
    few = {"toy/m0", "toy/f0"}
    folds = [Fold(tuple(p for p in fold.train if p not in few), fold.test) for fold in FOLDS]
    for group in (WOMEN, MEN):
        found = group_trainings(group, folds)
        assert not few & {
            p for sides in found.values() for side in sides.values() for p in side.train
        }
        assert few & {person for sides in found.values() for person in sides[HEARD].test}


def test_a_fold_without_the_group_is_left_out_and_said():
    """Fold 0 tests no woman, fold 1 trains none."""
    men, women = MEN.members, WOMEN.members
    folds = (Fold((*women, *men[:6]), men[6:]), Fold(men[6:], (*women, *men[:6])))
    assert group_trainings(WOMEN, folds) == {}
    assert set(group_trainings(MEN, folds)) == {0, 1}
    said = list(group_remarks(CROWD, "gender", folds))
    assert said[0] == (
        "Fold(s) 0, 1 of toy test or train nobody of the group 'gender f', which is not asked "
        "there."
    )
    assert said[1:] == [
        "gender m of toy: 5 persons are trained on; where the group is heard, 3 of them belong to "
        "it."
    ]
