"""Who calls: from the key in the headers to the workflow whose rules hold."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.model import ANONYMOUS, Key, Route, Snapshot, Workflow
from gateway.errors import GatewayError

_KEY_HEADERS = (b"x-api-key", b"api-key")


@dataclass(frozen=True, slots=True)
class Principal:
    key: str
    workflow: Workflow


def authenticate(headers: Mapping[bytes, bytes], snapshot: Snapshot, *, open_house: bool) -> Principal:
    """Raises a GatewayError 401 or 403.

    `open_house`: no keys are needed if none are configured. Only on loopback.
    """
    named = headers.get(b"x-gateway-workflow", b"").decode("latin-1")
    if not snapshot.keys and open_house:
        return Principal("", _workflow(snapshot, named) if named else ANONYMOUS)
    key = _find(_presented(headers), snapshot)
    if named and named != key.workflow and named not in key.workflows:
        raise GatewayError(403, "workflow_forbidden", f"This key may not act for the workflow '{named}'.")
    return Principal(key.id, _workflow(snapshot, named or key.workflow))


def authorize(principal: Principal, model: str, snapshot: Snapshot) -> Route:
    """The route of that name, if there is one and the workflow may use it."""
    route = snapshot.routes.get(model)
    if route is not None and principal.workflow.may_use(model):
        return route
    usable = ", ".join(sorted(usable_routes(principal, snapshot))) or "none"
    if route is None:
        message = f"The model '{model}' does not exist. Models this key may use: {usable}."
        raise GatewayError(404, "model_not_found", message, param="model")
    message = f"The workflow '{principal.workflow.id}' may not use the model '{model}'. It may use: {usable}."
    raise GatewayError(403, "model_forbidden", message, param="model")


def usable_routes(principal: Principal, snapshot: Snapshot) -> list[str]:
    return [name for name in snapshot.routes if principal.workflow.may_use(name)]


def _presented(headers: Mapping[bytes, bytes]) -> bytes:
    authorization = headers.get(b"authorization", b"")
    if authorization[:7].lower() == b"bearer ":
        return authorization[7:].strip()
    return next((headers[name] for name in _KEY_HEADERS if name in headers), b"")


def _find(secret: bytes, snapshot: Snapshot) -> Key:
    if not secret:
        raise GatewayError(401, "missing_api_key", "No API key was given. Send it as 'Authorization: Bearer <key>'.")
    digest = hashlib.sha256(secret).hexdigest()
    found = None
    for key in snapshot.keys:  # all of them, so that the time tells nothing
        if hmac.compare_digest(key.sha256, digest):
            found = key
    if found is None:
        raise GatewayError(401, "invalid_api_key", "The API key is not known to this gateway.")
    return found


def _workflow(snapshot: Snapshot, name: str) -> Workflow:
    workflow = snapshot.workflows.get(name)
    if workflow is None:
        raise GatewayError(403, "workflow_unknown", f"There is no workflow '{name}'.")
    return workflow
