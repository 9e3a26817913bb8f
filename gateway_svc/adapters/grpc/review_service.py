"""The rpcs of payera.gateway.v1.ReviewService."""

from typing import Any, Final

import grpc
from payera.gateway.v1 import review_service_pb2 as messages
from payera.gateway.v1 import review_service_pb2_grpc as stubs

from gateway_svc.adapters.grpc.review_messages import evidence_message, review_message
from gateway_svc.application.reviews import ManageReviews, ReviewFilters, ReviewWish
from gateway_svc.domain.reviews import ReviewAction
from mesh.context import current

SERVICE: Final = "payera.gateway.v1.ReviewService"

Context = grpc.aio.ServicerContext[Any, Any]


class ReviewServicer(stubs.ReviewServiceServicer):
    """Translates each request for its use case; errors are the server's to translate."""

    def __init__(self, manage: ManageReviews) -> None:
        self._manage = manage

    async def ListReviews(  # noqa: N802 - named by the contract
        self, request: messages.ListReviewsRequest, context: Context
    ) -> messages.ListReviewsResponse:
        """List what waits for an operator."""
        del context
        kind = messages.Review.Kind.Name(request.kind) if request.kind else ""
        filters = ReviewFilters(request.merchant_id, request.psp_account, kind)
        page = await self._manage.reviews(filters, request.page_size, request.page_token)
        return messages.ListReviewsResponse(
            reviews=[review_message(view) for view in page.views], next_page_token=page.next_token
        )

    async def GetReview(  # noqa: N802 - named by the contract
        self, request: messages.GetReviewRequest, context: Context
    ) -> messages.Review:
        """Read one review with its evidence."""
        del context
        return evidence_message(await self._manage.review(request.review_id))

    async def ResolveReview(  # noqa: N802 - named by the contract
        self, request: messages.ResolveReviewRequest, context: Context
    ) -> messages.Review:
        """Record what an operator found out."""
        del context
        call = current()
        wish = ReviewWish(
            review_id=request.review_id,
            version=request.version,
            action=ReviewAction(messages.Review.Action.Name(request.action)),
            note=request.note,
            psp_reference=request.psp_reference,
            decided_by=call.principal.key_id if call.principal is not None else "",
            request_id=call.request_id,
        )
        return evidence_message(await self._manage.resolve(wish))
