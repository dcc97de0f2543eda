"""How large the house is, and how many of its files one bench run passes.

    python -m tests.measure [FOLDER]         logical lines of another checkout, or of this one
    python -m tests.measure bench [METHOD]   the modules that a smoke run of a method enters

A *logical line* is one NEWLINE token of Python's tokenizer: a statement, or the head of a compound
one, however it is wrapped. Blank lines, comments and docstrings (a string that stands alone) are
none, so that neither the line width nor a comment changes the figure.

A module is *entered* when a function of it is called (``sys.setprofile``, in this process and its
threads) between the command and the rows it writes; what runs while a module is imported is not
counted. A row *passes* the files that stand on the call stack when its values are made of an
answer. The run starts with an empty cache.
"""

import os
import sys
import tempfile
import threading
import tokenize
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, TESTS = ("vop_core", "app", "run.py"), ("tests",)
# where an answer becomes the values of a row
JUDGE = "evaluation/classification.py"
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def logical_lines(path: Path) -> int:
    """Logical lines of a file."""
    count, line = 0, []
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.NEWLINE:
                count += line != [tokenize.STRING]
                line = []
            elif token.type not in NOT_CODE:
                line.append(token.type)
    return count


def by_room(root: Path, places: tuple[str, ...]) -> Counter[str]:
    """Logical lines below ``root``, by folder."""
    lines: Counter[str] = Counter()
    for place in places:
        files = sorted((root / place).rglob("*.py")) if (root / place).is_dir() else [root / place]
        for file in files:
            lines["/".join(file.relative_to(root).parts[:-1][:2]) or file.name] += logical_lines(
                file
            )
    return lines


def print_lines(root: Path) -> None:
    """A table of both halves of the house."""
    for name, places in (("vop_core, app and run.py", PACKAGE), ("tests", TESTS)):
        found = by_room(root, places)
        print(f"{found.total():6} {name}")
        for room, lines in sorted(found.items()):
            print(f"{lines:12} {room}")


def modules_of_a_bench_run(method: str) -> tuple[list[str], list[str]]:
    """The modules of vop_core that ``vop bench --suite smoke --method METHOD`` enters, by first
    entry; and the path of a row, from the command to the first judged answer.
    """
    from vop_core.cli import main

    package = str(ROOT / "vop_core") + os.sep
    entered: dict[str, str] = {}
    path: list[str] = []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(package) or name in entered:
            return
        stack = callers(frame)
        if any(each.f_code.co_name == "<module>" for each in stack):
            return
        entered[name] = name.removeprefix(package)
        if entered[name] == JUDGE:
            files = (each.f_code.co_filename.removeprefix(package) for each in reversed(stack))
            path.extend(dict.fromkeys(files))

    def callers(frame: FrameType | None) -> list[FrameType]:
        """The package's own frames, innermost first."""
        found = []
        while frame is not None:
            if frame.f_code.co_filename.startswith(package):
                found.append(frame)
            frame = frame.f_back
        return found

    sys.argv = ["vop", "bench", "--suite", "smoke", "--method", method, "--jobs", "1"]
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(entered.values()), path


def print_modules(method: str) -> None:
    """What a run enters, room by room, and what one of its rows passes."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["VOP_CACHE"] = cache
        entered, path = modules_of_a_bench_run(method)
    rooms = Counter(module.partition("/")[0] for module in entered)
    counts = ", ".join(f"{count} {room}" for room, count in rooms.most_common())
    print("\n".join(entered))
    print(f"{len(entered)} files entered: {counts}")
    print(f"{len(path)} files from the command to a row: {' > '.join(path)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["bench"]:
        print_modules(*(sys.argv[2:] or ["vop"]))
    else:
        print_lines(Path(*sys.argv[1:]) if sys.argv[1:] else ROOT)
