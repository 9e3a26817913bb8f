"""What operators see of webhooks, and how they have one handled again."""

from collections.abc import Callable, Sequence

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application import pages
from psp_connectors.application.webhook_ports import WebhookRecord, WebhookStore, WholeWebhook


class InspectWebhooks:
    """Lists, shows and replays webhooks. `wake` tells the dispatcher that there is work."""

    def __init__(self, store: WebhookStore, wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake

    async def list(self, account: str, state: str, page_size: int, token: str) -> tuple[Sequence[WebhookRecord], str]:
        """Give a page, newest first, and the token of the next page; refuses with INVALID_PAGE_TOKEN."""
        scope = f"psp_webhooks/{account}/{state}"
        size = pages.size_of(page_size)
        records = await self._store.list(account, state, size + 1, pages.decode(scope, token))
        return pages.cut(scope, records, size, lambda record: record.id)

    async def get(self, webhook_id: str) -> WholeWebhook:
        """Give one webhook as it came; refuses with WEBHOOK_NOT_FOUND."""
        webhook = await self._store.get(webhook_id)
        if webhook is None:
            raise Refusal(Reason.WEBHOOK_NOT_FOUND, webhook_id=webhook_id[:64])
        return webhook

    async def replay(self, webhook_id: str) -> WholeWebhook:
        """Let a webhook be handled again from the start; refuses with WEBHOOK_NOT_FOUND."""
        if not await self._store.replay(webhook_id):
            raise Refusal(Reason.WEBHOOK_NOT_FOUND, webhook_id=webhook_id[:64])
        self._wake()
        return await self.get(webhook_id)
