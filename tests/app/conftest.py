"""Pages on an untrained model: the pages' behaviour is tested here, the models' worth in the
evaluation.
"""

import sys
from pathlib import Path

import pytest

from tests.data.audio_fixtures import soundfile_bytes, vowel

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("yes", "no", "up", "down", "left", "right")
PERSONS = tuple(f"speech_commands_test/{name}" for name in ("135c6841", "18f8afd5", "3df9a3d4"))


@pytest.fixture(autouse=True)
def app_modules(monkeypatch):
    """Streamlit puts the script's folder on the path; AppTest does not."""
    monkeypatch.syspath_prepend(str(ROOT / "app"))
    yield
    for name in [
        name
        for name in sys.modules
        if name.partition(".")[0]
        in ("app_pages", "browser", "people", "session", "texts", "widgets")
    ]:
        sys.modules.pop(name)


def make_bundle(task: str, *, rows=(), differences=(), health=None, bundled=None):
    """A bundle with random weights and six words."""
    import torch

    from vop_core.methods.amortised_vop import AmortisedVop, AmortisedVopConfig
    from vop_core.methods.global_model import GlobalModel
    from vop_core.models import Bundle
    from vop_core.nets.bcresnet import BcResNet, BcResNetConfig

    torch.manual_seed(3)
    settings = BcResNetConfig(labels=len(WORDS), tau=0.5)
    vop = AmortisedVop(
        BcResNet(settings),
        AmortisedVopConfig(personal_layers=("film", "classifier"), code=8, channels=8, features=8),
    )
    card = {"results": {"rows": list(rows), "differences": list(differences)}, "health": health}
    if bundled is not None:
        card["bundled"] = bundled
    models = GlobalModel(BcResNet(settings)), vop
    for module in models:
        module.eval().requires_grad_(False)
    return Bundle(task, WORDS, *models, card)


@pytest.fixture
def bundle(monkeypatch):
    """The models of words, replaced by random ones; returns what changes their card."""
    import streamlit

    from vop_core import models
    from vop_core.tasks.registry import KEYWORD_TASKS

    streamlit.cache_resource.clear()
    card, shipped = {}, models.load_bundle
    monkeypatch.setattr(
        models,
        "load_bundle",
        lambda task: make_bundle(task, **card) if task in KEYWORD_TASKS else shipped(task),
    )
    yield card
    streamlit.cache_resource.clear()


@pytest.fixture
def persons(monkeypatch, tmp_path):
    """Three bundled persons with five enrollment and four query clips each."""
    from vop_core.data import voices

    made = tuple(_person(number, tmp_path) for number in range(1, 4))
    monkeypatch.setattr(voices, "bundled_persons", lambda language="en": made)
    return made


def _person(number: int, folder: Path):
    from vop_core.data.voices import CORPORA, BundledClip, BundledPerson

    clips = []
    for take in range(9):
        path = folder / f"{number}-{take}.wav"
        path.write_bytes(
            soundfile_bytes(vowel(0.6 + 0.05 * take, pitch=100.0 + 25 * number + take))
        )
        clips.append(
            BundledClip(path, WORDS[take % len(WORDS)], take, "enrollment" if take < 5 else "query")
        )
    return BundledPerson(
        id=PERSONS[number - 1],
        name=f"Speaker {number:02}",
        corpus=CORPORA["en"],
        enrollment=tuple(clips[:5]),
        query=tuple(clips[5:]),
    )


def open_app(page: str | None = "your_voice", **address: str):
    """A new visitor's app on a page, by default where clips are given; None: where one lands."""
    from streamlit.testing.v1 import AppTest

    visitor = AppTest.from_file(str(ROOT / "app" / "streamlit_app.py"), default_timeout=120)
    for name, value in address.items():
        visitor.query_params[name] = value
    visitor = visitor.run()
    return visitor if page is None else visitor.switch_page(f"app_pages/{page}.py").run()


@pytest.fixture
def app(bundle, persons):
    """The app where clips are given."""
    return open_app()


@pytest.fixture
def voice():
    """WAV bytes of one word of one voice; another number, another word."""
    return lambda number=0: soundfile_bytes(vowel(0.7 + 0.04 * number, pitch=120.0 + 9 * number))


@pytest.fixture
def enrolled(app, voice):
    """The app after three recorded clips."""
    for number in range(3):
        record(app, voice(number))
    return app


def record(app, data: bytes):
    """Speak into the page's microphone."""
    return app.audio_input[0].set_value(("recording.wav", data, "audio/wav")).run()


def upload(app, *files: tuple[str, bytes]):
    """Drop files on the page."""
    return (
        app.file_uploader[0]
        .set_value([(name, data, "application/octet-stream") for name, data in files])
        .run()
    )


def open_page(app, name: str):
    """Go to a page by its file's name."""
    return app.switch_page(f"app_pages/{name}.py").run()


def press(app, key: str):
    """Press the button with a key."""
    return app.button(key=key).click().run()


def words(app) -> str:
    """Everything the page says, in one string."""
    kinds = (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "error",
        "warning",
        "info",
        "success",
        "metric",
    )
    said = [getattr(element, "value", "") for kind in kinds for element in getattr(app, kind)]
    said += [element.label for element in app.metric]
    return "\n".join(str(text) for text in said)


def alternatives(app) -> list[str]:
    """The text alternatives of the page's figures."""
    return [chart.proto.alt for chart in app.get("plotly_chart")]


def choose_model(app, task: str):
    """Ask Decide and Inspect about another model."""
    control = next(each for each in app.segmented_control if each.label == "Model")
    return control.set_value(task).run()
