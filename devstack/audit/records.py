"""Finds the newest records about a token."""

from typing import Final, Protocol

from vault_svc.domain.audit import AuditRecord

PAGE: Final = 1_000


class TokenAudit(Protocol):
    """The audit, asked about one token; see `AuditDatabase`."""

    def of_token(self, token_id: str, before: AuditRecord | None, limit: int) -> list[AuditRecord]:
        """Give a token's newest records before one of them, newest first; at most 1,000."""
        ...


def records_of_token(audit: TokenAudit, token_id: str, last: int) -> list[AuditRecord]:
    """Give the newest ``last`` records about a token, oldest first, page by page."""
    found: list[AuditRecord] = []
    while page := audit.of_token(token_id, found[-1] if found else None, min(last - len(found), PAGE)):
        found += page
        if len(found) >= last:
            break
    found.reverse()
    return found
