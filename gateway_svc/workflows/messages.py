"""What workflows and activities say to each other: ids, waits and markers, never anything about card or merchant."""

from dataclasses import dataclass
from typing import Final

TASK_QUEUE: Final = "payera-gateway"

PAYMENT_WORKFLOW: Final = "PaymentWorkflow"
MODIFICATION_WORKFLOW: Final = "ModificationWorkflow"
SWEEP_WORKFLOW: Final = "SweepWorkflow"
SETTLED_UPDATE: Final = "settled"


@dataclass(frozen=True, slots=True)
class Advance:
    """Order to carry a payment or modification one step on.

    ``waited_for`` is the marker of the plan whose delay has been served, empty at first.
    """

    id: str
    waited_for: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left to do: nothing, or one more step after ``delay_ms``.

    ``marker`` names the step by operation and count of asks. A step whose marker no longer fits the record was done
    by somebody else, so carrying an order out twice does nothing twice. ``told`` says that a caller need not wait for
    the end: the payment waits for the shopper.
    """

    done: bool
    delay_ms: int = 0
    marker: str = ""
    told: bool = False


@dataclass(frozen=True, slots=True)
class SweepOrder:
    """Order to start the workflows of what nobody has moved for ``grace_ms``, at most ``limit`` of them."""

    grace_ms: int
    limit: int


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How much stalled work a sweep saw and for how much it started (or found running) a workflow."""

    seen: int
    started: int
