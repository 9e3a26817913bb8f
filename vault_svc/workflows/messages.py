"""What the rotation's workflow and activity say to each other: ids, counts and waits, never a key, a card or a seal."""

from dataclasses import dataclass
from typing import Final

from vault_svc.application.ports.rotations import RotationCounts, RotationKind, RotationOrder
from vault_svc.application.rotate_keys import Position

TASK_QUEUE: Final = "payera-vault"
ROTATION_WORKFLOW: Final = "KeyRotationWorkflow"
ROTATE_BATCH: Final = "rotate_batch"
PROGRESS_QUERY: Final = "progress"
#: The memo under which the progress can be read without a worker.
PROGRESS_MEMO: Final = "progress"
#: The type of the failure that ends a rotation with something left to do.
INCOMPLETE: Final = "ROTATION_INCOMPLETE"


@dataclass(frozen=True, slots=True)
class RotationProgress:
    """What a rotation has done since it began, `started_ms` milliseconds since 1970; 0 until it runs."""

    counts: RotationCounts
    started_ms: int = 0


@dataclass(frozen=True, slots=True)
class RotationRun:
    """Everything that one run of the workflow begins with; the first one at the start, each other where one ended.

    A run ends after `batches_max`, so that no history grows too long: eleven events a batch, and Temporal warns at
    10,000. It stands in the history, for a run under way must not be told another number.
    """

    order: RotationOrder
    position: Position
    progress: RotationProgress
    batches_max: int = 200


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """Order to do the batch from `position` on."""

    order: RotationOrder
    position: Position


def workflow_id_of(kind: RotationKind) -> str:
    """Give the id of a kind's workflow: with one id, there is one rotation of the kind at a time."""
    return f"vault-rotation-{kind.value}"
