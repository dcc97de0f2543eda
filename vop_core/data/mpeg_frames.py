"""Frames of mp3 and aac, which need no container, and the tags at the end of such files."""

import re
from collections.abc import Iterator

MOST_TAGS = 20
JUNK_BYTES = 8_192  # so much may stand before the first frame of a captured stream
FRAMES_IN_A_ROW = 3  # so many are no accident
DELAY_FRAMES = 2  # what an encoder adds at the beginning and at the end, about
KILOBITS = {  # by (version, layer); layer 3 is called 1 in the header
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44_100, 48_000, 32_000)  # Hz; half and a quarter of it in later versions


def stream(data: bytes) -> tuple[str, bytes] | None:
    """The kind, mp3 or aac, and its frames without what stands around them; None without any.

    They begin at the first place where three frames follow one another, or as many as there are.
    """
    for match in re.finditer(b"\xff", data[:JUNK_BYTES]):
        start = match.start()
        sizes = list(_sizes(data, start))
        ends = start + sum(sizes) >= len(data) and start == 0
        if len(sizes) == FRAMES_IN_A_ROW or (sizes and ends):
            kind = "mp3" if data[start + 1] & 0x06 else "aac"
            return kind, data[start : _before_tags(data)]
    return None


def _sizes(data: bytes, position: int) -> Iterator[int]:
    """The sizes of the frames that follow one another from here, three at most."""
    for _ in range(FRAMES_IN_A_ROW):
        size = frame_bytes(data[position : position + 7])
        if size is None:
            return
        yield size
        position += size


def frame_bytes(head: bytes) -> int | None:
    """Size of the frame of mp1 to mp3 or aac that begins with these bytes; None when none does."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return size if head[1] & 0xF0 == 0xF0 and head[2] >> 2 & 15 < 13 and size > 7 else None
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return None
    table = (3, layer) if version == 3 else (2, layer if layer == 3 else 2)
    kilobits = KILOBITS[table][bitrate - 1]
    hertz = RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 3:
        return (12_000 * kilobits // hertz + padding) * 4
    return (72_000 if layer == 1 and version != 3 else 144_000) * kilobits // hertz + padding


def mp3_samples(data: bytes) -> int:
    """Samples by the first frame of an mp3, less the encoder's delay; 0 where it does not say."""
    start = data[:256]
    tag = max(start.find(b"Xing"), start.find(b"Info"))
    if tag < 0 or not start[tag + 7 : tag + 8] or not start[tag + 7] & 1:
        return 0
    frames = int.from_bytes(start[tag + 8 : tag + 12], "big")
    return max(frames - DELAY_FRAMES, 0) * (1_152 if start[1] >> 3 & 3 == 3 else 576)


def _before_tags(data: bytes) -> int:
    """The last byte before the ID3v1, Lyrics3 and APE tags at the end of an mp3."""
    end = len(data)
    for _ in range(MOST_TAGS):
        size = 0
        if data[end - 128 : end - 125] == b"TAG":
            size = 128
        elif data[end - 9 : end] == b"LYRICS200" and data[end - 15 : end - 9].isdigit():
            size = int(data[end - 15 : end - 9]) + 15
        elif data[end - 32 : end - 24] == b"APETAGEX":
            has_header = 32 if data[end - 9] & 0x80 else 0
            size = int.from_bytes(data[end - 20 : end - 16], "little") + has_header
        if not 0 < size <= end:
            break
        end -= size
    return end
