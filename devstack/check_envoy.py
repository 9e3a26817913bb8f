"""Lets Envoy check its configuration as the stack would render it: `python -m devstack.check_envoy`."""

import sys
import tempfile
from pathlib import Path

from devstack import downloads
from devstack.certificates import ensure_certificates
from devstack.components import envoy
from devstack.configuration import load_configuration
from devstack.errors import ComponentError, StackError


def main() -> int:
    """Return 0 when Envoy accepts the configuration."""
    try:
        downloads.ensure_archives(_say)
        with tempfile.TemporaryDirectory() as home:
            configuration = load_configuration(Path(home), environ={})
            ensure_certificates(configuration)
            envoy.validate(configuration)
    except StackError as error:
        for line in error.log_tail if isinstance(error, ComponentError) else ():
            _say(f"  | {line}")
        _say(f"error: {error}")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
