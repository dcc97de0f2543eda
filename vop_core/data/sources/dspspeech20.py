"""DSPSpeech-20 [DSPSPEECH]: 12 Mandarin and 8 English words, 20 takes, by 34 students.

Files are ``speech_data/SPEAKER/SPEAKER-WORD-TAKE.wav``. SPEAKER is a student number; it is replaced
by the speaker's rank in sorted order, s01 to s34, so all 34 folders must be there. That the ranks
agree with the ids in the project's cards is an assumption: those were assigned elsewhere. Nobody
publishes a checksum; the address is pinned to a commit. Persons known to be unusable are listed in
:data:`vop_core.data.persons.KNOWN_BAD`.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from vop_core.data.sources.source import NamedClip, Source, match_paths
from vop_core.errors import DataError

PERSONS = 34
WORDS = (  # label, written form, language; position = number in the file name
    ("shuzi", "数字", "zh"),
    ("yuyin", "语音", "zh"),
    ("yuyan", "语言", "zh"),
    ("shibie", "识别", "zh"),
    ("zhongguo", "中国", "zh"),
    ("zonggong", "总工", "zh"),
    ("beijing", "北京", "zh"),
    ("beijing2", "背景", "zh"),
    ("shanghai", "上海", "zh"),
    ("shanghang", "商行", "zh"),
    ("fudan", "复旦", "zh"),
    ("fandian", "饭店", "zh"),
    ("speech", "Speech", "en"),
    ("speaker", "Speaker", "en"),
    ("signal", "Signal", "en"),
    ("process", "Process", "en"),
    ("print", "Print", "en"),
    ("open", "Open", "en"),
    ("close", "Close", "en"),
    ("project", "Project", "en"),
)
_CLIP = re.compile(r"/(\d{6,})/(\d{6,})-(\d\d)-(\d\d)\.wav$")
_COMMIT = "8165959c2567190524898e8187021c8ffb19b262"


def _plan(
    paths: Iterable[PurePosixPath], tables: Mapping[str, bytes]
) -> dict[PurePosixPath, NamedClip]:
    paths = list(paths)
    speakers = {match[1] for path in paths if (match := _CLIP.search("/" + str(path)))}
    if speakers and len(speakers) != PERSONS:
        raise DataError(
            f"DSPSpeech-20 has {PERSONS} speakers, but {len(speakers)} are here; their ids are "
            f"ranks, "
            f"so all are needed: fetch it anew."
        )
    rank = {
        speaker: f"s{position:02d}" for position, speaker in enumerate(sorted(speakers), start=1)
    }

    def name_clip(match: re.Match[str]) -> NamedClip | None:
        folder, speaker, word, take = match.groups()
        if folder != speaker or int(word) >= len(WORDS):
            return None
        label, text, language = WORDS[int(word)]
        return NamedClip(rank[speaker], label, int(take), {"text": text, "language": language})

    return match_paths(_CLIP, paths, name_clip)


SOURCE = Source(
    name="dspspeech20",
    title="DSPSpeech-20",
    homepage="https://github.com/zhongyuchen/DSPSpeech-20",
    url=f"https://github.com/zhongyuchen/DSPSpeech-20/archive/{_COMMIT}.zip",
    licence="MIT",
    citation="DSPSPEECH",
    persons=PERSONS,
    labels=len(WORDS),
    clips=13_599,
    megabytes=521,
    layout="speech_data/16307130194/16307130194-12-16.wav",
    plan=_plan,
)
