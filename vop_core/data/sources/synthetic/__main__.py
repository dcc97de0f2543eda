"""python -m vop_core.data.sources.synthetic --out data/voices  makes the bundled voices as
committed.

With ``--cohort`` and, for the bundled, ``--language``, it writes a single folder from within this
process.
"""

import argparse
import sys
from pathlib import Path

from vop_core.data.sources.synthetic import build
from vop_core.data.sources.synthetic.words import KEYWORD_WORDS
from vop_core.data.voices import FOLDERS
from vop_core.errors import VopError


def main() -> int:
    """Read the command line and write one cohort; 2 with one sentence where that is impossible."""
    parser = argparse.ArgumentParser(
        prog="python -m vop_core.data.sources.synthetic", description=build.__doc__
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder to write; an earlier build there is replaced",
    )
    parser.add_argument("--cohort", choices=("bundled", "training", "test"), default="bundled")
    parser.add_argument("--seed", type=int, default=build.BUNDLED_SEED)
    parser.add_argument("--language", choices=tuple(FOLDERS), help="only this bundled folder")
    parser.add_argument("--persons", type=int, default=42)
    parser.add_argument("--takes", type=int, default=3)
    parser.add_argument("--unknown-takes", type=int, default=1)
    parser.add_argument("--invented", type=int, default=40)
    parser.add_argument("--silence-takes", type=int, default=2)
    parser.add_argument("--words", nargs="+", default=list(KEYWORD_WORDS))
    try:
        write(parser.parse_args())
    except VopError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def write(options: argparse.Namespace) -> None:
    """Write the folder or folders asked for."""
    if options.cohort == "bundled" and options.language is None:
        build.build_bundled_voices(options.out, seed=options.seed)
        return
    if options.cohort == "bundled":
        build.write_bundled(
            options.out, language=options.language, persons=options.persons, seed=options.seed
        )
        return
    script = build.unknown_test_script(takes=options.takes)
    if options.cohort == "training":
        script = build.training_script(
            options.words,
            takes=options.takes,
            unknown_takes=options.unknown_takes,
            invented=options.invented,
            silence_takes=options.silence_takes,
        )
    build.write_cohort(
        options.out, options.cohort, persons=options.persons, seed=options.seed, script=script
    )


if __name__ == "__main__":
    sys.exit(main())
