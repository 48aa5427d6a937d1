"""The peers: how they are installed and what they are told."""

import subprocess
import sys
from pathlib import Path

ENVIRONMENT = Path("build/peers/litellm")
LITELLM = ENVIRONMENT / "bin/litellm"
REQUIREMENTS = Path("requirements/peer-litellm.txt")


def install_litellm() -> None:
    """Into an environment of its own, from hash-locked requirements. Raises CalledProcessError."""
    done = ENVIRONMENT / ".ready"
    if done.exists() and done.read_bytes() == REQUIREMENTS.read_bytes():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    pip = [str(ENVIRONMENT / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(REQUIREMENTS)], check=True)
    done.write_bytes(REQUIREMENTS.read_bytes())


def litellm_config(at_once: int, paced: int, key: str) -> str:
    """Two models, a key, no database, no callbacks: the least that it can do."""
    return f"""\
model_list:
  - model_name: plain
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:{at_once}/v1", api_key: none}}
  - model_name: stream
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:{paced}/v1", api_key: none}}
general_settings:
  master_key: {key}
litellm_settings:
  telemetry: false
"""


def nginx_config(port: int, at_once: int, paced: int, directory: Path) -> str:
    """One worker, kept connections on both sides, no buffering."""
    return f"""\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {directory}/nginx-body;
  proxy_temp_path {directory}/nginx-proxy;
  fastcgi_temp_path {directory}/nginx-fastcgi;
  uwsgi_temp_path {directory}/nginx-uwsgi;
  scgi_temp_path {directory}/nginx-scgi;
  upstream plain {{ server 127.0.0.1:{at_once}; keepalive 128; keepalive_requests 100000000; }}
  upstream stream {{ server 127.0.0.1:{paced}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    proxy_http_version 1.1;
    proxy_set_header connection "";
    proxy_buffering off;
    location /plain/ {{ proxy_pass http://plain/; }}
    location /stream/ {{ proxy_pass http://stream/; }}
  }}
}}
"""
