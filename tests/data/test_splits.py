"""One split per corpus: nobody in two roles, made by its rule, and kept to."""

from collections import Counter, defaultdict

import pytest

from vop_core.data import splits
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.data.splits import BUNDLE, CHOOSE, ROLES, RULES, TEST, TRAIN, persons_with_role
from vop_core.data.tables import read_table
from vop_core.data.ways import by_alphabet
from vop_core.errors import DataError

SIZES = {
    "speech_commands_test": {TRAIN: 110, CHOOSE: 30, BUNDLE: 24, TEST: 25},
    "wuw2": {TRAIN: 88, CHOOSE: 24, TEST: 30},
    "arabic_speech_commands": {TRAIN: 12, CHOOSE: 4, BUNDLE: 8},
    "dspspeech20": {TRAIN: 14, CHOOSE: 4, TEST: 6},
    "speechocean762": {TRAIN: 105, CHOOSE: 20, TEST: 60},
    "mnist_train_writers": {TRAIN: 299, CHOOSE: 40, TEST: 60},
    "chinese_mnist": {TRAIN: 50, CHOOSE: 10, TEST: 20},
    "unipen_characters": {TRAIN: 123, CHOOSE: 20, TEST: 30},
    "omniglot_small": {TRAIN: 4, CHOOSE: 1, TEST: 1},
}


def committed(corpus):
    """Pairs of person and role, as they stand in the file."""
    rows = read_table(splits.split_file(corpus), ("person", "role"))
    return [(fields["person"], fields["role"]) for _, fields in rows]


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Writes the split of the corpus ``toy``."""
    monkeypatch.setattr(splits, "splits_root", lambda: tmp_path)

    def write(*rows):
        (tmp_path / "toy.csv").write_text("\n".join(("person,role", *rows)) + "\n")

    return write


@pytest.fixture
def source(real_data):
    """The recordings that a split was made of, and the clips of every person."""

    def read(corpus):
        if not (real_data / corpus).is_dir():
            pytest.skip(f"no {corpus} there")
        dataset = by_alphabet(load_dataset(real_data / corpus))
        dataset = dataset.without(dataset.known_bad)
        if dataset.persons != tuple(f"{corpus}/{person}" for person, _ in committed(corpus)):
            pytest.skip(f"this {corpus} has other persons")
        clips = defaultdict(list)
        for record in dataset.records:
            clips[record.person].append(record)
        return dataset, clips

    return read


@pytest.mark.parametrize("corpus", SIZES)
def test_nobody_has_two_roles_and_roles_have_their_sizes(corpus):
    rows = committed(corpus)
    assert len({person for person, _ in rows}) == len(rows)
    assert Counter(role for _, role in rows) == SIZES[corpus]
    assert set(SIZES[corpus]) <= set(ROLES)


def test_every_split_has_a_rule():
    files = {file.stem for file in splits.splits_root().iterdir()}
    assert files == set(SIZES) == set(RULES)


@pytest.mark.data
@pytest.mark.parametrize("corpus", RULES)
def test_the_committed_split_is_what_its_rule_gives(source, corpus):
    dataset, _ = source(corpus)
    made = splits.split_table(dataset, RULES[corpus])
    assert splits.split_file(corpus).read_text() == made


@pytest.mark.data
@pytest.mark.parametrize("corpus", ["wuw2", "speechocean762"])
def test_every_group_has_its_share_of_every_role_within_one_person(source, corpus):
    """Of the persons that nothing is chosen on, who are drawn before."""
    _, clips = source(corpus)
    groups = {
        person: RULES[corpus].group(own)
        for person, own in clips.items()
        if splits.role_of(person) != CHOOSE
    }
    for group in groups.values():
        members = [person for person, other in groups.items() if other == group]
        roles = Counter(map(splits.role_of, members))
        for role in (TRAIN, TEST):
            count = SIZES[corpus][role]
            assert abs(roles[role] - len(members) * count / len(groups)) <= 1


@pytest.mark.data
def test_who_is_bundled_chosen_or_tested_on_has_clips_enough(source):
    _, clips = source("speech_commands_test")
    for person, own in clips.items():
        least = RULES["speech_commands_test"].clips.get(splits.role_of(person), 1)
        assert len(own) >= least


def test_two_corpora_of_the_same_persons_have_one_split(tmp_path):
    person, role = committed("speech_commands_test")[0]
    for corpus in ("speech_commands_test", "speech_commands_test_others"):
        (tmp_path / corpus).mkdir()
        (tmp_path / corpus / "metadata.csv").write_text(f"path,person,label\na.flac,{person},yes\n")
        dataset = load_dataset(tmp_path / corpus)
        assert (dataset.name, dataset.persons) == (corpus, (f"speech_commands_test/{person}",))
        assert persons_with_role(dataset, role) == dataset.persons


def test_a_split_depends_on_who_there_is_and_not_on_their_order(tmp_path):
    records = tuple(
        ClipRecord(tmp_path / f"{person}{take}.flac", f"toy/p{person}", "yes", take)
        for person in range(12)
        for take in range(1 + person)
    )
    rule = splits.Rule({BUNDLE: 2, TEST: 3}, clips={BUNDLE: 10, TEST: 4})
    roles, again = (
        splits.make_split(PersonDataset("toy", tmp_path, each), rule)
        for each in (records, records[::-1])
    )
    assert roles == again
    assert Counter(roles.values()) == {BUNDLE: 2, TEST: 3, TRAIN: 7}
    assert all(int(person[1:]) >= 9 for person, role in roles.items() if role == BUNDLE)
    assert all(int(person[1:]) >= 3 for person, role in roles.items() if role == TEST)


def test_a_person_who_is_not_in_the_split_is_tested_on_and_never_trained_on(table):
    table("anna,train", "ben,choose")
    assert splits.role_of("toy/anna") == TRAIN
    assert splits.role_of("toy/somebody") == TEST
    assert splits.role_of("elsewhere/anna") is None


def test_persons_are_asked_for_by_role(table, tmp_path):
    table("anna,train", "ben,choose", "cai,train")
    records = tuple(
        ClipRecord(tmp_path / name, f"toy/{name}", "yes", 1) for name in ("anna", "ben", "dora")
    )
    dataset = PersonDataset("toy", tmp_path, records)
    found = {role: splits.persons_with_role(dataset, role) for role in ROLES}
    assert found == {TRAIN: ("toy/anna",), CHOOSE: ("toy/ben",), TEST: ("toy/dora",), BUNDLE: ()}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["anna,train", "anna,test"], "^'anna' stands twice in '.*'; remove one row"),
        (["anna,trained"], "^'anna' has the role 'trained' in '.*'; the roles are train, choose"),
    ],
)
def test_a_split_that_says_two_things_or_an_unknown_one_is_refused(table, rows, says):
    table(*rows)
    with pytest.raises(DataError, match=says):
        splits.role_of("toy/anna")
