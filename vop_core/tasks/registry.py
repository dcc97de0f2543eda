"""Every task by the name of its shipped model: a new one is a file beside this and a line here."""

from vop_core.tasks.base import Task
from vop_core.tasks.handwriting import Handwriting
from vop_core.tasks.keyword_spotting import ArabicCommands, EnglishKeywords, KeywordSpotting
from vop_core.tasks.signs import Signs
from vop_core.tasks.speaker_verification import SpeakerVerification

KEYWORD_TASKS: dict[str, KeywordSpotting] = {
    task.name: task for task in (EnglishKeywords(), ArabicCommands())
}
TASKS: dict[str, Task] = {
    **KEYWORD_TASKS,
    Handwriting.name: Handwriting(),
    Signs.name: Signs(),
    SpeakerVerification.name: SpeakerVerification(),
}
