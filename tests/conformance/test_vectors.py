"""The signer with which our tests sign Adyen's webhooks, against the public signature vectors."""

from typing import Any

import pytest

from tests.conformance.material import vectors_of
from tests.fakes.connectors import adyen


@pytest.mark.parametrize("vector", vectors_of("adyen"))
def test_adyen_signs_eight_fields_of_an_item(vector: dict[str, Any]) -> None:
    assert adyen.signature(vector["item"], vector["secret"]) == vector["expected"]
    other = vector["item"] | {"success": "false"}
    assert adyen.signature(other, vector["secret"]) != vector["expected"]
