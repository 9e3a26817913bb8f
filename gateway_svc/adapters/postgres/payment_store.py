"""Keeps payments in PostgreSQL: one stored procedure per method, no rule of its own."""

from collections.abc import Mapping
from typing import Any, Final

from psycopg.types.json import Jsonb

from gateway_svc.adapters.postgres.cryptogram_seal import CryptogramSeal
from gateway_svc.application.agreements import credential_view, result_view
from gateway_svc.application.decisions import decision_of, decision_view
from gateway_svc.application.ports import (
    Begun,
    Disposition,
    NewModification,
    NewPayment,
    Operation,
    TokenToKeep,
    View,
)
from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.payment import CancelStatus
from gateway_svc.domain.reversal import ReversalVerdict
from gateway_svc.domain.routing import RouteDecision
from gateway_svc.domain.three_ds import NO_CRYPTOGRAM, Cryptogram
from mesh.database import Database

_PAYMENT_FILTERS: Final = (
    "before_us",
    "before_id",
    "status",
    "merchant_reference",
    "currency",
    "created_from_us",
    "created_before_us",
)


class PostgresPaymentStore:
    """The `PaymentStore` and `TokensToKeep` ports over the procedures of schema `gateway`.

    Every method is one call and thereby one transaction. Refusals of a procedure come out as `Refusal` with its reason;
    a server that is away as UNAVAILABLE; a connection that broke in mid-call as `DatabaseOutcomeUnknown`.
    """

    __slots__ = ("_database", "_seal")

    def __init__(self, database: Database, seal: CryptogramSeal) -> None:
        self._database = database
        self._seal = seal

    async def begin_payment(self, operation: Operation, new: NewPayment) -> Begun:
        """Begin a payment with its first attempt SENDING, or tell what the key already stands for."""
        credential, result = new.stored_credential, new.three_ds
        proof = NO_CRYPTOGRAM if result is None else result.cryptogram
        row = await self._row(
            "gateway.begin_payment",
            new.id,
            operation.merchant_id,
            new.amount,
            new.currency,
            new.capture_method,
            new.token,
            Jsonb(new.card),
            new.merchant_reference,
            new.description,
            Jsonb(new.metadata),
            new.statement_descriptor,
            Jsonb([{"account": item.account, "reason": item.reason} for item in new.candidates]),
            operation.idempotency_key,
            operation.request_hash,
            operation.lease_ms,
            new.store_card,
            new.card_on_file,
            new.fingerprint,
            new.three_ds_preference.value,
            None if new.decision is None else Jsonb(decision_view(new.decision)),
            None if credential is None else Jsonb(credential_view(credential)),
            None if result is None else Jsonb(result_view(result)),
            None if new.exemption is None else new.exemption.value,
            self._seal.seal(proof, new.id) if proof else None,
            new.return_url,
            new.action_seconds,
        )
        return _begun(row)

    async def begin_modification(self, operation: Operation, new: NewModification) -> Begun:
        """Begin a capture, void or refund SENDING, or tell what the key already stands for."""
        row = await self._row(
            "gateway.begin_modification",
            new.id,
            new.kind,
            operation.merchant_id,
            new.payment_id,
            new.amount,
            new.final,
            new.reason,
            operation.idempotency_key,
            operation.request_hash,
            operation.lease_ms,
        )
        return _begun(row)

    async def find_operation(self, operation: Operation) -> Begun:
        """Tell what the key stands for without beginning anything."""
        row = await self._row(
            "gateway.find_operation", operation.merchant_id, operation.idempotency_key, operation.request_hash
        )
        return _begun(row)

    async def release_lease(self, operation: Operation) -> None:
        """Let a repetition of the operation resume at once."""
        await self._database.call("gateway.release_lease", operation.merchant_id, operation.idempotency_key)

    async def record_attempt(self, payment_id: str, attempt_id: str, verdict: AttemptVerdict, *, asked: bool) -> View:
        """Record what became of an attempt; the first definite record wins. Returns the payment as it stands."""
        row = await self._row(
            "gateway.record_attempt",
            payment_id,
            attempt_id,
            verdict.attempt_status.value,
            verdict.payment_status.value,
            verdict.psp_reference,
            verdict.code,
            verdict.raw_code,
            verdict.network_transaction_id,
            asked,
            verdict.not_found,
            Jsonb(verdict.details),
        )
        return _view(row, "payment")

    async def begin_attempt(self, payment_id: str, ordinal: int, account: str, reason: str) -> tuple[bool, View]:
        """Begin a cascade's next attempt; False when it was begun before, or when the payment has ended instead."""
        row = await self._row("gateway.begin_attempt", payment_id, ordinal, account, reason)
        return bool(row["begun"]), _view(row, "payment")

    async def end_action(self, attempt_id: str) -> View:
        """Record that the shopper of an attempt can't act any more."""
        return _view(await self._row("gateway.end_action", attempt_id), "payment")

    async def record_cancel(self, attempt_id: str, number: int, cancel: CancelStatus) -> tuple[bool, View]:
        """Record where an attempt's cancelling `number` stands; False when that does not fit any more."""
        row = await self._row("gateway.record_cancel", attempt_id, number, cancel.value)
        return bool(row["recorded"]), _view(row, "payment")

    async def begin_reversal(self, payment_id: str, attempt_id: str, number: int) -> tuple[bool, View]:
        """Record that a reversal of an attempt is about to be sent; False when that does not fit any more."""
        row = await self._row("gateway.begin_reversal", payment_id, attempt_id, number)
        return bool(row["begun"]), _view(row, "payment")

    async def record_reversal(
        self, payment_id: str, attempt_id: str, number: int | None, verdict: ReversalVerdict
    ) -> View:
        """Record what a PSP says of a reversal, None for the last one. Returns the payment as it stands."""
        row = await self._row(
            "gateway.record_reversal",
            payment_id,
            attempt_id,
            number,
            verdict.told.value,
            verdict.moves_on,
            verdict.code,
            verdict.raw_code,
            verdict.psp_reference,
        )
        return _view(row, "payment")

    async def record_modification(
        self, modification_id: str, verdict: ModificationVerdict, *, asked: bool, reversal: bool = False
    ) -> tuple[View, View]:
        """Record what became of a modification. Returns modification and payment as they stand."""
        row = await self._row(
            "gateway.record_modification",
            modification_id,
            verdict.status.value,
            verdict.psp_reference,
            verdict.code,
            verdict.raw_code,
            asked,
            verdict.not_found,
            Jsonb(verdict.details),
            reversal,
        )
        return _view(row, "modification"), _view(row, "payment")

    async def find_modification(self, modification_id: str) -> View | None:
        """Find a modification by its id, whoever's it is; None when there is none."""
        found: View | None = (await self._row("gateway.find_modification", modification_id))["modification"]
        return found

    async def find_open_modification(
        self, payment_id: str, kind: str, amount: int | None, psp_reference: str
    ) -> str | None:
        """Find the one modification of a kind (and amount) that is under way at a payment; None for none or several."""
        row = await self._row("gateway.find_open_modification", payment_id, kind, amount, psp_reference)
        found: str | None = row["id"]
        return found

    async def find_failed_modification(
        self, payment_id: str, kind: str, amount: int | None, psp_reference: str
    ) -> str | None:
        """Find the failed modification that a PSP may mean which says that it was done, None for none or several."""
        row = await self._row("gateway.find_failed_modification", payment_id, kind, amount, psp_reference)
        found: str | None = row["id"]
        return found

    async def reverse_modification(self, modification_id: str, code: str, raw_code: str) -> bool:
        """Take back a capture or refund that had succeeded; False when that is not ours to decide."""
        return bool((await self._row("gateway.reverse_modification", modification_id, code, raw_code))["reversed"])

    async def report_contradiction(self, payment_id: str, reference: str, told: View) -> None:
        """Hand an attempt or modification whose PSP contradicts the record to an operator."""
        await self._database.call("gateway.report_contradiction", payment_id, reference, Jsonb(dict(told)))

    async def load_cryptogram(self, payment_id: str) -> Cryptogram:
        """Read what proves a payment's authentication; empty when there is none, or no longer."""
        sealed = (await self._row("gateway.load_cryptogram", payment_id))["sealed"]
        return NO_CRYPTOGRAM if sealed is None else self._seal.open(bytes(sealed), payment_id)

    async def load_payment(self, payment_id: str) -> View:
        """Read a payment for the drivers, whoever's it is."""
        return _view(await self._row("gateway.load_payment", payment_id), "payment")

    async def load_modification(self, modification_id: str) -> tuple[View, View]:
        """Read a modification and its payment for the drivers."""
        row = await self._row("gateway.load_modification", modification_id)
        return _view(row, "modification"), _view(row, "payment")

    async def require_review(self, payment_id: str, reference: str) -> None:
        """Hand an attempt or modification to an operator."""
        await self._database.call("gateway.require_review", payment_id, reference)

    async def stalled_work(self, grace_ms: int, limit: int) -> list[tuple[str, str]]:
        """Hand out (`PAYMENT` or `MODIFICATION`, id) of what nobody has moved for `grace_ms`, in turns."""
        rows = await self._database.call_many("gateway.stalled_work", grace_ms, limit)
        return [(str(row["kind"]), str(row["id"])) for row in rows]

    async def take_tokens_to_keep(self, limit: int) -> list[TokenToKeep]:
        """Hand out at most `limit` tokens that the vault is to be told of, to one taker each."""
        rows = await self._database.call_many("gateway.take_tokens_to_keep", limit)
        return [TokenToKeep(row["payment_id"], row["merchant_id"], row["token"]) for row in rows]

    async def drop_token_to_keep(self, payment_id: str) -> None:
        """Forget a token that the vault was told of; again without effect."""
        await self._database.call("gateway.drop_token_to_keep", payment_id)

    async def purge_idempotency_keys(self, limit: int) -> int:
        """Delete at most `limit` idempotency keys whose 30 days are over, and tell how many."""
        return int((await self._row("gateway.purge_idempotency_keys", limit))["purged"])

    async def purge_retries(self, limit: int) -> int:
        """Forget at most `limit` attempts, and cards, that no rule about retries counts any more; tell how many."""
        return int((await self._row("gateway.purge_retries", limit))["purged"])

    async def get_payment(self, merchant_id: str, payment_id: str) -> View:
        """Read a merchant's payment."""
        return _view(await self._row("gateway.get_payment", merchant_id, payment_id), "payment")

    async def get_routing(self, merchant_id: str, payment_id: str) -> tuple[View, RouteDecision | None]:
        """Read a merchant's payment with its decision; None for one that began before decisions were recorded."""
        row = await self._row("gateway.get_routing", merchant_id, payment_id)
        decision = row["decision"]
        return _view(row, "payment"), None if decision is None else decision_of(decision)

    async def list_payments(self, merchant_id: str, filters: Mapping[str, Any], limit: int) -> list[View]:
        """List a merchant's payments, newest first, keyset-paged by `before_us` and `before_id`."""
        values = [filters.get(name) for name in _PAYMENT_FILTERS]
        rows = await self._database.call_many("gateway.list_payments", merchant_id, limit, *values)
        return [_view(row, "payment") for row in rows]

    async def get_refund(self, merchant_id: str, refund_id: str) -> View:
        """Read a merchant's refund."""
        return _view(await self._row("gateway.get_refund", merchant_id, refund_id), "refund")

    async def list_refunds(self, merchant_id: str, filters: Mapping[str, Any], limit: int) -> list[View]:
        """List a merchant's refunds, newest first."""
        rows = await self._database.call_many(
            "gateway.list_refunds",
            merchant_id,
            filters.get("payment_id"),
            limit,
            filters.get("before_us"),
            filters.get("before_id"),
        )
        return [_view(row, "refund") for row in rows]

    async def _row(self, procedure: str, *arguments: object) -> Mapping[str, Any]:
        row = await self._database.call(procedure, *arguments)
        if row is None:
            message = f"{procedure} answered without a row"
            raise LookupError(message)
        return row


def _begun(row: Mapping[str, Any]) -> Begun:
    return Begun(
        disposition=Disposition(row["disposition"]),
        payment=row["payment"],
        modification=row.get("modification"),
        answer=row["answer"],
    )


def _view(row: Mapping[str, Any], name: str) -> View:
    view: View = row[name]
    return view
