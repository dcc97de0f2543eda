"""A visitor who speaks Streamlit's own protocol: a session of the real server, without the weight
of a browser.
"""

import uuid
from contextlib import ExitStack
from urllib.parse import urlsplit

import requests
from google.protobuf.message import Message
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

PATIENCE = 300  # seconds, for machines that do other things as well
TEXTS = {"markdown": "body", "alert": "body", "heading": "body", "html": "body"}


class Visitor:
    """One tab. ``received`` holds all that the server ever sent it, ``page`` what it shows now."""

    def __init__(self, address: str) -> None:
        self.address, self.tab = address, ExitStack()
        self.session = self.script = ""
        self.received: list[bytes] = []
        self.pages: dict[str, str] = {}
        self.page: dict[tuple[int, ...], Message] = {}  # by place, from top to bottom

    def __enter__(self) -> "Visitor":
        self.browser = self.tab.enter_context(requests.Session())
        self.browser.get(f"{self.address}/_stcore/health", timeout=PATIENCE).raise_for_status()
        tab = connect(
            f"ws://{urlsplit(self.address).netloc}/_stcore/stream",
            origin=self.address,
            subprotocols=["streamlit"],
            max_size=None,
            open_timeout=PATIENCE,
        )
        self.socket = self.tab.enter_context(tab)
        self.run()
        return self

    def __exit__(self, *_) -> None:
        self.tab.close()

    def open(self, page: str) -> None:
        """Follow the link of a page, by the last part of its address."""
        self.script = self.pages[page]
        self.run()

    def press(self, key: str) -> None:
        """Press the button with a key."""
        (button,) = [each for each in self.shown("button") if each.id.endswith(f"-{key}")]
        self.run(WidgetState(id=button.id, trigger_value=True))

    def give(self, files: dict[str, bytes], *, number: int = 0) -> None:
        """Drop files on a page, into its first uploader or the one with a number."""
        state = WidgetState(id=self.shown("file_uploader")[number].id)
        self._send(BackMsg(file_urls_request=self._wanted_addresses(files)))
        while not (answer := self._next()).HasField("file_urls_response"):
            pass
        for address, (name, data) in zip(
            answer.file_urls_response.file_urls, files.items(), strict=True
        ):
            self._upload(address.upload_url, name, data)
            info = state.file_uploader_state_value.uploaded_file_info.add()
            info.name, info.size, info.file_id = name, len(data), address.file_id
            info.file_urls.CopyFrom(address)
        self.run(state)

    def run(self, *changed: WidgetState) -> None:
        """Run the page with what the visitor ``changed``, and wait until it is there."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self.script
        message.rerun_script.widget_states.widgets.extend(changed)
        self._send(message)
        ended = ForwardMsg.FINISHED_EARLY_FOR_RERUN
        while ended == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self.page = {}
            while not (said := self._next()).HasField("script_finished"):
                self._take(said)
            ended = said.script_finished

    def shown(self, kind: str) -> list[Message]:
        """The page's elements of one kind."""
        elements = [self.page[place] for place in sorted(self.page)]
        return [getattr(each, kind) for each in elements if each.WhichOneof("type") == kind]

    def text(self) -> str:
        """Everything the page says."""
        return "\n".join(
            getattr(each, field) for kind, field in TEXTS.items() for each in self.shown(kind)
        )

    def _wanted_addresses(self, files: dict[str, bytes]):
        wanted = BackMsg().file_urls_request
        wanted.request_id, wanted.session_id = uuid.uuid4().hex, self.session
        wanted.file_names.extend(files)
        return wanted

    def _upload(self, path: str, name: str, data: bytes) -> None:
        token = self.browser.cookies.get("_streamlit_xsrf", "")
        self.browser.put(
            self.address + path,
            files={name: (name, data)},
            headers={"X-Xsrftoken": token},
            timeout=PATIENCE,
        ).raise_for_status()

    def _send(self, message: BackMsg) -> None:
        self.socket.send(message.SerializeToString())

    def _next(self) -> ForwardMsg:
        self.received.append(self.socket.recv(timeout=PATIENCE))
        return ForwardMsg.FromString(self.received[-1])

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.session = message.new_session.initialize.session_id
            self.script = message.new_session.page_script_hash
        elif kind == "navigation":
            self.pages = {
                page.url_pathname: page.page_script_hash for page in message.navigation.app_pages
            }
        elif kind == "delta" and message.delta.HasField("new_element"):
            self.page[tuple(message.metadata.delta_path)] = message.delta.new_element
