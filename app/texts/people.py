"""What the pages say of several persons in a visit, and of their files."""

import texts
from vop_core.course.links import LinkedState
from vop_core.data.environments import CLEAN, NOISY_ROOM, TELEPHONE
from vop_core.text import counted

ADD = "Add a person"
ABOUT_ADDING = "Somebody else enrolls too; what is here stays."
NAME_OR_REMOVE = "Name or remove"
NAME = "Name"
ABOUT_REMOVING = "Clips, model and tally of this person go."
FULL = "A visit holds up to {most} persons; remove one before you add another."
TAKEN = "Somebody here is called {name} already; choose another name."
NO_NAME = "A name has up to {most} ordinary characters; choose a shorter one."

HOW_HEARD = "How you are heard"
HEARD = {  # anybody -> plain words
    CLEAN: "Clean",
    TELEPHONE: "By telephone",
    NOISY_ROOM: "In a room with noise",
}
ABOUT_ENVIRONMENTS = (
    "Environments are made by computer. Enrollment and query clips are heard in the same one."
)
IN_ENVIRONMENT = (
    "Every clip of yours is heard {place}. Your recordings are kept as they are: **Clean** brings "
    "them back."
)

FILES = "Save or load a person's model"
SAVE = "Save this person's model"
SAVED = (
    "{kilobytes} kB: means and widths of the weights, together and clip by clip, eight numbers by "
    "which each clip is known again, and no sound. It is personal all the same: the numbers tell "
    "how a voice sounds to this network."
)
LOAD = "Load a person's file"
LOADING = "Made here or by `vop enroll`, for {task}; it becomes another person of this visit."
CLIP_OF_FILE = "a clip of the file"
OTHER_TASK = (
    "## {name} is unknown to these models\nThe file was made for **{task}**: choose that on Your "
    "voice, or another person."
)
NOT_WATCHED = (
    "The four promises are checked while a model is made; this one came from a file, so nothing "
    "was watched here."
)


def unnamed(number: int) -> str:
    """What a person without a name is called."""
    return f"Person {number}"


def of_file(clips: int) -> str:
    """What there is of a person who came from a file."""
    return (
        f"**From a file**: a posterior from {counted(clips, 'clip')}. The file holds no sound, so "
        "no clip can be played, switched off or heard elsewhere. Posterior and Compare work as for "
        "anybody."
    )


def heard(environment: str) -> str:
    """Where a tally's clips were heard, as the end of a phrase; empty for clean ones."""
    if environment == CLEAN:
        return ""
    words = (texts.HEARD | HEARD)[environment]
    return f", heard {words[0].lower()}{words[1:]}"


LINK = {
    "label": "Copy link",
    "copied": "Copied.",
    "byHand": "This browser lets no page copy: copy it yourself.",
}


def linked(state: LinkedState, voice: str, empty: bool) -> str:
    """What a link opens, and that it carries no voice."""
    if state.person is None:
        kept = "" if empty else " No voice travels in a link: your clips stay here."
        return f"The link opens this page and task.{kept}"
    query = "" if state.query is None else f" and query clip {state.query + 1}"
    return (
        f"The link opens this page with {voice}: {counted(state.clips, 'clip')}{query}"
        f"{heard(state.environment or CLEAN)}. No sound travels in it."
    )
