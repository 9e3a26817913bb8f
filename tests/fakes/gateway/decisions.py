"""Where payments go and why, in memory as the database keeps it: JSON."""

import json
from dataclasses import dataclass, field

from gateway_svc.application.decisions import decision_of, decision_view
from gateway_svc.application.ports import NewPayment
from gateway_svc.domain.routing import RouteDecision


@dataclass
class FakeDecisions:
    """Decisions by payment."""

    kept: dict[str, str] = field(default_factory=dict)

    def keep(self, new: NewPayment) -> None:
        if new.decision is not None:
            self.kept[new.id] = json.dumps(decision_view(new.decision))

    def of(self, payment_id: str) -> RouteDecision | None:
        kept = self.kept.get(payment_id)
        return None if kept is None else decision_of(json.loads(kept))
