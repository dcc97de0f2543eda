"""The tree of commands, and what becomes of failures: one sentence, never a traceback."""

import errno
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vop_core import __version__
from vop_core.cli import (
    bench,
    course,
    data,
    export,
    models,
    perf,
    person,
    programs,
    report,
    web,
)
from vop_core.errors import VopError
from vop_core.text import printable

REFUSED = 2  # exit code: the input has to be mended
BROKEN = 1  # exit code: the program is at fault


class RefusingGroup(TyperGroup):
    """Runs a command; a VopError becomes its own sentence, anything unexpected a sentence with a
    way on.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("Stopped; what was finished is kept.", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:  # the reader of a pipe left; the framework knows what to do
            raise
        except Exception as error:
            if isinstance(error, VopError):
                sentence, code = str(error), REFUSED
            elif (
                type(error).__module__.split(".")[0] in ("typer", "click")
                or os.environ.get("VOP_DEBUG") == "1"
            ):
                raise
            elif refusal := _refusal_of_the_system(error):
                sentence, code = refusal, REFUSED
            else:
                sentence, code = _failure(error), BROKEN
            typer.echo(sentence, err=True)
            raise typer.Exit(code) from None


def _refusal_of_the_system(error: Exception) -> str:
    """What a person can mend, in a sentence: a full disk, a file that may not be read, a name; else
    nothing.
    """
    if (
        isinstance(error, UnicodeEncodeError)
        and error.encoding == sys.getfilesystemencoding() != "utf-8"
    ):
        return (
            f"'{printable(error.object)}' cannot be opened, for this console's language has only "
            f"the letters of {error.encoding}; run the same command with PYTHONUTF8=1."
        )
    if not isinstance(error, OSError) or error.errno is None:
        return ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; free some space, or set VOP_CACHE to a folder on another disk."
    if error.filename is None:
        return f"The system refuses ({error.strerror}); mend that, then run the same command again."
    name = printable(
        os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
    )
    return (
        f"'{name}' cannot be read or written ({error.strerror}); check that path, then run the "
        "same command again."
    )


def _failure(error: Exception) -> str:
    told = printable((str(error).strip().splitlines() or ["no message"])[0][:200])
    return (
        f"Something went wrong inside VoP Studio ({type(error).__name__}: {told}); run the same "
        "command with VOP_DEBUG=1 to see where, and report that."
    )


app = typer.Typer(
    name="vop",
    cls=RefusingGroup,
    help="VoP Studio: from a few clips of a voice to a posterior over network weights, and a "
    "personal model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"vop {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and stop."
        ),
    ] = False,
) -> None:
    pass


app.add_typer(data.app, name="data")
app.command()(models.train)
app.command()(models.evaluate)
app.command()(models.crossval)
app.command()(bench.bench)
app.command()(report.report)
app.command()(perf.perf)
app.add_typer(course.course, name="course")
app.command()(person.enroll)
app.command()(person.predict)
app.command()(person.verify)
app.command()(export.export)
app.command()(web.web)
app.command()(web.alarms)
app.add_typer(programs.voices, name="voices")
app.command("app", context_settings=programs.PASS_ON)(programs.run_app)
app.command("lab", context_settings=programs.PASS_ON)(programs.run_lab)
