"""What a streaming detector of one chosen word costs: false alarms an hour, and words caught.

Nobody who is heard here trained the model. False alarms are counted on *other sound*: read English
sentences, single words of other kinds and in another language, synthetic voices, and noise with the
spectrum of speech. A recording whose text says the word, or one that sounds the same, is no test of
that word and is left out for it. Words are caught, or not, in the bundled persons' query clips,
one after the other; what is enrolled are their enrollment clips. Personal models are those of all
bundled persons where words are caught, and of the first few where hours are listened to.

A threshold is chosen on every second person of the other sound and held against the others, and the
other way round: what is told of it was not there when it was chosen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vop_core.data.audio import decode_file, log_mel
from vop_core.data.features import matched_noise
from vop_core.data.locations import find_dataset
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.data.splits import TRAIN, role_of
from vop_core.data.voices import BundledPerson, talkers
from vop_core.evaluation.streaming import StreamConfig, detections, smoothed
from vop_core.models.bundle import Bundle
from vop_core.nets.encoder import Encoder
from vop_core.tasks.keyword_spotting import COMMANDS
from vop_core.tasks.registry import TASKS
from vop_core.types import SAMPLE_RATE

OTHER_SOUND = ("speechocean762", "speech_commands_test_others", "arabic_speech_commands")
NOISES, NOISE = 30, 30 * SAMPLE_RATE  # stretches of noise, and the samples of one
SOUND_ALIKE = {"no": {"no", "know"}, "right": {"right", "write"}}
SHOTS = 5
LISTENERS = 8  # persons whose models hear the other sound
MOST_ALARMS = 1.0  # an hour, that a chosen threshold lets through
# even in log odds: the last of 9 in 10 and of 9 in 10,000 are equally far from the next
THRESHOLDS = np.round(1 / (1 + np.exp(-np.arange(-0.8, 9.21, 0.25))), 5)
LATEST = SAMPLE_RATE // 2  # samples after a clip's end in which its word is still caught
FLOOR = 1e-3  # amplitude of the noise before and after what is said, -60 dB re full scale
AT_ONCE = 50  # windows

Progress = Callable[[str, int, int], None] | None  # source, persons heard, of how many
Caught = dict[str, Float[np.ndarray, "take threshold"]]  # by word: whether a take is detected


@dataclass(frozen=True)
class Heard:
    """A stretch of sound as everybody's network answers it and then, each in turn, the listeners'
    own.
    """

    source: str
    half: int  # 0 or 1: which thresholds it helps to choose
    probabilities: Float[np.ndarray, "model query word"]
    counts: Bool[np.ndarray, "query word"]  # whether a detection would be a false alarm


def false_alarms(
    bundle: Bundle, *, config: StreamConfig | None = None, progress: Progress = None
) -> dict[str, Any]:
    """Thresholds for every command, what they let through in an hour of other sound, and what they
    catch: by everybody's network and, on average over persons, by personal ones.

    Raises DataError where other sound is missing in VOP_DATA.
    """
    config = config or StreamConfig()
    persons = TASKS[bundle.task].bundled_persons()
    everybody = bundle.vop.prior_model().freeze()
    own = [
        bundle.enroll([clip.load() for clip in person.enrollment[:SHOTS]]).freeze()
        for person in persons
    ]
    caught = {
        "global": [_caught(bundle, everybody, person, config) for person in persons],
        "personal": [
            _caught(bundle, model, person, config)
            for model, person in zip(own, persons, strict=True)
        ],
    }
    heard = list(_other_sound(bundle, [everybody, *own[:LISTENERS]], config, progress))
    models = {"global": slice(0, 1), "personal": slice(1, None)}
    return {
        "task": bundle.task,
        "model": bundle.vop.fingerprint,
        "stream": asdict(config),
        "shots": SHOTS,
        "persons": len(persons),
        "listeners": LISTENERS,
        "hours": _hours(heard, config),
        "most_alarms_an_hour": MOST_ALARMS,
        "thresholds": THRESHOLDS.tolist(),
        "words": {
            word: {
                name: _of_word(heard, models[name], caught[name], place, config) for name in models
            }
            for place, word in enumerate(COMMANDS)
        },
    }


def _hours(heard: Sequence[Heard], config: StreamConfig) -> dict[str, float]:
    """Of each source."""
    found: dict[str, float] = {}
    for each in heard:
        queries = each.probabilities.shape[1]
        found[each.source] = found.get(each.source, 0.0) + queries / config.queries_an_hour
    return {source: round(hours, 3) for source, hours in found.items()}


def _of_word(
    heard: Sequence[Heard],
    models: slice,
    caught: Sequence[Caught],
    place: int,
    config: StreamConfig,
) -> dict[str, Any]:
    """False alarms an hour and the share of takes caught, by threshold; and the threshold that is
    chosen.
    """
    alarms, hours = np.zeros((2, len(THRESHOLDS))), np.zeros(2)
    for each in heard:
        counts = each.counts[:, place]
        hours[each.half] += counts.sum() / config.queries_an_hour
        answers = smoothed(each.probabilities[models, :, place].T, config).T
        for smooth in answers:
            found = [counts[detections(smooth, each_, config)].sum() for each_ in THRESHOLDS]
            alarms[each.half] += np.array(found) / len(answers)
    takes = np.concatenate([of_person[COMMANDS[place]] for of_person in caught])
    share = takes.mean(0)
    # of one half, applied to the other
    chosen = [_lowest(alarms[half] / hours[half]) for half in (0, 1)]
    let_through = alarms[1, chosen[0]] + alarms[0, chosen[1]]
    by_threshold = alarms.sum(0) / hours.sum()
    return {
        "threshold": float(THRESHOLDS[_lowest(by_threshold)]),
        "alarms_an_hour": by_threshold.round(3).tolist(),
        "caught": share.round(4).tolist(),
        "takes": len(takes),
        "hours": round(float(hours.sum()), 3),
        "held_out": {
            "alarms_an_hour": round(float(let_through / hours.sum()), 3),
            "caught": round(float(share[chosen].mean()), 4),
        },
    }


def _lowest(alarms_an_hour: Float[np.ndarray, " threshold"]) -> int:
    """The threshold from which on no more than so many alarms come; failing that, the last."""
    above = np.flatnonzero(alarms_an_hour > MOST_ALARMS)
    return min(int(above[-1]) + 1 if len(above) else 0, len(THRESHOLDS) - 1)


def _caught(bundle: Bundle, model: Encoder, person: BundledPerson, config: StreamConfig) -> Caught:
    """Which takes of each word are detected at each threshold, in a stream of all query clips."""
    generator = torch.Generator().manual_seed(0)
    clips = [clip.load().waveform for clip in person.query]
    room = [FLOOR * torch.randn(SAMPLE_RATE, generator=generator) for _ in range(2)]
    ends = np.cumsum([SAMPLE_RATE, *map(len, clips)])
    (answers,) = _answers(bundle, [model], torch.cat([room[0], *clips, room[1]]), config)
    smooth = smoothed(answers, config)
    found = {}
    for place, word in enumerate(COMMANDS):
        said = [clip.label == word for clip in person.query]
        takes = np.flatnonzero(said)
        middles, lasts = (ends[takes] + ends[takes + 1]) // 2, ends[takes + 1] + LATEST
        found[word] = np.zeros((len(takes), len(THRESHOLDS)))
        for column, threshold in enumerate(THRESHOLDS):
            when = detections(smooth[:, place], threshold, config) * config.hop + SAMPLE_RATE
            inside = (when >= middles[:, None]) & (when <= lasts[:, None])
            found[word][:, column] = inside.any(1)
    return found


def _other_sound(
    bundle: Bundle, models: Sequence[Encoder], config: StreamConfig, progress: Progress
) -> Iterator[Heard]:
    """Every person's recordings, one after the other, and noise."""
    datasets = [load_dataset(find_dataset(name)) for name in OTHER_SOUND]
    for dataset in (*datasets, talkers()):
        untrained = [person for person in dataset.persons if _untrained(person)]
        for number, person in enumerate(untrained):
            records = dataset.restrict(persons=[person]).records
            waveforms = [decode_file(record.path).waveform for record in records]
            counts = _counts(records, [len(waveform) for waveform in waveforms], config)
            answers = _answers(bundle, models, torch.cat(waveforms), config)
            yield Heard(dataset.name, number % 2, answers, counts)
            if progress:
                progress(dataset.name, number + 1, len(untrained))
    for number, waveform in enumerate(_noise(datasets[0])):
        answers = _answers(bundle, models, waveform, config)
        yield Heard("noise", number % 2, answers, np.ones(answers.shape[1:], dtype=bool))


def _untrained(person: str) -> bool:
    """Whether keywords-en was not trained on the person, who is of Speech Commands or of a corpus
    that it never saw.
    """
    return not person.startswith("speech_commands_test") or role_of(person) != TRAIN


def _counts(
    records: Sequence[ClipRecord], lengths: Sequence[int], config: StreamConfig
) -> Bool[np.ndarray, "query word"]:
    """Whether a detection would be false: no window that it is the mean of reaches into a
    recording that says the word.
    """
    ends = np.cumsum([0, *lengths])
    last = np.arange(SAMPLE_RATE, ends[-1] + 1, config.hop)
    reach = SAMPLE_RATE + (config.smoothing - 1) * config.hop
    counts = np.ones((len(last), len(COMMANDS)), dtype=bool)
    for record, first, end in zip(records, ends, ends[1:], strict=False):
        said = {record.label, *record.attributes.get("text", "").lower().split()}
        within = (last > first) & (last - reach < end)
        for place, word in enumerate(COMMANDS):
            if said & SOUND_ALIKE.get(word, {word}):
                counts[within, place] = False
    return counts


def _noise(dataset: PersonDataset) -> Iterator[Float[Tensor, " sample"]]:
    """Stretches of noise with the level and the spectrum of different persons' speech."""
    for number, person in enumerate(dataset.persons[:NOISES]):
        record = dataset.restrict(persons=[person]).records[0]
        generator = torch.Generator().manual_seed(number)
        speech = decode_file(record.path).waveform
        repeated = speech.repeat(-(-NOISE // len(speech)))[:NOISE]
        yield matched_noise(repeated, generator=generator)


@torch.inference_mode()
def _answers(
    bundle: Bundle,
    models: Sequence[Encoder],
    waveform: Float[Tensor, " sample"],
    config: StreamConfig,
) -> Float[np.ndarray, "model query word"]:
    """Every window's probabilities of the commands, by each model."""
    words = [bundle.labels.index(word) for word in COMMANDS]
    found = []
    for windows in waveform.unfold(0, SAMPLE_RATE, config.hop).split(AT_ONCE):
        features = log_mel(windows)
        found.append(torch.stack([model(features).softmax(-1)[:, words] for model in models]))
    return torch.cat(found, dim=1).numpy()
