"""What the process does between calls: looks for changed accounts, dispatches webhooks, deletes old ones."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from mesh.refusal import Refusal
from psp_connectors.adapters.certificates import HttpCertificates
from psp_connectors.adapters.webhook_observation import MetricsWebhookObserver
from psp_connectors.application.account_registry import AccountRegistry
from psp_connectors.application.dispatch_webhooks import DispatchWebhooks
from psp_connectors.application.webhook_ports import WebhookStore

REFRESH_SECONDS: Final = 2.0
"""Changes reach a process within five seconds: this, and the time a slow database takes."""
IDLE_SECONDS: Final = 1.0
COUNT_SECONDS: Final = 15.0
PURGE_SECONDS: Final = 3600.0
RENEW_SECONDS: Final = 600.0
PURGE_BATCH: Final = 500
PURGE_BATCHES_MAX: Final = 200


class Bell:
    """Wakes the dispatcher of this process as soon as there is work."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Say that there is work."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Wait until somebody rings, for so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return
        finally:
            self._rung.clear()


async def refresh_accounts(
    registry: AccountRegistry,
    logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
    *,
    period_seconds: float = REFRESH_SECONDS,
) -> None:
    """Take changed accounts up every few seconds, for ever; while the database is away the known ones serve on."""
    away = False
    while True:
        try:
            await registry.refresh()
            away = False
        except Refusal as refusal:
            if not away:
                logger.warning("accounts can't be looked at; the known ones serve on", reason=refusal.reason.value)
            away = True
        except Exception:
            # One account that nobody thought of must not keep all later changes from being seen.
            logger.exception("accounts could not be read")
        await asyncio.sleep(period_seconds)


async def dispatch_webhooks(
    dispatch: DispatchWebhooks,
    bell: Bell,
    logger: Any,  # noqa: ANN401
    *,
    idle_seconds: float = IDLE_SECONDS,
) -> None:
    """Handle what is due, for ever: at once when the bell rings, else every second."""
    away = False
    while True:
        more = False
        try:
            more = await dispatch.round()
            away = False
        except Refusal as refusal:
            if not away:
                logger.warning("webhooks can't be handled now", reason=refusal.reason.value)
            away = True
        except Exception:
            logger.exception("webhooks could not be handled")
        if not more:
            await bell.wait(idle_seconds)


async def count_and_purge(
    store: WebhookStore,
    observer: MetricsWebhookObserver,
    logger: Any,  # noqa: ANN401
    *,
    count_seconds: float = COUNT_SECONDS,
    purge_seconds: float = PURGE_SECONDS,
) -> None:
    """Count what waits every few seconds and delete what is too old every hour, for ever."""
    rounds = max(1, round(purge_seconds / count_seconds))
    ordinal = 0
    while True:
        await _tried(_count(store, observer), logger, "webhooks could not be counted")
        if ordinal % rounds == 0:
            await _tried(_purge(store, logger), logger, "old webhooks could not be purged")
        ordinal += 1
        await asyncio.sleep(count_seconds)


async def renew_certificates(
    certificates: HttpCertificates,
    logger: Any,  # noqa: ANN401
    *,
    period_seconds: float = RENEW_SECONDS,
) -> None:
    """Bring the certificates anew that PSPs sign with, before their time is over, for ever."""
    while True:
        await asyncio.sleep(period_seconds)
        await _tried(certificates.renew(), logger, "certificates could not be renewed")


async def _tried(work: Coroutine[Any, Any, None], logger: Any, failure: str) -> None:  # noqa: ANN401
    """Run one round of work: what keeps it from being done is told, and the next round comes all the same."""
    try:
        await work
    except Refusal as refusal:
        logger.warning(failure, reason=refusal.reason.value)
    except Exception:
        logger.exception(failure)


async def _count(store: WebhookStore, observer: MetricsWebhookObserver) -> None:
    observer.backlog(await store.backlog())


async def _purge(store: WebhookStore, logger: Any) -> None:  # noqa: ANN401
    deleted = 0
    for _ in range(PURGE_BATCHES_MAX):
        batch = await store.purge(PURGE_BATCH)
        deleted += batch
        if batch < PURGE_BATCH:
            break
    if deleted:
        logger.info("old webhooks purged", deleted=deleted)
