"""Judges requests, responses and webhooks by a PSP's own OpenAPI description.

    description = load(default_folder(), "stripe")
    description.request_findings("POST", "/v1/refunds", headers, body)      # [] when all is as described
    description.response_findings("POST", "/v1/refunds", 200, "application/json", body)
    description.webhook_findings("CAPTURE", body)

The sandbox PSP's dialects judge what they receive and what they answer with it, the conformance tests what a connector
builds. A finding is `place: what`. Beyond JSON Schema it finds properties that nobody declares, since most schemas of
the PSPs are open and would let a misspelt field pass; and properties that are read-only in a request.
"""

from devstack.descriptions.description import Description, default_folder, load
from devstack.descriptions.examples import Example, ExampleKind
from devstack.descriptions.forms import MalformedFormError, decode_form
from devstack.descriptions.operations import Match, Operation

__all__ = (
    "Description",
    "Example",
    "ExampleKind",
    "MalformedFormError",
    "Match",
    "Operation",
    "decode_form",
    "default_folder",
    "load",
)
