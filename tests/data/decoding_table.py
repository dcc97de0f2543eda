"""Writes docs/decoding.md: every case of ``decoding_cases``, here and with FFmpeg and sox.

    python -m tests.data.decoding_table

Needs ffmpeg and sox on the path, which the project itself does not.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.data.decoding_cases import Case, cases
from vop_core.data.audio import decode
from vop_core.data.containers import find
from vop_core.errors import AudioError

PAGE = Path("docs/decoding.md")
RATE, BYTES = 16_000, 2
COMMANDS = {
    "FFmpeg": [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        "{}",
        "-f",
        "s16le",
        "-ar",
        str(RATE),
        "-ac",
        "1",
        "-",
    ],
    "sox": ["sox", "{}", "-t", "raw", "-e", "signed", "-b", "16", "-r", str(RATE), "-c", "1", "-"],
}
EXTENSIONS = {"mp4": "m4a", "asf": "wma"}
SOX_HAS_NO_READER = {"mp3", "aac", "m4a", "webm", "wma", "opus"}
HEAD = """\
| file | here | notes, or why it is refused | FFmpeg | sox | why not alike |
|---|---|---|---|---|---|"""
SAME_SECONDS = 0.15
IN_WAV = [
    *(f"{codec} in wav" for codec in ("mp3", "mp2", "AC-3", "G.722", "G.726", "WMA")),
    "mp3 in wav, 0.6 of it",
    "AAC with ADTS frames (0x1600)",
]
NO_CODEC = "sox has no reader for the codec"
FIRST_ONLY = "sox takes the first stream only"
REASONS = {
    "data size 0 and then sound (a recorder that crashed)": "sox believes the 0",
    "both sizes 0 and then sound": "sox believes the 0",
    "both sizes 0, sound, LIST": "sox believes the 0",
    "data size 0 and then a LIST chunk": "FFmpeg plays the chunk",
    "data size 0 and then bext and LIST": "FFmpeg plays the chunks",
    "0.05 of 1.0 s there": "no word is shorter than 0.1 s",
    "RF64 with size 0 in ds64": "both believe the 0; FFmpeg does not in a plain wav file",
    "RF64 with size -1 in ds64": "FFmpeg refuses the negative size",
    "BW64": "sox does not know this name of RF64",
    "Wave64 piped by FFmpeg": "FFmpeg does not read what it writes",
    "Wave64 piped by sox": "sox writes three headers; it plays two, FFmpeg refuses them",
    "caf piped by FFmpeg (size -1)": "sox does not know the -1 of an open length",
    "caf, 0.6 of it": "sox calls it malformed",
    "caf piped by sox": "sox writes three headers; FFmpeg plays two, sox finds no sound",
    "aiff piped by FFmpeg (all 0)": "FFmpeg does not read what it writes",
    "aifc, mu-law": NO_CODEC,
    "caf, ALAC": NO_CODEC,
    **dict.fromkeys(IN_WAV, NO_CODEC),
    "ogg, two vorbis streams chained": FIRST_ONLY,
    "ogg, vorbis at 24 kHz, then at 48 kHz in stereo": (
        "sox plays the second at the rate of the first"
    ),
    "ID3v2.3 before wav": "sox does not skip the tag",
    "ID3v2.3 before aiff": "sox does not skip the tag",
    "ID3v2.4 with a footer before flac": "sox does not know the footer",
    "two ID3v2 tags before wav": "FFmpeg takes it for another kind, sox skips no tag",
    "ID3v2 whose size is not in seven bits, before flac": "sox believes the size",
    "ID3v2 with padding it does not count, before flac": "sox believes the size",
    "a blank line before wav": "neither looks behind it",
}
INTRODUCTION = """\
# What becomes of a sound file

Every container, header and tag that decoding was tried on. Each sound is a second of 440 Hz unless
its row says otherwise. A length in seconds means that the file is read, a dash that it is refused.
The rows are the cases of `tests/data/decoding_cases.py`, and the tests hold the second column to
them, with the pitch at both ends; the columns of FFmpeg and sox were made with {versions} by
`python -m tests.data.decoding_table`. "No reader" is a kind of file that this sox was built
without.

The rules:

- What counts is where the sound begins and where the file ends. A length in a header is a claim:
  where it is more than is there, what is there is read, with a note. Chunks and tags behind the
  sound are never taken for sound.
- Rate and channels are taken from every frame. A recording that changes them is brought to the
  highest.
- The container is found behind tags and blanks, and by its own first bytes alone; the file's name
  is not asked. Decoders are always told the format, so no playlist can make them open another file
  or address.
- Refused, in one sentence, is what is no sound, what no decoder at hand can read, what is silent or
  shorter than 0.1 s, over 60 s or 20 MB.
"""


def seconds_by(program: str, path: Path) -> float:
    """How much sound the program reads from the file, 0 where it refuses it."""
    command = [part.format(path) for part in COMMANDS[program]]
    run = subprocess.run(command, capture_output=True, timeout=60)
    return len(run.stdout) / BYTES / RATE


def here(case: Case, data: bytes) -> tuple[float, str]:
    try:
        clip = decode(data, name=case.name)
    except AudioError as error:
        return 0.0, str(error).removeprefix(case.name).strip()
    return clip.seconds, "; ".join(clip.notes)


def extension(case: Case, data: bytes) -> str:
    """sox goes by the name: give it the true one."""
    if "opus" in case.what and "webm" not in case.what:
        return "opus"
    if case.name != "clip.wav":
        return case.name.split(".")[-1]
    found = find(data)
    return EXTENSIONS.get(found.kind, found.kind) if found else "wav"


def version(command: str) -> str:
    option = "--version" if command == "sox" else "-version"
    run = subprocess.run([command, option], capture_output=True, text=True)
    return run.stdout.split()[2].split("-")[0].removeprefix("v")


def shown(seconds: float | None) -> str:
    if seconds is None:
        return "no reader"
    return f"{seconds:.2f}" if seconds else "–"


def main() -> int:
    versions = f"FFmpeg {version('ffmpeg')} and sox {version('sox')}"
    lines, group, unexplained = [INTRODUCTION.format(versions=versions)], "", []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases():
            data = case.build()
            seconds, said = here(case, data)
            path = Path(folder, f"clip.{extension(case, data)}")
            path.write_bytes(data)
            others = {program: seconds_by(program, path) for program in COMMANDS}
            if path.suffix[1:] in SOX_HAS_NO_READER:
                del others["sox"]
            if case.group != group:
                group = case.group
                lines += [f"\n## {group}\n", HEAD]
            cells = [shown(value) for value in (seconds, others["FFmpeg"], others.get("sox"))]
            because = REASONS.get(case.what, "")
            lines.append(
                f"| {case.what} | {cells[0]} | {said} | {cells[1]} | {cells[2]} | {because} |"
            )
            alike = all(
                bool(value) == bool(seconds) and abs(value - seconds) < SAME_SECONDS
                for value in others.values()
            )
            if alike == bool(because):
                unexplained.append(lines[-1])
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # rows that differ and do not say why, or say why and do not differ
    print(*unexplained, sep="\n")
    return bool(unexplained)


if __name__ == "__main__":
    sys.exit(main())
