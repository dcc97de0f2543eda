"""A task's words are known in any spelling; what no model knows is never passed off as
``unknown``.
"""

from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch

from tests.toys import make_table
from vop_core.data.format import LabelledClip, write_dataset
from vop_core.data.metadata import SAME_PERSONS
from vop_core.data.names import folded
from vop_core.data.sources.catalogue import DSPSPEECH_WORDS
from vop_core.data.sources.synthetic.words import KEYWORD_WORDS, UNKNOWN_TEST_WORDS
from vop_core.data.splits import BUNDLE, ROLES, TEST, TRAIN, role_of, split_file
from vop_core.data.tables import read_table
from vop_core.errors import DataError
from vop_core.methods.base import PersonalizationMethod
from vop_core.tasks import keyword_spotting
from vop_core.tasks.keyword_spotting import (
    COMMANDS,
    KEYWORDS_EN,
    OTHER_COMMANDS,
    SHARES,
    TAUGHT_UNKNOWN,
    WAKE_UP_WORDS,
    with_silence,
)
from vop_core.tasks.registry import TASKS

ENGLISH, OTHER = TASKS["keywords-en"], TASKS["keywords-ar"]
WORDS = ("yes", "zoom in", "zoom out")


def test_words_are_the_tasks_in_any_spelling():
    found = ("Stop", "LEFT", "stop", "unknown", "Silence")
    assert ENGLISH.words(found, KEYWORDS_EN) == dict(
        zip(found, ("stop", "left", "stop", "unknown", "silence"), strict=True)
    )
    assert list(OTHER.words(["Zoom_In", "zoom-out"], WORDS).values()) == ["zoom in", "zoom out"]


def test_every_word_of_the_training_data_is_a_command_or_taught_as_unknown():
    """None of the words that test ``unknown`` is."""
    taught = [*OTHER_COMMANDS, *WAKE_UP_WORDS, *(label for label, *_ in DSPSPEECH_WORDS), "April"]
    assert ENGLISH.words(taught, KEYWORDS_EN) == dict.fromkeys(taught, "unknown")
    assert len(OTHER_COMMANDS) == 25 and len(COMMANDS) == 10
    assert not {folded(word) for word in COMMANDS} & TAUGHT_UNKNOWN
    assert not {folded(word) for word in UNKNOWN_TEST_WORDS} & TAUGHT_UNKNOWN
    assert tuple(KEYWORD_WORDS) == COMMANDS


def test_a_word_that_no_model_knows_is_refused_with_the_known_ones():
    known = "its words are yes, no"
    with pytest.raises(DataError, match=rf"'spot' is not a word of this task; {known}.*'unknown'"):
        ENGLISH.words(["stop", "spot"], KEYWORDS_EN)
    with pytest.raises(
        DataError, match=r"'house', like 1 other label\(s\), is not .*zoom out: .* or remove them"
    ):
        OTHER.words(["house", "shuzi"], WORDS)
    with pytest.raises(DataError, match="'unknown' is not a word"):
        OTHER.words(["unknown"], WORDS)


def test_what_is_read_as_another_word_is_said():
    counts = {"Stop": 24, "stop": 1, "shuzi": 3, "house": 2, "go": 5}
    assert ENGLISH.reading_notes(counts, KEYWORDS_EN) == [
        "'Stop' is read as 'stop' (24 clips).",
        "5 clips of words taught as 'unknown' are read so: shuzi, house.",
    ]
    assert ENGLISH.reading_notes({"go": 5, "unknown": 2}, KEYWORDS_EN) == []


def test_relabelling_moves_every_clip_to_its_word_and_no_other():
    table = make_table(persons=2, takes=1, labels=3)
    named = type(table)(**{**vars(table), "labels": ("Up", "shuzi", "on")})
    relabelled = ENGLISH.relabel(named, KEYWORDS_EN)
    assert relabelled.labels == KEYWORDS_EN
    wanted = torch.tensor([KEYWORDS_EN.index(word) for word in ("up", "unknown", "on")])
    assert torch.equal(relabelled.label, wanted[table.label])
    assert torch.equal(relabelled.person, table.person)


# --- what the shipped models learn from -----------------------------------------------------------

WORDS_OF = {
    "speech_commands_test": ("yes", "no"),
    "speech_commands_test_others": ("bed", "cat"),
    "wuw2": ("voyager",),
    "dspspeech20": ("shuzi",),
    "arabic_speech_commands": ("yes", "zoom in"),
}
EACH_ROLE, TAKES = 2, 3


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """Tiny corpora under the names of the real ones, two persons of each role of their splits; one
    of Speech Commands has clips of other words only.
    """
    for name, words in WORDS_OF.items():
        people = persons_by_role(SAME_PERSONS.get(name, name))
        if name == "speech_commands_test":
            people = people[1:]
        write_dataset(tmp_path / name, clips(people, words))
    for name, made in (("training", ("yes", "unknown")), ("test", ("unknown",))):
        folder = tmp_path / f"synthetic-{name}"
        write_dataset(folder, clips([f"t{name}"], made))
        asked = {"training": "synthetic_training_folder", "test": "unknown_test_folder"}[name]
        monkeypatch.setattr(keyword_spotting, asked, lambda folder=folder: folder)
    monkeypatch.setenv("VOP_DATA", str(tmp_path))
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))


def persons_by_role(corpus):
    rows = [fields for _, fields in read_table(split_file(corpus), ("person", "role"))]
    return [
        row["person"]
        for role in ROLES
        for row in [each for each in rows if each["role"] == role][:EACH_ROLE]
    ]


def clips(people, words):
    generator = torch.Generator().manual_seed(len(people) + len(words[0]))
    for person in people:
        for word in words:
            for take in range(1, TAKES + 1):
                sound = 0.1 * torch.randn(8000, generator=generator)
                yield LabelledClip(person, word, take, sound)


@pytest.mark.parametrize("task", ["keywords-en", "keywords-ar"])
def test_no_shipped_model_learns_from_a_person_whose_role_is_not_train(corpora, task):
    data = TASKS[task].data()
    people = [name for name in data.train.persons if not name.startswith("synthetic-")]
    assert people and {role_of(name) for name in (*people, *data.closed.persons)} == {TRAIN}
    unknown_role = BUNDLE if task == "keywords-ar" else TEST
    assert {role_of(name) for name in data.open.persons} == {unknown_role}
    assert not set(data.train.persons) & set(data.open.persons)


def test_who_speaks_in_two_corpora_is_one_person_in_one_set(corpora):
    data = ENGLISH.data()
    for table in (data.train, data.closed, data.open):
        assert len(set(table.persons)) == len(table.persons)
        assert not any(name.startswith("speech_commands_test_others/") for name in table.persons)
    both = [name for name in data.train.persons if name.startswith("speech_commands_test/")]
    said = [
        {KEYWORDS_EN[label] for label in data.train.label[data.train.person == index].tolist()}
        for index, name in enumerate(data.train.persons)
        if name in both
    ]
    # one of the two has no clip of the ten words
    assert sorted(map(sorted, said)) == [
        ["no", "silence", "unknown", "yes"],
        ["unknown"],
    ]


def test_persons_are_drawn_by_the_shares_of_their_corpora(corpora):
    data = ENGLISH.data()
    assert data.person_weights.shape == (len(data.train.persons),)
    for corpus, share in SHARES.items():
        of_it = [name.startswith(f"{corpus}/") for name in data.train.persons]
        torch.testing.assert_close(data.person_weights[torch.tensor(of_it)].sum().item(), share)


def test_closed_and_open_persons_say_the_commands(corpora):
    data = ENGLISH.data()
    for table in (data.closed, data.open):
        assert {name.split("/")[0] for name in table.persons} == {"speech_commands_test"}
        assert set(COMMANDS[:2]) <= {KEYWORDS_EN[label] for label in table.label.tolist()}


def saying(wide, narrow):
    """A model that gives one answer to what is loud above 4 kHz, and another to all else."""

    def answers(adaptation, features):
        high = features[..., -4:, :].mean((-1, -2)) > features[..., :4, :].mean((-1, -2)) - 2
        labels = torch.where(high, KEYWORDS_EN.index(wide), KEYWORDS_EN.index(narrow))
        return torch.nn.functional.one_hot(labels, len(KEYWORDS_EN)).float()

    return Mock(spec=PersonalizationMethod, predict_persons=answers)


def test_the_card_checks_bandwidth_unknown_words_and_silence(corpora):
    data = ENGLISH.data()
    models = {"deaf": saying("silence", "unknown"), "keen": saying("unknown", "yes")}
    found = ENGLISH.checks(models, data)
    rise, taught, untaught, background, noise = found.values()
    # every clip here is white noise, and only low-passing takes its upper half away
    assert rise == {"deaf": 1.0, "keen": -1.0}
    assert taught == untaught == {"deaf": 0.0, "keen": 1.0}
    assert noise == {"deaf": 1.0, "keen": 0.0}
    assert set(background) == {"deaf", "keen"}


def test_silence_comes_about_once_for_ten_clips_and_at_most_twelve_times():
    table = make_table(persons=2, takes=15, labels=12)
    few = table.select(
        torch.cat(((table.person == 0).nonzero()[:6], (table.person == 1).nonzero())).squeeze(1)
    )
    named = replace(few, labels=KEYWORDS_EN, variants=few.variants | {"noise": few.features})
    silent = with_silence(named)
    added = silent.person[len(named) :]
    assert torch.bincount(added).tolist() == [1, 12]
    assert (silent.label[len(named) :] == KEYWORDS_EN.index("silence")).all()
