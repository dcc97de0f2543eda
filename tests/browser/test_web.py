"""The page that personalizes in the browser: served by a plain file server, in a real Chromium."""

import json
import re
import socket
import sys

import numpy as np
import pytest
import soxr
import torch

from tests.browser.conftest import PATIENCE, running
from tests.data.audio_fixtures import soundfile_bytes
from vop_core.data.audio import clip_features, decode, log_mel
from vop_core.data.voices import bundled_persons
from vop_core.errors import AudioError
from vop_core.evaluation.streaming import StreamConfig, detections, smoothed
from vop_core.export.web import web_root
from vop_core.models.bundle import load_bundle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
KEPT = "sends no request at all"
# samples at 16 kHz -> what the page makes of them
HEAR = """
async (samples) => {
    const { ask } = await import("./engine.js");
    const { refusal, features } = await ask("hear", { samples: new Float32Array(samples) });
    return refusal ?? Array.from(features);
}
"""
ENROLL_AND_ANSWER = """
async ([clips, query]) => {
    const { ask } = await import("./engine.js");
    const heard = clips.map((clip) => new Float32Array(clip));
    const { milliseconds, ...person } = await ask("enroll", { clips: heard });
    const nobody = new Float32Array(person.mean.length);
    const settings = [nobody, person.mean];
    const answers = await ask("answer", { clip: new Float32Array(query), settings });
    const plain = Object.entries(person).map(([name, values]) => [name, Array.from(values)]);
    return { ...Object.fromEntries(plain), answers: answers.map((each) => Array.from(each)) };
}
"""
RESAMPLED = """
async ([samples, rate]) => {
    const { at16kHz } = await import("./sound.js");
    return Array.from(await at16kHz(new Float32Array(samples), rate));
}
"""
DETECTED = """
async ([probabilities, threshold, config]) => {
    const { Detector } = await import("./stream.js");
    const detector = new Detector(config);
    return probabilities.map((each) => detector.hear(each, threshold));
}
"""
NO_MICROPHONE = """
() => {
    navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("denied", "NotAllowedError");
    };
}
"""
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Server:
    """A plain file server: where it is, and what was asked of it."""

    def __init__(self, folder) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://localhost:{self.port}"
        self.log = folder / "server.log"

    @property
    def requests(self) -> int:
        return len(re.findall(r'"(?:GET|HEAD|POST|PUT) ', self.log.read_text()))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    served = Server(folder)
    command = [sys.executable, "-m", "http.server", str(served.port), "-b", "127.0.0.1"]
    command += ["-d", str(web_root())]
    for _ in running(command, served.address, "/", folder=folder, cwd=folder, environment={}):
        yield served


@pytest.fixture
def open_page(browser, server):
    """Opens the page as a first visit, until it is kept on this device; every request of it to
    another address, and every error, is a complaint.
    """
    contexts = []

    def opened(viewport=DESK, **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda sent: _note_foreign(page, server, sent.url))
        page.goto(server.address)
        page.locator("#record:enabled").wait_for()
        page.locator("#offline", has_text=KEPT).wait_for()
        return page

    yield opened
    for context in contexts:
        for page in context.pages:
            assert page.complaints == []
        context.close()


def _note_foreign(page, server, url: str) -> None:
    if not url.startswith((server.address, f"blob:{server.address}")):
        page.complaints.append(url)


@pytest.fixture(scope="module")
def bundle():
    return load_bundle("keywords-en")


@pytest.fixture(scope="module")
def person():
    """Who has the most clips."""
    return max(bundled_persons("en"), key=lambda each: len(each.query))


def upload(page, selector: str, *files: tuple[str, bytes]) -> None:
    page.locator(selector).set_input_files(
        [{"name": name, "mimeType": "audio/wav", "buffer": data} for name, data in files]
    )


def clip_files(clips) -> list[tuple[str, bytes]]:
    return [(f"{clip.path.stem}.opus", clip.path.read_bytes()) for clip in clips]


def enrolled(page, clips: int):
    noun = "clip" if clips == 1 else "clips"
    return page.locator("#status", has_text=f"Your network is ready: {clips} {noun}")


# The same numbers as in Python


def test_features_equal_those_of_python(open_page, person):
    """Of a second, and of shorter and longer recordings, of which one second is heard."""
    page = open_page()
    words = [clip.load().waveform for clip in person.query[:6]]
    quiet = 1e-3 * torch.randn(9_000, generator=torch.Generator().manual_seed(0))
    recordings = [words[0], words[1][3_000:12_000], torch.cat((quiet, words[2], quiet, quiet))]
    recordings += [torch.cat((quiet[:4_321], *words[3:], quiet)), torch.cat((words[4], words[5]))]
    for recording in recordings:
        found = torch.tensor(page.evaluate(HEAR, recording.tolist())).reshape(40, 101)
        torch.testing.assert_close(found, clip_features(recording), rtol=0, atol=1e-3)


def test_posterior_and_answers_equal_those_of_python(open_page, bundle, person):
    page = open_page()
    clips = bundle.features([clip.load() for clip in person.enrollment[:5]])
    query = bundle.features([person.query[0].load()])
    given = [[clip.flatten().tolist() for clip in clips], query.flatten().tolist()]
    found = page.evaluate(ENROLL_AND_ANSWER, given)
    own, nobody = bundle.vop.enroll(clips), bundle.vop.prior_model()
    layers = [own.layer_posterior(layer) for layer in own.layer_names]
    before = [nobody.layer_posterior(layer) for layer in own.layer_names]
    expected = {
        "mean": own.posterior.mean,
        "log_std": own.posterior.log_std,
        "weight_mean": torch.cat([layer.mean for layer in layers]),
        "weight_std": torch.cat([layer.std for layer in layers]),
        "prior_std": torch.cat([layer.std for layer in before]),
        "global_weight": torch.cat([layer.global_weights for layer in before]),
        "answers": torch.cat([model.predict(query).probabilities for model in (nobody, own)]),
    }
    for name, values in expected.items():
        torch.testing.assert_close(torch.tensor(found[name]), values, rtol=0, atol=1e-3)


def test_what_a_microphone_hears_is_resampled_as_soxr_does(open_page, person):
    """With sound above 8 kHz that must not fold back, at the rates that microphones have. Only in
    the last two bands, where both filters fall off, do two resamplers differ.
    """
    page = open_page()
    generator = np.random.default_rng(0)
    for clip, rate in zip(person.query[:2], (48_000, 44_100), strict=True):
        wide = soxr.resample(clip.load().waveform.numpy(), 16_000, rate)
        noise = generator.normal(scale=0.003, size=wide.size)
        heard = (wide + noise).astype(np.float32)
        found = torch.tensor(page.evaluate(RESAMPLED, [heard.tolist(), rate]))
        own = torch.from_numpy(soxr.resample(heard, rate, 16_000))
        assert len(found) == len(own)
        both = [log_mel(each) for each in (found, own)]
        by_band = (both[0] - both[1]).abs().mean(1)
        assert float(by_band[:-2].max()) < 1e-3 and float(by_band[-2:].max()) < 0.1


def test_a_stream_is_detected_in_as_in_python(open_page):
    page = open_page()
    config = StreamConfig()
    about = {"smoothing": config.smoothing, "refractory": config.refractory}
    probabilities = np.random.default_rng(0).beta(0.4, 0.4, size=300)
    smooth = smoothed(probabilities[:, None], config)[:, 0]
    for threshold in (0.3, 0.6, 0.9):
        found = page.evaluate(DETECTED, [probabilities.tolist(), threshold, about])
        np.testing.assert_allclose([each["smooth"] for each in found], smooth, atol=1e-12)
        when = np.flatnonzero([each["detected"] for each in found])
        np.testing.assert_array_equal(when, detections(smooth, threshold, config))


# A visit


def test_a_visit_by_microphone_asks_nothing_of_any_server(open_page, server, microphone):
    """Three words, the curves, a fourth word answered twice; then all is forgotten."""
    page = open_page()
    before = server.requests
    for number in range(3):
        microphone.hear(number)
        page.get_by_role("button", name="Record a word").click()
        enrolled(page, number + 1).wait_for()
    assert page.locator("#widths td").count() == 3
    narrowing = [
        int(each.rstrip("\u00a0%")) for each in page.locator("#widths td").all_inner_texts()
    ]
    assert narrowing == sorted(narrowing, reverse=True) and narrowing[0] < 100
    assert page.locator("#curves path.earlier").count() == 2
    microphone.hear(5)
    page.get_by_role("button", name="Record one of them").click()
    page.locator("#answers").wait_for()
    for card in ("Everybody’s network", "Your network"):
        shares = page.get_by_role("article", name=card).locator("dd").all_inner_texts()
        assert len(shares) == 3
    page.get_by_label("Which word was it?").select_option("unknown")
    assert "of 1 word whose truth is known" in page.locator("#tally").inner_text()
    page.get_by_role("button", name="Forget everything").click()
    assert page.locator("#clips li").count() == 0
    assert not page.locator("#compare").is_visible()
    assert page.get_by_role("status").filter(has_text="forgotten").is_visible()
    assert server.requests == before


def test_it_works_without_a_connection_after_the_first_visit(open_page, person):
    page = open_page()
    page.context.set_offline(True)
    page.reload()
    page.locator("#record:enabled").wait_for()
    upload(page, "#upload", *clip_files(person.enrollment[:3]))
    enrolled(page, 3).wait_for()
    upload(page, "#ask-file", *clip_files(person.query[:1]))
    page.locator("#answers").wait_for()
    page.locator("#voices button").first.click()
    enrolled(page, 5).wait_for()


def test_a_borrowed_voice_says_who_was_right(open_page):
    page = open_page()
    page.locator("#voices button").first.click()
    enrolled(page, 5).wait_for()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("#answers").wait_for()
    marks = page.locator("#answers .mark").all_inner_texts()
    assert [mark.strip()[2:] in ("right", "wrong") for mark in marks] == [True, True]
    assert (
        page.locator("#truth").input_value()
        == page.locator("#borrowed-clip option").first.inner_text()
    )


def test_a_live_word_is_detected(open_page, microphone):
    person = bundled_persons("en")[0]
    said = [clip.label for clip in (*person.enrollment, *person.query)]
    page = open_page()
    upload(page, "#upload", *clip_files(person.enrollment[:3]))
    enrolled(page, 3).wait_for()
    microphone.hear(said.index("stop"))
    page.get_by_label("Word", exact=True).select_option("stop")
    page.get_by_role("button", name="Start listening").click()
    page.locator("#detected", has_text="stop, ").wait_for()
    assert page.locator("#lines circle.detected").count() >= 1
    page.get_by_role("button", name="Stop listening").click()
    page.get_by_role("button", name="Start listening").wait_for()


# What is refused


def test_a_clip_that_cannot_be_used_is_refused_in_python_s_words(open_page):
    page = open_page()
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(16_000 * 61) / 16_000)
    square = 0.9 * np.sign(tone[:16_000])
    for name, sound in {
        "silent.wav": np.zeros(16_000),
        "short.wav": np.r_[np.zeros(8_000), tone[:1_000], np.zeros(8_000)],
        "long.wav": tone,
        "clipped.wav": square,
    }.items():
        data = soundfile_bytes(sound.astype(np.float32), 16_000)
        with pytest.raises(AudioError) as refused:
            decode(data, name=name)
        upload(page, "#upload", (name, data))
        page.locator("#refused", has_text=str(refused.value)).wait_for()
    upload(page, "#upload", ("words.wav", b"no sound at all"))
    page.locator("#refused", has_text="words.wav cannot be read as sound").wait_for()
    assert page.locator("#clips li").count() == 0


def test_the_same_clip_counts_once(open_page, person):
    page = open_page()
    (file,) = clip_files(person.enrollment[:1])
    upload(page, "#upload", file, file)
    page.locator("#refused", has_text=f"{file[0]} is given twice; a clip counts once").wait_for()
    enrolled(page, 1).wait_for()


def test_without_a_microphone_a_sentence_says_what_else_there_is(open_page, person):
    """The page's own question to the browser is refused, as a visitor would."""
    page = open_page()
    page.evaluate(NO_MICROPHONE)
    page.get_by_role("button", name="Record a word").click()
    page.locator("#refused", has_text="did not give the microphone").wait_for()
    upload(page, "#upload", *clip_files(person.enrollment[:1]))
    enrolled(page, 1).wait_for()
    assert not page.locator("#refused").is_visible()


# For everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_is_cut_off_and_axe_finds_nothing(open_page, viewport, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(viewport, color_scheme=scheme)
    page.locator("#voices button").first.click()
    enrolled(page, 5).wait_for()
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("#answers").wait_for()
    rules = {"target-size": {"enabled": True}, "heading-order": {"enabled": True}}
    found = Axe().run(page, options={"rules": rules}).response["violations"]
    assert not found, json.dumps(found, indent=1)[:3_000]
    assert page.evaluate(SIDEWAYS) == 0


def test_it_is_used_by_keyboard_alone(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    for _ in range(8):
        if page.evaluate("() => document.activeElement.textContent").startswith("Speaker"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    enrolled(page, 5).wait_for()
    for _ in range(30):
        if page.evaluate("() => document.activeElement.id") == "ask-borrowed":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#answers").wait_for()
