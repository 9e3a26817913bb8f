"""Makes a fake's methods fail when told to, before or after they took effect."""

from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    error: Exception
    after_effect: bool


class Faults:
    """Armed faults by method name; each is used once, in the order they were armed."""

    def __init__(self) -> None:
        self._armed: defaultdict[str, list[Fault]] = defaultdict(list)

    def arm(self, method: str, error: Exception, *, after_effect: bool = False, times: int = 1) -> None:
        self._armed[method].extend([Fault(error, after_effect)] * times)

    def before(self, method: str) -> None:
        armed = self._armed[method]
        if armed and not armed[0].after_effect:
            raise armed.pop(0).error

    def after(self, method: str) -> None:
        armed = self._armed[method]
        if armed:
            raise armed.pop(0).error
