"""What the app is told when it cannot have an answer: status, and OpenAI's error object."""

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}


class GatewayError(Exception):
    """`code` is from the list in docs/errors.md. `final`: a retry would only repeat what the gateway has done already.

    `retry_after` is in seconds. `body` is a vendor's own error body, passed on where the fault is the client's and
    the vendor has said it best.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        final: bool = True,
        retry_after: float | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.final = final
        self.retry_after = retry_after
        self.body = body

    @property
    def type(self) -> str:
        return ERROR_TYPES.get(self.status, "server_error")
