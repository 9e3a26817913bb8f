"""Who calls, and how the idempotency key of a call that moves money becomes an operation."""

from dataclasses import dataclass

from gateway_svc.application.ports import Operation


@dataclass(frozen=True, slots=True)
class MoneyCall:
    """A merchant's call that moves money.

    `request_hash` is the SHA-256 over operation and body; `deadline`, in monotonic seconds, is when the caller stops
    waiting.
    """

    merchant_id: str
    idempotency_key: str
    request_hash: bytes
    deadline: float

    def operation(self, lease_ms: int) -> Operation:
        """Give the operation that the key is bound to."""
        return Operation(self.merchant_id, self.idempotency_key, self.request_hash, lease_ms)
