"""The admin port: health and metrics of this worker. Read-only; nothing here asks a vendor or a data store."""

from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway import __version__
from gateway.config.reload import Live
from gateway.core.breaker import Phase
from gateway.server.gateway import Gateway


def admin_app(gateway: Gateway) -> FastAPI:
    app = FastAPI(title="Second Source admin", version=__version__, docs_url=None, redoc_url=None)

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @app.get("/health/ready")
    async def ready(response: Response) -> dict[str, str]:
        """The process can serve: it has a config and is not stopping."""
        if gateway.draining:
            response.status_code = 503
        return {"status": "draining" if gateway.draining else "ready", "revision": gateway.live.revision}

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Everything known about this worker's own state."""
        return _health(gateway)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Prometheus text format."""
        _scrape(gateway)
        return Response(generate_latest(gateway.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _health(gateway: Gateway) -> dict[str, Any]:
    live, ledger, now = gateway.live, gateway.writer.status, gateway.clock()
    refused = _refused(live)
    return {
        "status": "degraded" if refused or ledger.state != "ok" else "ok",
        "config": {
            "revision": live.revision,
            "loaded_at": live.loaded_at,
            "refused_reloads": live.failures,
            "problems": refused,
        },
        "ledger": {
            "state": ledger.state,
            "waiting": ledger.waiting,
            "written": ledger.written,
            "spooled": ledger.spooled,
            "lost": ledger.lost,
            "error": ledger.last_error if ledger.state != "ok" else "",
        },
        "in_flight": gateway.in_flight,
        "deployments": {
            health.deployment.id: {
                "vendor": health.deployment.vendor,
                "breaker": health.breaker.phase.value,
                "cause": health.breaker.cause if health.breaker.phase is not Phase.CLOSED else "",
                "open_for": max(0.0, health.breaker.open_until - now),
                "cooling_for": max(0.0, health.cool_until - now),
                "in_flight": health.in_flight,
                "first_token": health.first_token.value,
            }
            for health in gateway.health.everyone()
        },
        "suspected": sorted(breaker.subject for breaker in gateway.health.rollup.suspects.values()),
    }


def _refused(live: Live) -> list[str]:
    """Why the file on disk is not the config that serves; empty if it is."""
    return [str(problem) for problem in live.last_problems if problem.severity == "error"]


def _scrape(gateway: Gateway) -> None:
    metrics, ledger = gateway.metrics, gateway.writer.status
    metrics.config_current.set(not _refused(gateway.live))
    metrics.in_flight.set(gateway.in_flight)
    metrics.log_lost.set(gateway.sink.lost)
    metrics.ledger_waiting.set(ledger.waiting)
    metrics.ledger_degraded.set(ledger.state != "ok")
    metrics.ledger_written.set(ledger.written)
    metrics.ledger_spooled.set(ledger.spooled)
    metrics.ledger_lost.set(ledger.lost)
