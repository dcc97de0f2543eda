"""All tasks at once, which needs all their samples in one place: what learning them one after the
other is measured by [DUA].
"""

from vop_core.continual.base import ServerFacts, ServerMethod


class Joint(ServerMethod):
    """One model, trained as many steps as all tasks together."""

    name = "joint"
    facts = ServerFacts(
        summary="Trains on all tasks at once; only their heads are apart.",
        source="DUA",
        sequential=False,
    )
