"""Creates and reads merchants and their API keys, for Payera's operators."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway_svc.application import page_tokens
from gateway_svc.application.api_keys import new_key
from gateway_svc.application.checks import invalid_field, require_texts
from gateway_svc.application.ports import ApiKeyStore, Logger, MerchantStore, NewApiKey, View
from gateway_svc.application.read_payments import Page, page_of
from gateway_svc.application.views import cascade_view
from gateway_svc.domain.cascade_policy import CascadeSettings, cascadable_classes, cascadable_codes
from mesh.context import KeyScope
from mesh.identifiers import is_id, new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal

_MERCHANTS: Final = ("merchants",)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key as stored, with the key itself, which nobody can read again."""

    view: View
    text: str = field(repr=False)


class ManageMerchants:
    """The use cases behind MerchantService."""

    __slots__ = ("_keys", "_logger", "_merchants")

    def __init__(self, merchants: MerchantStore, keys: ApiKeyStore, logger: Logger) -> None:
        self._merchants = merchants
        self._keys = keys
        self._logger = logger

    async def create_merchant(self, name: str) -> View:
        """Create a merchant without keys."""
        require_texts((("name", name),))
        return await self._merchants.create_merchant(new_id("mer"), name)

    async def configure_merchant(
        self, merchant_id: str, *, card_code_required: bool, cascade: CascadeSettings, changed_by: str
    ) -> View:
        """Replace a merchant's settings. `changed_by` is the operator's key id.

        Refuses with MERCHANT_NOT_FOUND, and with INVALID_FIELD for codes and classes of which the policy lets none move
        on: naming them would change nothing, or switch cascading off unseen.
        """
        _require_merchant_id(merchant_id)
        _require_cascadable(cascade)
        settings = cascade_view(cascade)
        view = await self._merchants.configure_merchant(
            merchant_id, card_code_required=card_code_required, cascade=settings
        )
        self._logger.info(
            "merchant configured",
            merchant_id=merchant_id,
            card_code_required=card_code_required,
            cascade=settings,
            changed_by=changed_by,
        )
        return view

    async def merchant(self, merchant_id: str) -> View:
        """Give a merchant; refuses with MERCHANT_NOT_FOUND."""
        _require_merchant_id(merchant_id)
        return await self._merchants.get_merchant(merchant_id)

    async def merchants(self, page_size: int, token: str) -> Page:
        """Give a page of merchants, newest first; refuses with INVALID_PAGE_TOKEN."""
        position = page_tokens.decode(_MERCHANTS, token)
        size = page_tokens.page_size_of(page_size)
        views = await self._merchants.list_merchants(
            position.before_us if position else None, position.before_id if position else None, size + 1
        )
        return page_of(_MERCHANTS, views, size)

    async def create_api_key(self, merchant_id: str, scope: KeyScope, *, live: bool) -> CreatedKey:
        """Make a publishable or secret key; refuses with MERCHANT_NOT_FOUND, or API_KEY_LIMIT at 100 active keys."""
        _require_merchant_id(merchant_id)
        key = new_key(scope, live=live)
        new = NewApiKey(
            id=new_id("key"),
            merchant_id=merchant_id,
            scope=scope.value,
            live=live,
            prefix=key.prefix,
            sha256=key.sha256,
        )
        return CreatedKey(await self._keys.create_api_key(new), key.text)

    async def api_keys(self, merchant_id: str) -> Sequence[View]:
        """List a merchant's keys, newest first; refuses with MERCHANT_NOT_FOUND."""
        _require_merchant_id(merchant_id)
        return await self._keys.list_api_keys(merchant_id)

    async def revoke_api_key(self, key_id: str) -> View:
        """Revoke a key, again without effect; refuses with API_KEY_NOT_FOUND."""
        if not is_id("key", key_id):
            raise Refusal(Reason.API_KEY_NOT_FOUND, key_id=key_id)
        return await self._keys.revoke_api_key(key_id)


def _require_cascadable(settings: CascadeSettings) -> None:
    named = (
        ("cascade.codes", settings.codes, cascadable_codes()),
        ("cascade.classes", settings.classes, cascadable_classes()),
    )
    for field_name, values, cascadable in named:
        if not values <= cascadable:
            raise invalid_field(field_name, f"may name {', '.join(sorted(cascadable))}; nothing else moves on")


def _require_merchant_id(merchant_id: str) -> None:
    if not is_id("mer", merchant_id):
        raise Refusal(Reason.MERCHANT_NOT_FOUND, merchant_id=merchant_id)
