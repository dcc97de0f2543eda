"""Trial lists: what is drawn, what is read back, and what is refused."""

import pytest

from tests.data.audio_fixtures import soundfile_bytes, vowel
from tests.toys import seeded
from vop_core.data import trials
from vop_core.data.locations import trials_root
from vop_core.data.persons import load_dataset
from vop_core.data.splits import TRAIN, role_of
from vop_core.data.trials import draw_trials, read_trials
from vop_core.errors import DataError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Four persons with four clips each, two calls of two, and one with a single clip."""
    folder = tmp_path_factory.mktemp("speakers")
    rows = ["path,person,label,take,session"]
    for person in range(4):
        for take in range(4):
            name = f"p{person} {take}.wav"
            (folder / name).write_bytes(soundfile_bytes(vowel(0.5, pitch=100 + 20 * person + take)))
            rows.append(f"{name},p{person},word,{take + 1},call{take // 2}")
    (folder / "once.wav").write_bytes(soundfile_bytes(vowel(0.5, pitch=300)))
    rows.append("once.wav,once,word,1,call0")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return load_dataset(folder)


def drawn(dataset, **asked):
    return draw_trials(dataset, dataset.persons, generator=seeded(0), **asked)


def test_claims_are_the_person_s_own_clips_and_others_and_none_that_enrolls(dataset):
    found = drawn(dataset)
    assert [claim.person for claim in found.claims] == [f"{dataset.name}/p{n}" for n in range(4)]
    for claim in found.claims:
        assert {clip.person for clip in claim.enrollment} == {claim.person}
        assert not {clip.path for clip in claim.enrollment} & {clip.path for clip in claim.asked}
        own = [clip for clip in claim.asked if clip.person == claim.person]
        others = [clip for clip in claim.asked if clip.person != claim.person]
        assert len(claim.enrollment) + len(own) == 4 and own
        assert len({clip.path for clip in others}) == len(others) == 13  # all there are
        assert len({clip.person for clip in others[:4]}) == 4  # in turn


def test_across_calls_one_call_enrolls_and_another_is_asked_about(dataset):
    for claim in drawn(dataset, across_calls=True).claims:
        own = {clip.attributes["session"] for clip in claim.asked if clip.person == claim.person}
        assert {clip.attributes["session"] for clip in claim.enrollment}.isdisjoint(own)


def test_a_list_is_read_as_it_was_written(dataset, tmp_path):
    made = drawn(dataset)
    file = tmp_path / f"{made.name}.txt"
    file.write_text(made.as_text(dataset.root), encoding="utf-8")
    assert read_trials(file, dataset) == made


ENROLLED = "enroll\tp0\tp0 0.wav"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("enroll\tnobody\tp0 0.wav", "'nobody', who has no clip"),
        ("same\tp0\tp0 9.wav", "'p0 9.wav', which .* does not hold"),
        ("same\tp0\tp1 1.wav", "'same' of a clip that is not p0's"),
        ("other\tp0\tp0 1.wav", "'other' of a clip that is p0's"),
        ("enroll\tp1\tp1 0.wav\tp0 1.wav", "'enroll' of a clip that is not p1's"),
        ("same\tp1\tp1 1.wav", "p1, for whom no line before it enrolls"),
        ("same\tp0\tp0 0.wav", "asks about a clip that enrolls"),
        ("same p0 p0 1.wav", "with tabs between"),
        ("maybe\tp0\tp0 1.wav", "is not 'enroll PERSON CLIP"),
        ("", "is not 'enroll PERSON CLIP"),
    ],
)
def test_a_line_that_does_not_fit_is_named(dataset, tmp_path, line, says):
    file = tmp_path / "list.txt"
    file.write_text(f"{ENROLLED}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"^Line 2 of 'list.txt' .*{says}"):
        read_trials(file, dataset)


def test_no_list_and_nobody_to_claim_are_said(dataset, tmp_path):
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="holds no trial"):
        read_trials(tmp_path / "empty.txt", dataset)
    with pytest.raises(DataError, match="is no trial list"):
        read_trials(tmp_path / "missing.txt", dataset)
    with pytest.raises(DataError, match="1 can claim to be themselves"):
        draw_trials(dataset, dataset.persons[:2], generator=seeded(0))


def test_no_committed_trial_is_about_a_person_whom_a_model_is_trained_on():
    files = sorted(trials_root().glob("*.txt"))
    assert {file.stem.rsplit("-", 1)[0].removesuffix(trials.ACROSS) for file in files} == set(
        trials.CORPORA
    )
    for file in files:
        corpus = file.stem.rsplit("-", 1)[0].removesuffix(trials.ACROSS)
        lines = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
        assert TRAIN not in {role_of(f"{corpus}/{person}") for _, person, *_ in lines}


@pytest.mark.data
@pytest.mark.parametrize("corpus", trials.CORPORA)
def test_the_committed_lists_fit_the_corpora(real_data, corpus):
    if not (real_data / corpus).is_dir():
        pytest.skip(f"{corpus} is not in VOP_DATA")
    dataset = load_dataset(real_data / corpus)
    for file in trials_root().glob(f"{corpus}*.txt"):
        assert len(read_trials(file, dataset).claims) > 1
