"""Makes the kit's fixtures known to every test of this folder."""

from tests.conformance.material import psp_descriptions
from tests.conformance.recorder import recorder

__all__ = ("psp_descriptions", "recorder")
