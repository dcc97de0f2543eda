"""The rules of the house hold: who imports whom, what is cited, what is pinned, what is never
committed.
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED_BY_THE_USER = {"jupyterlab", "streamlit", "torch", "plotly", "librosa"}

# [VAE], [VOP slides, Method], [ECE, Eq. 3; NAEINI]: two capitals at least and nothing but a blank
# or bracket before, so that shapes, types, subscripts and intervals ([N], list[ECE], Float[Tensor,
# "clip"]) are none.
TAG = re.compile(r"(?<![\w)\]])\[([A-Z][A-Z0-9]+(?:-[A-Z0-9]+)*(?: slides)?)((?:[,;] [^\]\n]*)?)\]")


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def docstrings(path: Path) -> list[str]:
    """Every docstring of a module, and the strings standing below attributes."""
    tree = ast.parse(path.read_text())
    return [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]


def tags(text: str) -> set[str]:
    found = set()
    for match in TAG.finditer(text):
        found.add(match[1])
        found.update(part.split(",")[0].strip() for part in match[2].split(";")[1:])
    return found


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [
        path
        for name in listing.stdout.decode().split("\0")
        if name and (path := ROOT / name).is_file()
    ]


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [
        Requirement(line)
        for line in [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    ]


def pins() -> dict[str, list[Requirement]]:
    """The lines of constraints.txt by package."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            found.setdefault(canonical(requirement.name), []).append(requirement)
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# What is installed


def test_environment_yml_asks_for_what_pyproject_says():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, by_pip = environment["dependencies"]
    assert environment["name"] == PROJECT["name"]
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])
    assert pip == "pip"
    constraint, package = by_pip["pip"]
    assert constraint == "-c constraints.txt"
    asked = Requirement(f"{PROJECT['name']}{package.removeprefix('-e .')}")
    assert asked.extras == set(PROJECT["optional-dependencies"])


def test_the_packages_the_user_named_are_in_the_environment():
    assert {canonical(requirement.name) for requirement in requirements()} >= NAMED_BY_THE_USER


def test_every_dependency_is_pinned_to_a_version_pyproject_allows():
    pinned = pins()
    for requirement in requirements():
        versions = pinned[canonical(requirement.name)]
        for pin in versions:
            (exact,) = pin.specifier
            assert exact.operator == "=="
            assert requirement.specifier.contains(exact.version), f"{pin} against {requirement}"


def test_constraints_hold_pins_only():
    for versions in pins().values():
        assert all(pin.url is None and len(pin.specifier) == 1 for pin in versions)


def test_the_launcher_and_pyproject_agree_on_python():
    range_of_python = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(20) if range_of_python.contains(f"3.{minor}.0")] == [
        11,
        12,
        13,
    ]


def test_the_app_listens_on_this_machine_only_and_tells_nobody():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "localhost"
    assert config["server"]["maxUploadSize"] == 20
    assert config["server"]["headless"] is True
    assert config["browser"]["gatherUsageStats"] is False


# Who may import whom


def test_imports_go_downwards_only():
    script = (
        "import sys; from importlinter.cli import lint_imports; "
        "sys.exit(lint_imports(no_cache=True))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", python_files("app"), ids=lambda path: path.name)
def test_the_app_holds_no_maths(path):
    assert not imported_names(path) & {
        "torch",
        "numpy",
        "scipy",
        "sklearn",
        "librosa",
        "torchmetrics",
    }


def imported_names(path: Path) -> set[str]:
    """Top-level names of all modules a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


# What importing does


IMPORT_EVERYTHING = """
import contextlib, importlib, io, json, logging, pkgutil, sys
import torch

def state():
    handlers = list(logging.getLogger().handlers)
    settings = torch.get_default_dtype(), torch.get_num_threads(), handlers
    return settings, torch.get_rng_state()

before = state()
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    import vop_core
    for module in pkgutil.walk_packages(vop_core.__path__, "vop_core."):
        importlib.import_module(module.name)
after = state()
print(json.dumps({
    "said": said.getvalue(),
    "unchanged": before[0] == after[0] and torch.equal(before[1], after[1]),
    "loaded": sorted(sys.modules),
}))
"""


@pytest.fixture(scope="module")
def after_importing_everything():
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_importing_the_package_says_and_changes_nothing(after_importing_everything):
    assert after_importing_everything["said"] == ""
    assert after_importing_everything["unchanged"]


def test_importing_the_package_waits_for_no_compiler_and_needs_no_extra(after_importing_everything):
    heavy = {
        "numba",
        "streamlit",
        "espeakng_loader",
        "pyroomacoustics",
        "pyro",
        "pytest",
        "jupyterlab",
    }
    assert not heavy & set(after_importing_everything["loaded"])


def test_importing_the_package_itself_is_light():
    script = (
        "import sys, vop_core, vop_core.errors; sys.exit('torch' in sys.modules or 'numpy' in "
        "sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


# What is loaded


@pytest.mark.parametrize(
    "path", python_files("vop_core", "app"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_nothing_is_unpickled(path):
    assert not imported_names(path) & {
        "pickle",
        "cPickle",
        "dill",
        "cloudpickle",
        "joblib",
        "shelve",
        "marshal",
    }
    for call in (
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
    ):
        name = ast.unparse(call.func)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert keywords.get("allow_pickle", "False") == "False", f"line {call.lineno}"
        assert keywords.get("weights_only", "True") == "True", f"line {call.lineno}"
        assert name not in {"torch.load", "pandas.read_pickle"} or "weights_only" in keywords, (
            f"line {call.lineno}"
        )


# What is cited


def test_a_tag_is_told_from_a_shape():
    assert tags("as in [VAE] and [VOP slides, Method], [ESPEAK-NG, Eq. 3; BCM]") == {
        "VAE", "VOP slides", "ESPEAK-NG", "BCM",
    }  # fmt: skip
    assert (
        tags(
            """[N, D], [0, 1], Float[Tensor, "clip mel frame"], [None], found[VOP, x], list[EWC],
            [Clip]
            """
        )
        == set()
    )


def test_every_tag_in_a_docstring_resolves_in_the_citation_file():
    references = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    known = [reference["abbreviation"] for reference in references]
    assert len(known) == len(set(known))
    used = {
        (tag, path.name)
        for path in python_files("vop_core")
        for text in docstrings(path)
        for tag in tags(text)
    }
    assert len({tag for tag, _ in used}) > 10, "the pattern no longer finds the tags"
    assert {(tag, name) for tag, name in used if tag not in known} == set()


def test_the_package_says_that_it_is_typed_and_under_which_licence():
    assert (ROOT / "vop_core" / "py.typed").is_file()
    licence = (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in licence and "Version 2.0, January 2004" in licence
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["license"] == PROJECT["license"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]


# What is never committed


# of Emscripten's made-up file system, in ONNX Runtime as it is published: on no machine
VIRTUAL_HOME = "/" + "home/web_user"


def test_no_machine_path_and_no_registry_host_is_committed():
    # Put together from pieces, so that this file does not hold what it forbids.
    folders = "|".join(("work", "farm", "root", "tmp", "home"))
    hosts = "|".join(
        ("pypi" + r"\.org", "python" + "hosted", "deb" + r"\.debian", "registry" + r"\.npmjs")
    )
    forbidden = re.compile(rf"(?<![\w.~])/({folders})/[A-Za-z.]|{hosts}")
    offences = []
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" in data[:8000]:
            continue
        text = data.decode(errors="replace").replace(VIRTUAL_HOME, "")
        for number, line in enumerate(text.splitlines(), start=1):
            if forbidden.search(line):
                offences.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not offences, "\n".join(offences)


# How the code is written


@pytest.mark.parametrize(
    "arguments", [["check", "--output-format", "concise"], ["format", "--check"]], ids=" ".join
)
def test_ruff_has_nothing_to_say(arguments):
    command = [sys.executable, "-m", "ruff", *arguments, "."]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr
