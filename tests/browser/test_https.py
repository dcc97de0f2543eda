"""The app behind a proxy that has the certificate: pages, uploads and the microphone."""

import asyncio
import contextlib
import queue
import shutil
import ssl
import subprocess
import threading
from urllib.parse import urlparse

import pytest

from tests.browser.conftest import QUIET, settled, upload
from tests.data.audio_fixtures import soundfile_bytes, vowel

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

HOST = "studio.test"


@pytest.fixture
def certificate(tmp_path):
    """A certificate that nobody else vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make a certificate with")
    made = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    named = ["-subj", f"/CN={HOST}", "-keyout", str(made), "-out", str(tmp_path / "public.pem")]
    subprocess.run([*command, *named], check=True, capture_output=True)
    with open(made, "a", encoding="ascii") as file:
        file.write((tmp_path / "public.pem").read_text(encoding="ascii"))
    return made


@pytest.fixture
def proxy(certificate, app_address):
    """The port of a proxy that takes https and hands on what was in it, byte by byte."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    started = queue.Queue()

    async def hand_on(reader, writer):
        # Cancelled when the test is over: a task that ends in a cancellation would be logged.
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                while data := await reader.read(65_536):
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def meet(reader, writer):
        app = await asyncio.open_connection("localhost", urlparse(app_address).port)
        await asyncio.gather(hand_on(reader, app[1]), hand_on(app[0], writer))

    async def serve():
        over = asyncio.Event()
        async with await asyncio.start_server(meet, "127.0.0.1", 0, ssl=context) as server:
            started.put((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    port, loop, over = started.get()
    yield port
    loop.call_soon_threadsafe(over.set)
    thread.join()


def test_behind_https_files_and_microphone_reach_the_app(browser, chromium, microphone, proxy):
    flags = [*QUIET, f"--use-file-for-fake-audio-capture={microphone.path}"]
    flags.append(f"--host-resolver-rules=MAP {HOST} 127.0.0.1")
    opened = browser.browser_type.launch(executable_path=chromium, args=flags)
    page = opened.new_page(ignore_https_errors=True)
    page.set_default_timeout(120_000)
    page.goto(f"https://{HOST}:{proxy}/your_voice")
    clip = {"name": "a.wav", "mimeType": "audio/wav", "buffer": soundfile_bytes(vowel(0.8))}
    upload(page, clip)
    page.locator(".st-key-tile-1").wait_for()
    settled(page)
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_selector('[aria-label="Stop recording"]')
    page.wait_for_timeout(1_600)
    page.get_by_role("button", name="Stop recording").click()
    page.locator(".st-key-tile-2").wait_for()
    opened.close()
