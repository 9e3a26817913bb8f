"""Finds the records about a token."""

from collections.abc import Iterator
from typing import Final

from devstack.audit.verification import Audit, Progress
from vault_svc.domain.audit import AuditRecord

PAGE: Final = 5_000


def records_of_token(audit: Audit, token_id: str, tell: Progress) -> Iterator[AuditRecord]:
    """Give the records about a token, chain by chain.

    The auditor's role may read chains and nothing else, so that all of them are gone through.
    """
    heads = audit.heads()
    total = sum(head.sequence for head in heads)
    done = 0
    for head in heads:
        after = 0
        while page := audit.records(head.chain, after, PAGE):
            done += len(page)
            tell(done, max(total, done))
            yield from (record for record in page if record.token_id == token_id)
            after = page[-1].sequence
            if after >= head.sequence:
                break
