"""Connectors against material we did not write: the PSPs' descriptions, public signature vectors, official SDKs.

The material is at `../shared/psp` beside the checkout. Without it these tests skip and say so; nothing else does.

Descriptions (`devstack.descriptions`), by the fixture of `material`:

    def test_requests(psp_descriptions: Descriptions) -> None:
        request = STRIPE.build(operation, account)
        description = psp_descriptions("stripe")
        assert description.request_findings(request.method, request.url, request.headers, request.body) == []

A finding is `place: what`; no finding means valid, and no property that the description does not declare. A field that
the PSP documents elsewhere goes into `devstack/descriptions/amendments.py`, with its source. `description.examples()`
gives every example, of which `example_findings` says whether it keeps to its own description: `test_descriptions.py`
lists those that don't. Which example a connector must understand, and how, is for the connector's own test to say.

Signature vectors: `vectors_of("adyen")` of `material`.

Official SDKs: the fixture `recorder` of `recorder` is a PSP at 127.0.0.1 that keeps what it is sent and answers what it
is told. `test_sdk_pointing.py` shows for each SDK how it is pointed there. `compare(request, recorded)` gives what
differs between a connector's request and the SDK's, decoded, in words.

What holds for every connector without such material is in `tests/contract`: `ConnectorSuite`, `MutationSuite` and
`PropertySuite`, to be subclassed by each connector's test.
"""
