"""What the gateway is told by its environment."""

from pathlib import Path

from gateway_svc.application.budget import Timing
from gateway_svc.domain.shopper_action import SHOPPER_SECONDS, SHOPPER_SECONDS_MAX
from mesh.settings import BaseSettings


class GatewaySettings(BaseSettings, frozen=True, kw_only=True):
    """The gateway's PAYERA_* variables; times in milliseconds where their names say nothing else."""

    database_url: str
    router_address: str
    vault_address: str
    connectors_address: str
    temporal_address: str
    codec_keyring: Path
    temporal_namespace: str = "default"
    database_pool_size: int = 8
    create_budget_ms: int = 10_000
    psp_timeout_ms: int = 8_000
    shopper_action_seconds: int = SHOPPER_SECONDS
    concurrency_limit: int = 64

    def __post_init__(self) -> None:
        """Refuse times and limits that no call could live with."""
        super().__post_init__()
        if self.create_budget_ms < 1 or self.psp_timeout_ms < 1:
            message = "PAYERA_CREATE_BUDGET_MS and PAYERA_PSP_TIMEOUT_MS must be at least 1"
            raise ValueError(message)
        if not 1 <= self.shopper_action_seconds <= SHOPPER_SECONDS_MAX:
            message = f"PAYERA_SHOPPER_ACTION_SECONDS must be from 1 to {SHOPPER_SECONDS_MAX}"
            raise ValueError(message)
        if self.concurrency_limit < 1:
            message = "PAYERA_CONCURRENCY_LIMIT must be at least 1"
            raise ValueError(message)

    def timing(self) -> Timing:
        """Give the times of a call that moves money."""
        return Timing(budget_ms=self.create_budget_ms, psp_timeout_ms=self.psp_timeout_ms)
