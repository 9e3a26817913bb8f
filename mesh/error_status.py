"""Makes a `google.rpc.Status` of a refusal, with the texts of the error catalogue in the contract."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from payera.errors.v1 import reason_pb2
from payera.options.v1 import options_pb2

from mesh.card_numbers import mask_card_numbers
from mesh.channels import ERROR_DOMAIN
from mesh.reasons import Reason
from mesh.refusal import Refusal

_PREFIX: Final = "REASON_"
_GAP = re.compile(r"\{([a-z_]+)\}")
_LONGEST_VALUE = 300
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One reason as the catalogue describes it, ready to be filled."""

    code: int
    code_name: str
    message: str
    remedy: str
    doc: str
    retryable: bool


class Catalogue:
    """The error catalogue, read once from the options of `payera.errors.v1.Reason`."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: Mapping[Reason, Entry] = {reason: _entry_of(reason) for reason in Reason}

    def entry(self, reason: Reason) -> Entry:
        """Give the catalogue's entry; every reason has one."""
        return self._entries[reason]

    def message_of(self, refusal: Refusal) -> str:
        """Give the catalogue's sentence with its gaps filled from the refusal's metadata."""
        metadata = refusal.metadata
        return _GAP.sub(lambda gap: _shown(metadata.get(gap[1], "unknown")), self._entries[refusal.reason].message)

    def status_of(self, refusal: Refusal, request_id: str) -> grpc.Status:
        """Give the status to abort a call with: one ErrorInfo, and BadRequest and RetryInfo where they apply."""
        entry = self._entries[refusal.reason]
        info = error_details_pb2.ErrorInfo(reason=refusal.reason.value, domain=ERROR_DOMAIN)
        for name, value in refusal.metadata.items():
            info.metadata[name] = _shown(value)
        info.metadata["doc"] = entry.doc
        info.metadata["remedy"] = entry.remedy
        info.metadata["request_id"] = request_id
        status = status_pb2.Status(code=entry.code, message=self.message_of(refusal))
        status.details.add().Pack(info)
        if refusal.violations:
            status.details.add().Pack(_bad_request_of(refusal))
        if entry.retryable or refusal.retry_after_seconds is not None:
            status.details.add().Pack(_retry_info_of(refusal))
        made: grpc.Status = rpc_status.to_status(status)
        return made


def _shown(value: str) -> str:
    """Give a value as it may stand in an answer: what a caller sent may be a card number, and is not repeated."""
    return mask_card_numbers(value[:_LONGEST_VALUE])


def _entry_of(reason: Reason) -> Entry:
    value = reason_pb2.Reason.DESCRIPTOR.values_by_name[_PREFIX + reason.value]
    options: Any = value.GetOptions()
    texts = options.Extensions[options_pb2.catalogue]
    return Entry(
        code=code_pb2.Code.Value(texts.grpc_code),
        code_name=texts.grpc_code,
        message=texts.message,
        remedy=texts.remedy,
        doc=f"https://{ERROR_DOMAIN}/errors#{reason.value.lower().replace('_', '-')}",
        retryable=texts.retryable,
    )


def _bad_request_of(refusal: Refusal) -> error_details_pb2.BadRequest:
    violations: Sequence[error_details_pb2.BadRequest.FieldViolation] = [
        error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.description)
        for violation in refusal.violations
    ]
    return error_details_pb2.BadRequest(field_violations=violations)


def _retry_info_of(refusal: Refusal) -> error_details_pb2.RetryInfo:
    seconds = _RETRY_SECONDS if refusal.retry_after_seconds is None else refusal.retry_after_seconds
    whole, part = divmod(max(0, round(seconds * 1000)), 1000)
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=whole, nanos=part * 1_000_000))
