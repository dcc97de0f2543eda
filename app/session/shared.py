"""Shared by all visitors, read once for each server: nothing personal. The only module that
caches.
"""

import threading

import streamlit as st

from vop_core import models, plots
from vop_core.course import lesson
from vop_core.data.environments import heard_as
from vop_core.data.voices import BundledClip, BundledPerson
from vop_core.models import bundled
from vop_core.models.bundled import Example
from vop_core.tasks.registry import TASKS


@st.cache_resource(show_spinner="Loading the model…")
def bundle(task: str):
    """The task's models and their card, read once for all visitors; never changed."""
    return models.load_bundle(task)


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Let librosa load and compile beside the first page, once per server."""
    thread = threading.Thread(target=plots.warm_up, name="warm-up", daemon=True)
    thread.start()
    return thread


@st.cache_resource(show_spinner=False)
def bundled_persons(task: str) -> tuple[BundledPerson, ...]:
    """The bundled persons who speak the task's words. Raises DataError where they are missing."""
    return TASKS[task].bundled_persons()


@st.cache_resource(show_spinner="Asking both models…")
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


@st.cache_resource(show_spinner="Enrolling in every way…")
def enrollment_costs(task: str, person: str, environment: str, shots: int):
    """What it takes to enroll these clips of a bundled person, by method."""
    took = enrolled_clips(task, person, environment, shots)
    heard = [heard_as(environment, person, record.load()) for record in took]
    return lesson.enrollment_costs(bundle(task), bundle(task).features(heard))
