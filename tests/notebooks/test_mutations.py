"""Teaching cells that can fail: with a wrong sign, scale, rule or split in the package, the cell
that teaches it stops.

Each mutation is one line of a copy of ``vop_core``; the notebook runs on the copy, as it is.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from vop_core.course.build import execute, read, sources

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutation:
    """One line of the package made wrong, and the cell that must find it."""

    path: str
    right: str
    wrong: str
    notebook: str
    cell: str  # code that stands in the cell that stops
    stops_with: str = "AssertionError"


MUTATIONS = {
    "sign of the KL": Mutation(
        "variational/gaussian.py",
        "return self.kl_per_dimension(prior).sum(-1)",
        "return -self.kl_per_dimension(prior).sum(-1)",
        "02",
        "q.log_prob(drawn) - prior.log_prob(drawn)",
    ),
    "sign of the ELBO": Mutation(
        "variational/elbo.py",
        "return self.expected_log_likelihood - self.kl",
        "return self.expected_log_likelihood + self.kl",
        "03",
        "evidence - model.elbo(many, before, x, y).elbo",
    ),
    "scaling of the KL": Mutation(
        "variational/elbo.py",
        "misfit + beta * kl / training_clips",
        "misfit + beta * kl / cross_entropy.shape[-1]",
        "03",
        "abs(episode - loss)",
    ),
    "aggregation rule": Mutation(
        "variational/aggregate.py",
        "gained = torch.expm1(log_ratio).sum(-2)",
        "gained = torch.exp(log_ratio).sum(-2)",
        "06",
        'widths["bayes_fusion"] - exact',
    ),
    "split": Mutation(
        "data/persons.py",
        "train=tuple(name for name in names if name not in test),",
        "train=tuple(names),",
        "08",
        "check_disjoint(fold.train, fold.test)",
        stops_with="LeakageError",
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_a_wrong_line_stops_the_notebook_at_the_cell_that_teaches_it(
    mutation, tmp_path, forked_kernels
):
    from nbclient.exceptions import CellExecutionError

    for entry in ROOT.iterdir():
        if entry.name != "vop_core":
            (tmp_path / entry.name).symlink_to(entry)
    # with what is compiled: Python compiles the changed file anew
    shutil.copytree(ROOT / "vop_core", tmp_path / "vop_core")
    line = tmp_path / "vop_core" / mutation.path
    text = line.read_text(encoding="utf-8")
    assert text.count(mutation.right) == 1
    line.write_text(text.replace(mutation.right, mutation.wrong), encoding="utf-8")

    (path,) = [path for path in sources() if path.stem.startswith(mutation.notebook)]
    notebook = read(path).student
    environment = {"VOP_COURSE_BUDGET": "short", "VOP_DATA": "", "PYTHONPATH": str(tmp_path)}
    with pytest.raises(CellExecutionError) as stopped:
        execute(notebook, environment=environment)
    assert stopped.value.ename == mutation.stops_with
    reached = [cell.source for cell in notebook.cells if cell.get("execution_count")]
    assert mutation.cell in reached[-1]
