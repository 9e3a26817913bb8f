"""What the inventory is told of keys that KMS does not describe."""

import pytest

from tests.integration.test_vault_kms import aws_environment, provider_at, told
from tests.support.kms import FOREIGN_KEY, KEY, OLD_KEY, ToldKms, described, refusal
from vault_svc.application.ports.key_provider import KeyProviderDownError, KeyState

__all__ = ["aws_environment", "told"]

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("code", ["NotFoundException", "AccessDeniedException"])
async def test_a_decrypt_only_key_that_kms_does_not_tell_of_hides_no_other(told: ToldKms, code: str) -> None:
    told.will(described(), refusal(code), described(FOREIGN_KEY))
    with provider_at(told.endpoint, decrypt_only_keys=[OLD_KEY, FOREIGN_KEY]) as provider:
        active, old, foreign = await provider.keys()
    assert [(key.key_id, key.state) for key in (active, old, foreign)] == [
        (KEY, KeyState.ACTIVE),
        (OLD_KEY, KeyState.UNKNOWN),
        (FOREIGN_KEY, KeyState.DECRYPT_ONLY),
    ]
    assert (old.algorithm, old.strength_bits, old.created_at) == ("", 0, None)


async def test_a_decrypt_only_key_is_not_told_as_unknown_while_kms_has_too_much_to_do(told: ToldKms) -> None:
    told.will(described(), *[refusal("ThrottlingException")] * 2)
    with provider_at(told.endpoint, decrypt_only_keys=[OLD_KEY]) as provider, pytest.raises(KeyProviderDownError):
        await provider.keys()
