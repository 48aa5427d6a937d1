"""The process environment: SECONDSOURCE_* variables. What changes routing stands in the config file instead."""

from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Command-line options of the same name win over the environment."""

    model_config = SettingsConfigDict(env_prefix="SECONDSOURCE_", frozen=True)

    config: Path = Field(default=Path("config/gateway.yaml"), description="the config file")
    host: str = Field(default="127.0.0.1", description="address of the data port")
    port: int = Field(default=8080, ge=0, le=65535)
    admin_host: str = Field(default="127.0.0.1", description="address of the admin port: health, metrics")
    admin_port: int = Field(default=8081, ge=0, le=65535, description="worker i listens on admin_port + i")
    workers: int = Field(default=1, ge=1, le=64)
    max_concurrency: int = Field(
        default=1000, ge=1, description="requests at once in one worker; beyond it they are shed"
    )
    max_body_mb: int = Field(default=64, ge=1, description="largest request body")
    max_reply_mb: int = Field(default=64, ge=1, description="largest plain reply of a vendor")
    max_header_kb: int = Field(default=64, ge=1, description="all request headers together")
    receive_timeout: float = Field(
        default=30.0, gt=0, description="seconds a client may take for its headers, or between two parts of its body"
    )
    drain_timeout: float = Field(
        default=30.0, ge=0, description="seconds that requests in flight get to finish on SIGTERM"
    )
    heartbeat: float = Field(
        default=15.0, gt=0, description="seconds of silence after which a committed stream gets a comment"
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    spool_dir: Path | None = Field(
        default=None, description="where decisions wait while the ledger is down; default: beside it"
    )

    @property
    def loopback(self) -> bool:
        """Can only this machine reach the data port?"""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
