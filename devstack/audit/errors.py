"""Why the audit could not be verified.

CannotVerifyError          something that verifying needs is out of reach
└── HeadsUnavailableError  the published heads are; the chains in the database can still be gone through
"""


class CannotVerifyError(Exception):
    """Something that verifying needs is out of reach; nothing is said of the audit. ``next_step`` is for a person."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class HeadsUnavailableError(CannotVerifyError):
    """The published heads are out of reach: a tail that was cut off, head row included, can't be found."""
