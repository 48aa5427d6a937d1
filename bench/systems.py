"""What is measured: nothing in between, the gateway, nginx where the machine has it, and LiteLLM's proxy on request."""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Target
from bench.peer import LITELLM, litellm_config, nginx_config
from bench.processes import Child, Cores, free_ports, running, wait_for

HERE = Path(__file__).parent
BUILD = Path("build/bench")
KEY = "ss-bench"


@dataclass(frozen=True, slots=True)
class System:
    """`plain` answers at once, `stream` at a pace. `child` None: the load calls the vendor itself.

    `share`: how much of the usual number of requests is enough, and not too long, for a slow system.
    """

    name: str
    plain: Target
    stream: Target
    child: Child | None = None
    admin: str = ""
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Upstream:
    at_once: int
    spare: int
    paced: int
    control: str


@contextmanager
def upstream(cores: Cores) -> Iterator[Upstream]:
    at_once, spare, paced, control = free_ports(4)
    command = [sys.executable, "-m", "bench.vendor", *map(str, (at_once, spare, paced, control))]
    with running(command, BUILD / "vendor.log", on=cores.others) as child:
        url = f"http://127.0.0.1:{control}"
        wait_for(f"{url}/vendors", child)
        yield Upstream(at_once, spare, paced, url)


def direct(vendor: Upstream) -> System:
    return System("direct", Target(vendor.at_once, "plain"), Target(vendor.paced, "stream"))


@contextmanager
def gateway(vendor: Upstream, cores: Cores) -> Iterator[System]:
    """With everything on: see gateway.yaml. Its log goes to a file, its ledger is new."""
    port, admin = free_ports(2)
    ledger = (BUILD / "ledger.db").resolve()
    for old in ledger.parent.glob("ledger.db*"):
        old.unlink()
    environ = {
        "BENCH_AT_ONCE": str(vendor.at_once),
        "BENCH_SPARE": str(vendor.spare),
        "BENCH_PACED": str(vendor.paced),
        "BENCH_LEDGER": str(ledger),
        "BENCH_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
    }
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(HERE / "gateway.yaml")]
    ports = ["--port", str(port), "--admin-port", str(admin)]
    with running([*command, *ports], BUILD / "gateway.log", on=cores.subject, environ=environ) as child:
        wait_for(f"http://127.0.0.1:{port}/health/ready", child)
        plain, stream = Target(port, "plain", key=KEY), Target(port, "stream", key=KEY)
        yield System("secondsource", plain, stream, child, f"http://127.0.0.1:{admin}")


@contextmanager
def nginx(vendor: Upstream, cores: Cores, binary: str) -> Iterator[System]:
    """The limit of what a proxy can do: `proxy_pass`, and nothing else."""
    (port,) = free_ports(1)
    config = (BUILD / "nginx.conf").resolve()
    config.write_text(nginx_config(port, vendor.at_once, vendor.paced, config.parent))
    with running([binary, "-c", str(config)], BUILD / "nginx.log", on=cores.subject) as child:
        wait_for(f"http://127.0.0.1:{port}/plain/v1/models", child)
        yield System("nginx", Target(port, "plain", "/plain/v1"), Target(port, "stream", "/stream/v1"), child)


@contextmanager
def litellm(vendor: Upstream, cores: Cores) -> Iterator[System]:
    (port,) = free_ports(1)
    config = BUILD / "litellm.yaml"
    config.write_text(litellm_config(vendor.at_once, vendor.paced, KEY))
    command = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    environ = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}
    with running(command, BUILD / "litellm.log", on=cores.subject, environ=environ) as child:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", child, patience=180.0)
        plain, stream = Target(port, "plain", key=KEY), Target(port, "stream", key=KEY)
        yield System("LiteLLM", plain, stream, child, share=0.04)


def start(stack: ExitStack, vendor: Upstream, cores: Cores, *, peers: bool) -> list[System]:
    """Those that this machine has, all of them running until the stack is closed."""
    systems = [direct(vendor), stack.enter_context(gateway(vendor, cores))]
    binary = shutil.which("nginx")
    if binary:
        systems.append(stack.enter_context(nginx(vendor, cores, binary)))
    if peers:
        systems.append(stack.enter_context(litellm(vendor, cores)))
    return systems
