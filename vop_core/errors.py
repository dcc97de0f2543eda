"""The ways in which input can be refused: one sentence each, what is wrong and what to do about
it.
"""

from vop_core.text import printable


class VopError(Exception):
    """Something a person can mend; pages show the message, the command line prints it and exits
    with 2.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class AudioError(VopError):
    """A clip that cannot be used: empty, undecodable, silent, clipped, too short or too long."""


class PictureError(VopError):
    """A picture or drawing that cannot be used: no picture, damaged, too large, or blank."""


class DataError(VopError):
    """A data set folder, table or source that is not in the format."""


class LeakageError(DataError):
    """Persons or clips that stand on both sides of a split or an episode."""


class CheckpointError(VopError):
    """A model file of another task, version or shape, or one that is damaged or pickled."""


class PersonFileError(VopError):
    """A person's file of another model, task, version or shape, or one that is damaged or
    pickled.
    """


class EvaluationError(VopError):
    """An evaluation that cannot be carried out as asked: too few clips, persons or shots."""
