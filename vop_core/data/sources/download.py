"""Downloads that show progress, resume and are verified.

pooch places the file and checks its SHA-256; it starts every download from zero, so the transfer
itself is done here: the bytes so far stay in ``NAME.part``, and the next attempt, in this run or a
later one, asks the server for the rest (HTTP Range, guarded by If-Range). A server that knows no
ranges, or whose file has changed, sends the whole file, and the transfer starts over.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from requests.exceptions import ChunkedEncodingError, ConnectionError, Timeout

from vop_core.data.sources.source import Source
from vop_core.errors import DataError
from vop_core.writing import write_error

Progress = Callable[[str, int, int | None], None]  # what is being done; how far; of how much
_CHUNK = 1 << 14  # bytes; what is lost at most when a connection drops
_PATIENCE = (10, 30)  # seconds to connect, and between two chunks
_DROPPED = (ConnectionError, ChunkedEncodingError, Timeout)


def silent(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def fetch(
    source: Source,
    folder: Path,
    *,
    url: str | None = None,
    progress: Progress = silent,
    attempts: int = 5,
    wait_s: float = 1.0,
) -> Path:
    """The source's archive in ``folder``, downloaded unless a verified copy is there; ``url`` names
    a mirror.

    A dropped connection is taken up again up to ``attempts`` times, after 1, 2, 3 ... times
    ``wait_s``.

    Raises
    ------
    DataError
        One sentence for: no network, an address that answers with an error, a connection that keeps
        dropping, a file that is not the published one, a full or read-only disk.
    """
    url = url or source.url
    name = f"{source.name}-{Path(urlsplit(url).path).name}"
    by_hand = (
        f"download it by hand from {source.homepage} and run 'vop data prepare {source.name} FILE'"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_space(source, folder)
        # the caller shows progress; pooch would add lines of its own
        pooch.get_logger().setLevel("ERROR")
        transfer = _Transfer(folder / f"{name}.part", source.title, progress, attempts, wait_s)
        known_hash = f"sha256:{source.sha256}" if source.sha256 else None
        return Path(pooch.retrieve(url, known_hash, fname=name, path=folder, downloader=transfer))
    except requests.HTTPError as error:
        code = error.response.status_code
        raise DataError(
            f"{source.title} is not at '{url}' (the server answers {code}); {by_hand}."
        ) from error
    except _DROPPED as error:
        host = urlsplit(url).netloc
        if transfer.received:
            raise DataError(
                f"The connection to {host} keeps breaking off after {transfer.received / 1e6:.1f} "
                "MB; run the same command again to resume."
            ) from error
        raise DataError(f"{host} cannot be reached; check the network, or {by_hand}.") from error
    except requests.RequestException as error:
        raise DataError(
            f"'{url}' cannot be downloaded ({type(error).__name__}); {by_hand}."
        ) from error
    except OSError as error:
        raise write_error(folder, error, DataError) from error
    except ValueError as error:  # pooch's word for a wrong checksum
        raise DataError(
            f"What '{url}' sent is not the published {source.title} (its SHA-256 differs) and was "
            f"not kept; try again, or {by_hand}."
        ) from error


def _check_space(source: Source, folder: Path) -> None:
    needed = source.megabytes * 2_000_000  # the archive and its conversion
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"{source.title} needs about {needed / 1e9:.1f} GB, but the disk of '{folder}' has "
            f"{free / 1e9:.1f} GB left; free some space, or set VOP_CACHE to a folder on another "
            "disk."
        )


@dataclass(frozen=True)
class _Transfer:
    """A pooch downloader that continues where an earlier one stopped."""

    part: Path
    title: str
    progress: Progress
    attempts: int
    wait_s: float

    @property
    def validator(self) -> Path:
        """Holds the ETag or date of the file that the part belongs to."""
        return self.part.with_suffix(".validator")

    @property
    def received(self) -> int:
        """Bytes so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def __call__(self, url: str, output_file: str | Path, pooch: object) -> None:
        for attempt in range(1, self.attempts + 1):
            before = self.received
            try:
                self._continue(url)
                break
            except _DROPPED:
                if attempt == self.attempts or (self.received == before == 0):
                    raise
                time.sleep(attempt * self.wait_s)
        shutil.move(self.part, output_file)
        self.validator.unlink(missing_ok=True)

    def _continue(self, url: str) -> None:
        headers = {"Accept-Encoding": "identity"}
        validator = self.validator.read_text(encoding="utf-8") if self.validator.exists() else ""
        if self.received and validator:
            headers |= {"Range": f"bytes={self.received}-", "If-Range": validator}
        with requests.get(url, headers=headers, stream=True, timeout=_PATIENCE) as response:
            # nothing is left to send, or the part is of another file
            if response.status_code == 416:
                if response.headers.get("Content-Range", "").endswith(f"/{self.received}"):
                    return
                self.part.unlink(missing_ok=True)
                self.validator.unlink(missing_ok=True)
                raise ConnectionError("the partial file does not fit")
            response.raise_for_status()
            resumed = response.status_code == 206
            self._remember(response)
            self._receive(response, done=self.received if resumed else 0)

    def _remember(self, response: requests.Response) -> None:
        etag = response.headers.get("ETag", "W/")
        strong = response.headers.get("Last-Modified", "") if etag.startswith("W/") else etag
        self.validator.write_text(strong, encoding="utf-8")

    def _receive(self, response: requests.Response, *, done: int) -> None:
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        with self.part.open("ab" if done else "wb") as stream:
            for chunk in response.iter_content(_CHUNK):
                stream.write(chunk)
                done += len(chunk)
                self.progress(f"download {self.title}", done, total)
        if total is not None and done < total:
            raise ConnectionError(f"{total - done} bytes are missing")
