"""The vault as the simulator sees it: it gives a card's code once, and keeps tokens when it is told to."""

from dataclasses import dataclass, field

# For so long the connectors remember what they sent, code included, while its outcome is not known.
REMEMBERED_MS = 300_000
# What telling the vault may come to.
KEEP_FAULTS = ("none", "none", "away", "answer lost")


@dataclass(slots=True)
class Vault:
    """Knows the tokens by their payments: each payment of a simulated world has a token of its own."""

    codes_given: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    _remembered: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def give_code(self, payment_id: str) -> bool:
        """Give the card for a payment; tell whether its code was still there."""
        given = payment_id not in self.codes_given
        self.codes_given.add(payment_id)
        return given

    def remember(self, key: str, now_ms: int, *, with_code: bool) -> None:
        """Remember, as the connectors do, whether the code went out with a call."""
        self._remembered.setdefault(key, (now_ms, with_code))

    def recall(self, key: str, now_ms: int) -> bool | None:
        """Tell whether the code went out with a call, None when that is forgotten."""
        sent_ms, with_code = self._remembered.get(key, (0, False))
        return with_code if key in self._remembered and now_ms - sent_ms <= REMEMBERED_MS else None
