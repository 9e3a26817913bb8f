"""The gateway's rpcs: translate a request, call a use case, translate the answer."""
