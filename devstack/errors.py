"""What can go wrong with the development stack, each with the next step for the person at the terminal.

StackError
├── DownloadError        an archive could not be brought
│   └── ChecksumError    an archive is not the one that is locked
├── PortTakenError       a port is held by another process
├── ComponentError       a component did not become ready, or died while starting
└── MissingPartError     a part of the project, or a wheel, is not there
"""


class StackError(Exception):
    """A failure the user can act on: `str()` says what happened, `next_step` what to do."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class DownloadError(StackError):
    """An archive could not be brought from Maven Central."""


class ChecksumError(DownloadError):
    """An archive differs from the one named in `jgo.lock.toml`; it is not used."""


class PortTakenError(StackError):
    """A port that a component needs is held by another process."""


class ComponentError(StackError):
    """A component did not become ready in time, or exited while starting."""

    def __init__(self, message: str, next_step: str = "", log_tail: tuple[str, ...] = ()) -> None:
        super().__init__(message, next_step)
        self.log_tail = log_tail


class MissingPartError(StackError):
    """A module, file or wheel that the stack needs is not there."""
