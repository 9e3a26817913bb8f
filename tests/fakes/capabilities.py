"""What accounts of a PSP can do that is asked by our reference and remembers its keys for six hours."""

from collections.abc import Iterable

from payera.connectors.v1 import connector_service_pb2 as messages

OPERATIONS = (
    messages.OPERATION_AUTHORIZE,
    messages.OPERATION_CAPTURE,
    messages.OPERATION_VOID,
    messages.OPERATION_REFUND,
)


def capabilities_of(accounts: Iterable[str]) -> messages.ListCapabilitiesResponse:
    """List `accounts` as taking every payment."""
    return messages.ListCapabilitiesResponse(
        accounts=[
            messages.AccountCapabilities(
                account=account,
                operation_capabilities=[
                    messages.OperationCapability(operation=operation, ask_by_reference=True, repeat_seconds=6 * 3600)
                    for operation in OPERATIONS
                ],
            )
            for account in accounts
        ]
    )


def paged(
    answer: messages.ListCapabilitiesResponse, request: messages.ListCapabilitiesRequest, page_size: int
) -> messages.ListCapabilitiesResponse:
    """Give the page of a list that is asked for."""
    first = int(request.page_token or 0)
    after = first + min(page_size, request.page_size or page_size)
    token = str(after) if after < len(answer.accounts) else ""
    return messages.ListCapabilitiesResponse(accounts=answer.accounts[first:after], next_page_token=token)
