"""Nothing against forgetting: each task goes on from where the one before ended."""

from vop_core.continual.base import ServerFacts, ServerMethod


class FineTuning(ServerMethod):
    """One model, which the last task has last."""

    name = "fine-tuning"
    facts = ServerFacts(
        summary="Goes on from task to task, with nothing against forgetting.", source="DUA"
    )
