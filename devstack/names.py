"""The names of the stack's components and ports: one place, so that a typing error cannot invent a component."""

from enum import StrEnum
from typing import Final


class ComponentName(StrEnum):
    """Every process (or process family) of the development stack."""

    POSTGRES = "postgres"
    KAFKA = "kafka"
    TEMPORAL = "temporal"
    SANDBOX = "sandbox"
    VAULT = "vault"
    VAULT_WORKER = "vault_worker"
    ROUTER = "router"
    CONNECTORS = "connectors"
    GATEWAY = "gateway"
    WORKER = "worker"
    RELAY = "relay"
    ENVOY = "envoy"


class PortName(StrEnum):
    """Every port the stack listens on; `PAYERA_PORT_<NAME>` overrides one."""

    REST = "rest"
    ENVOY_ADMIN = "envoy_admin"
    POSTGRES = "postgres"
    KAFKA = "kafka"
    KAFKA_CONTROLLER = "kafka_controller"
    TEMPORAL = "temporal"
    TEMPORAL_UI = "temporal_ui"
    SANDBOX = "sandbox"
    SANDBOX_A = "sandbox_a"
    SANDBOX_B = "sandbox_b"
    GATEWAY = "gateway"
    ROUTER = "router"
    VAULT = "vault"
    CONNECTORS = "connectors"
    GATEWAY_METRICS = "gateway_metrics"
    WORKER_METRICS = "worker_metrics"
    RELAY_METRICS = "relay_metrics"
    ROUTER_METRICS = "router_metrics"
    VAULT_METRICS = "vault_metrics"
    VAULT_WORKER_METRICS = "vault_worker_metrics"
    CONNECTORS_METRICS = "connectors_metrics"
    SANDBOX_STRIPE = "sandbox_stripe"
    SANDBOX_ADYEN = "sandbox_adyen"
    SANDBOX_CHECKOUT = "sandbox_checkout"
    SANDBOX_PAYPAL = "sandbox_paypal"


#: Below 32768, where the kernel starts to take ports for outgoing connections.
DEFAULT_PORTS: Final[dict[PortName, int]] = {
    PortName.REST: 8080,
    PortName.ENVOY_ADMIN: 9901,
    PortName.POSTGRES: 5433,
    PortName.KAFKA: 9092,
    PortName.KAFKA_CONTROLLER: 9093,
    PortName.TEMPORAL: 7233,
    PortName.TEMPORAL_UI: 8233,
    PortName.SANDBOX: 8090,
    PortName.SANDBOX_A: 8091,
    PortName.SANDBOX_B: 8092,
    PortName.SANDBOX_STRIPE: 8093,
    PortName.SANDBOX_ADYEN: 8094,
    PortName.SANDBOX_CHECKOUT: 8095,
    PortName.SANDBOX_PAYPAL: 8096,
    PortName.GATEWAY: 7101,
    PortName.ROUTER: 7102,
    PortName.VAULT: 7103,
    PortName.CONNECTORS: 7104,
    PortName.GATEWAY_METRICS: 7201,
    PortName.ROUTER_METRICS: 7202,
    PortName.VAULT_METRICS: 7203,
    PortName.CONNECTORS_METRICS: 7204,
    PortName.WORKER_METRICS: 7205,
    PortName.RELAY_METRICS: 7206,
    PortName.VAULT_WORKER_METRICS: 7207,
}

#: The PSP accounts the stack comes with; each has a port of its own, so that it can refuse connections. Payments go to
#: the first two unless a merchant's priorities say otherwise. Magic amounts count positions here: see docs/sandbox.md.
PSP_ACCOUNT_PORTS: Final[dict[str, PortName]] = {
    "sandbox_a": PortName.SANDBOX_A,
    "sandbox_b": PortName.SANDBOX_B,
    "sandbox_stripe": PortName.SANDBOX_STRIPE,
    "sandbox_adyen": PortName.SANDBOX_ADYEN,
    "sandbox_checkout": PortName.SANDBOX_CHECKOUT,
    "sandbox_paypal": PortName.SANDBOX_PAYPAL,
}
DEFAULT_PRIORITIES: Final = ("sandbox_a", "sandbox_b")
#: The wire API of those accounts that speak a real PSP's: the sandbox's dialect and the connector are named alike.
PSP_DIALECTS: Final[dict[str, str]] = {
    "sandbox_stripe": "stripe",
    "sandbox_adyen": "adyen",
    "sandbox_checkout": "checkout",
    "sandbox_paypal": "paypal",
}

#: The ports each component must be able to bind.
COMPONENT_PORTS: Final[dict[ComponentName, tuple[PortName, ...]]] = {
    ComponentName.POSTGRES: (PortName.POSTGRES,),
    ComponentName.KAFKA: (PortName.KAFKA, PortName.KAFKA_CONTROLLER),
    ComponentName.TEMPORAL: (PortName.TEMPORAL, PortName.TEMPORAL_UI),
    ComponentName.SANDBOX: (PortName.SANDBOX, *PSP_ACCOUNT_PORTS.values()),
    ComponentName.VAULT: (PortName.VAULT, PortName.VAULT_METRICS),
    ComponentName.VAULT_WORKER: (PortName.VAULT_WORKER_METRICS,),
    ComponentName.ROUTER: (PortName.ROUTER, PortName.ROUTER_METRICS),
    ComponentName.CONNECTORS: (PortName.CONNECTORS, PortName.CONNECTORS_METRICS),
    ComponentName.GATEWAY: (PortName.GATEWAY, PortName.GATEWAY_METRICS),
    ComponentName.WORKER: (PortName.WORKER_METRICS,),
    ComponentName.RELAY: (PortName.RELAY_METRICS,),
    ComponentName.ENVOY: (PortName.REST, PortName.ENVOY_ADMIN),
}

#: The components that are processes of this project, with the module each one runs.
SERVICE_MODULES: Final[dict[ComponentName, str]] = {
    ComponentName.SANDBOX: "devstack.sandbox.server",
    ComponentName.VAULT: "vault_svc.entrypoints.server",
    ComponentName.VAULT_WORKER: "vault_svc.entrypoints.worker",
    ComponentName.ROUTER: "router_svc.entrypoints.server",
    ComponentName.CONNECTORS: "psp_connectors.entrypoints.server",
    ComponentName.GATEWAY: "gateway_svc.entrypoints.server",
    ComponentName.WORKER: "gateway_svc.entrypoints.worker",
    ComponentName.RELAY: "gateway_svc.entrypoints.relay",
}

#: The identity in the certificate of each process; the sandbox is a PSP and has none.
IDENTITIES: Final[dict[ComponentName, str]] = {
    ComponentName.ENVOY: "envoy",
    ComponentName.GATEWAY: "gateway_svc",
    ComponentName.WORKER: "gateway_worker",
    ComponentName.RELAY: "gateway_relay",
    ComponentName.ROUTER: "router_svc",
    ComponentName.VAULT: "vault_svc",
    ComponentName.VAULT_WORKER: "vault_worker",
    ComponentName.CONNECTORS: "psp_connectors",
}
OPERATOR_IDENTITY: Final = "operator"

#: The login role of each process that talks to the database.
DATABASE_ROLES: Final[dict[ComponentName, str]] = {
    ComponentName.GATEWAY: "gateway_svc",
    ComponentName.WORKER: "gateway_worker",
    ComponentName.RELAY: "gateway_relay",
    ComponentName.ROUTER: "router_svc",
    ComponentName.VAULT: "vault_svc",
    ComponentName.VAULT_WORKER: "vault_worker",
    ComponentName.CONNECTORS: "psp_connectors",
}
#: Whoever verifies the vault's audit logs in with a role of its own.
AUDITOR_ROLE: Final = "vault_auditor"
#: Every login role: those of the processes, and those of what runs beside them.
DATABASE_LOGINS: Final = (*DATABASE_ROLES.values(), AUDITOR_ROLE)
