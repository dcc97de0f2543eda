"""Uploads that Streamlit no longer holds when a call back is made again."""

import streamlit as st
from streamlit.runtime.uploaded_file_manager import DeletedFile


def test_a_dropped_upload_is_not_read_again(app_modules, monkeypatch):
    from session import state

    dropped = DeletedFile("an id")
    monkeypatch.setattr(st, "session_state", {"files": [dropped], "file": dropped})
    assert state.given("files") == []
    assert state.given("file") is None and state.given("empty") is None
