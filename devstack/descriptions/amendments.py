"""What a PSP documents and takes, but leaves out of the description that we hold: data, each entry with its source.

Without these the "no unknown property" pass would refuse requests that the PSP takes. Keep the list short: an entry is
a place where nothing but a sentence in a document stands behind a field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from devstack.descriptions.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """One property added to the schema at `place`: the schema at `like`, or the one written out.

    `place` and `like` are references into the document such as `#/components/schemas/card_request`. With `within`
    empty it is no property but a member of the object at `place` itself, such as one of an operation's responses.
    """

    document: str
    place: str
    name: str
    source: str
    like: str = ""
    schema: Mapping[str, Any] | Sequence[str] | None = None
    within: str = "properties"


def _stripe_form(path: str, *steps: str) -> str:
    escaped = path.replace("/", "~1")
    body = f"#/paths/{escaped}/post/requestBody/content/application~1x-www-form-urlencoded/schema"
    return "/".join((body, *steps))


_CHECKOUT: Final = "nas-2021-07-20.bundled"
_CARD_OF_A_PAYMENT_METHOD: Final = _stripe_form("/v1/payment_methods", "properties", "card")

AMENDMENTS: Final[Mapping[str, Sequence[Amendment]]] = {
    "checkout": [
        # Without this an answer about a payment that is pending or declined would be one about a payout as well.
        Amendment(
            document=_CHECKOUT,
            place="#/components/schemas/PayoutDetails/properties/source/properties/type",
            name="enum",
            schema=["currency_account"],
            within="",
            source="the sentence in the description itself: always `currency_account` for payouts",
        ),
        *(
            Amendment(
                document=_CHECKOUT,
                place=f"#/paths/~1payments~1{{id}}~1{action}/post/responses",
                name="429",
                like="#/paths/~1payments/post/responses/429",
                within="",
                source='guide "Idempotency", which names these calls',
            )
            for action in ("authorizations", "captures", "refunds", "voids")
        ),
    ],
    "paypal": [
        Amendment(
            document="checkout_orders_v2",
            place="#/components/schemas/card_attributes",
            name="verification",
            schema={
                "type": "object",
                "properties": {"method": {"type": "string", "enum": ["SCA_ALWAYS", "SCA_WHEN_REQUIRED"]}},
            },
            source='guide "3D Secure: Orders API"; CardVerification of the official SDK',
        ),
    ],
    "stripe": [
        Amendment(
            document="spec3-2024-04-10",
            place=_stripe_form(path, "properties", "payment_method_data"),
            name="card",
            like=_CARD_OF_A_PAYMENT_METHOD,
            source="raw card data APIs; `type=card` stands behind x-stripeBypassValidation in the same schema",
        )
        for path in (
            "/v1/payment_intents",
            "/v1/payment_intents/{intent}",
            "/v1/payment_intents/{intent}/confirm",
            "/v1/setup_intents",
            "/v1/setup_intents/{intent}",
            "/v1/setup_intents/{intent}/confirm",
        )
    ],
}
"""By PSP."""


def amended(documents: Sequence[Document], amendments: Sequence[Amendment]) -> Sequence[Document]:
    """Put amendments into freshly read documents; raises LookupError for one whose place is not there any more.

    A property that the description has by now is left as the description has it.
    """
    by_name = {document.name: document for document in documents}
    for amendment in amendments:
        document = by_name[amendment.document]
        place = document.at(amendment.place)
        added = document.at(amendment.like) if amendment.like else amendment.schema
        holder = place.setdefault(amendment.within, {}) if amendment.within else place
        holder.setdefault(amendment.name, added)
    return documents
