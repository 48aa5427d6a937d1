"""The vendors to emulate for a config: one for each loopback address its deployments call."""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.core.model import Deployment
from gateway.emulator.settings import Pacing, VendorSettings

REALISTIC = Pacing(first_token_ms=250, tokens_per_second=80, jitter=0.25)


def fleet(deployments: Iterable[Deployment], pacing: Pacing = REALISTIC) -> list[VendorSettings]:
    """Named after the vendor; a vendor's second address gets its port as a suffix. Other hosts are left alone."""
    found: dict[tuple[str, int], VendorSettings] = {}
    names: set[str] = set()
    for deployment in deployments:
        url = urlsplit(deployment.base_url)
        host, port = url.hostname or "", url.port
        if port is None or not _loopback(host) or (host, port) in found:
            continue
        name = deployment.vendor if deployment.vendor not in names else f"{deployment.vendor}-{port}"
        names.add(name)
        found[host, port] = VendorSettings(name=name, host=host, port=port, seed=len(found), pacing=pacing)
    return list(found.values())


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
