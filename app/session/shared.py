"""Shared by all visitors, read once for each server: nothing personal. The only module that
caches.
"""

import gc
import sys

import streamlit as st
from texts import waiting

from vop_core import models
from vop_core.course import lesson
from vop_core.data.environments import CLEAN, OWN_ENVIRONMENT, heard_as
from vop_core.data.voices import BundledClip, BundledPerson
from vop_core.evaluation import detection
from vop_core.models import bundled, decision, inspection
from vop_core.models.bundled import Example
from vop_core.report.decision import group_lines
from vop_core.tasks.registry import KEYWORD_TASKS, TASKS


@st.cache_resource(show_spinner=waiting.LOADING_MODEL)
def bundle(task: str):
    """The task's models and their card, read once for all visitors; never changed."""
    return models.load_bundle(task)


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Once per server, after everything is imported."""
    # Streamlit looks for garbage after every run of a page, and nobody is answered meanwhile:
    # a third of a second, were it to look through all that is loaded
    gc.collect()
    gc.freeze()


def records() -> bool:
    """Whether visitors can be recorded: not where the app was started with ``--no-recording``."""
    return "--no-recording" not in sys.argv


@st.cache_resource(show_spinner=False)
def bundled_persons(task: str) -> tuple[BundledPerson, ...]:
    """The bundled persons who speak the task's words. Raises DataError where they are missing."""
    return TASKS[task].bundled_persons()


def bundled_name(person: str | None) -> str:
    """What a bundled person of any task is called, by id; empty for whoever is none."""
    everybody = (each for task in KEYWORD_TASKS for each in bundled_persons(task))
    return next((each.name for each in everybody if each.id == person), "")


@st.cache_resource(show_spinner=waiting.ASKING_BOTH_MODELS)
def examples(task: str, person: str, environment: str, shots: int) -> tuple[Example, ...]:
    """Both models' answers to all query clips of a bundled person, by id."""
    known = {each.id: each for each in bundled_persons(task)}
    return bundled.examples(bundle(task), known[person], environment, shots=shots)


@st.cache_resource(show_spinner=False)
def enrolled_clips(task: str, person: str, environment: str, shots: int) -> tuple[BundledClip, ...]:
    """With which of their clips a bundled person, by id, enrolls."""
    known = {each.id: each for each in bundled_persons(task)}
    return bundled.enrolled_clips(bundle(task), known[person], environment, shots)


@st.cache_resource(show_spinner=False, max_entries=100)
def bundled_model(task: str, person: str, environment: str, shots: int, on: tuple[int, ...]):
    """The personal model of some, by place, of the clips that a bundled person enrolls with."""
    took = enrolled_clips(task, person, environment, shots)
    if not on:
        return bundle(task).vop.prior_model()
    heard = [heard_as(environment, person, took[place].load()) for place in on]
    return bundle(task).vop.enroll(bundle(task).features(heard))


@st.cache_resource(show_spinner=waiting.ENROLLING_IN_EVERY_WAY)
def enrollment_costs(task: str, person: str, environment: str, shots: int):
    """What it takes to enroll these clips of a bundled person, by method."""
    took = enrolled_clips(task, person, environment, shots)
    heard = [heard_as(environment, person, record.load()) for record in took]
    return lesson.enrollment_costs(bundle(task), bundle(task).features(heard))


@st.cache_resource(show_spinner=waiting.HEARING_BUNDLED_PERSONS)
def crowd(task: str, environment: str):
    """Enrollment clips of all bundled persons in an environment, as the model hears them."""
    return inspection.crowd(bundle(task), bundled_persons(task), environment)


@st.cache_resource(show_spinner=waiting.PLACING_BUNDLED_PERSONS)
def persons_map(task: str, by_environment: bool):
    """All bundled persons' posteriors in one plane, clean or in an environment of their own too."""
    heard = (CLEAN, OWN_ENVIRONMENT) if by_environment else (CLEAN,)
    names = [person.name for person in bundled_persons(task)]
    return inspection.persons_map(bundle(task), names, {each: crowd(task, each) for each in heard})


@st.cache_resource(show_spinner=waiting.CHECKING_WIDTH)
def coverage(task: str):
    """Of all bundled persons: width and coverage by number of clips."""
    return inspection.coverage_table(bundle(task), bundled_persons(task))


# --- Decide: all bundled persons ------------------------------------------------------------------


@st.cache_resource(show_spinner=waiting.LISTENING_TO_CLIPS)
def heard_persons(task: str, environment: str) -> decision.HeardPersons:
    """Everybody's clips; those who speak the other tasks' words say what is no command."""
    strangers = [
        person
        for other, about in KEYWORD_TASKS.items()
        if task in KEYWORD_TASKS and about.language != KEYWORD_TASKS[task].language
        for person in bundled_persons(other)
    ]
    return decision.heard_persons(bundle(task), bundled_persons(task), strangers, environment)


@st.cache_resource(show_spinner=waiting.ASKING_EVERYBODYS_MODELS)
def bundled_regimes(task: str, environment: str) -> tuple[decision.Regime, ...]:
    """What so many clips bring the bundled persons."""
    return decision.bundled_regimes(bundle(task), heard_persons(task, environment))


@st.cache_resource(show_spinner=waiting.ASKING_OTHER_SOUNDS)
def detectors(task: str, shots: int) -> dict[str, detection.Detector]:
    """The global and the personal models as detectors of commands, heard as recorded."""
    return decision.detectors(bundle(task), heard_persons(task, CLEAN), shots)


@st.cache_resource(show_spinner=False)
def bands(task: str, shots: int) -> dict[str, detection.Band]:
    """Their DET curves."""
    return {name: detection.det_band(each) for name, each in detectors(task, shots).items()}


@st.cache_resource(show_spinner=False)
def groups() -> list[dict]:
    """What the bench measured of groups of people."""
    return group_lines()
