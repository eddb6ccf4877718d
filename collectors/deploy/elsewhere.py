"""The same sidecar without Kubernetes: Compose, systemd, and the scrape configuration of a Prometheus."""

from __future__ import annotations

from typing import Any

from collectors.deploy.plan import CONFIG_DIR, Plan
from watchkeeper.yaml import Block, dump

__all__ = ["compose", "prometheus", "systemd", "unit_name"]


def compose(plan: Plan) -> str:
    """A Compose file to be merged with the application's (`docker compose -f compose.yaml -f watchkeeper.yaml up`).

    It shares the network of the service that it watches, so that the default address reaches it. Compose 2.23.1 is the
    first that takes a configuration's content from here.
    """
    service: dict[str, Any] = {
        "image": plan.image,
        "command": ["collect", "--config", f"{CONFIG_DIR}/watchkeeper.yaml"],
        "network_mode": f"service:{plan.name}",
        "user": f"{plan.uid}:{plan.uid}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": f"{plan.memory_limit}m",
        "restart": "unless-stopped",
        "configs": [{"source": plan.object_name, "target": f"{CONFIG_DIR}/watchkeeper.yaml"}],
    }
    settings = plan.settings(secret_file=f"/run/secrets/{plan.secret}")
    if plan.secret:
        service["secrets"] = [plan.secret]
    # Compose replaces ${…} in what it reads.
    found: dict[str, Any] = {
        "services": {plan.object_name: service},
        "configs": {plan.object_name: {"content": Block(settings.replace("$", "$$"))}},
    }
    if plan.secret:
        found["secrets"] = {plan.secret: {"file": f"./{plan.secret}.txt"}}
    return dump(found)


def unit_name(plan: Plan) -> str:
    """The name of the systemd unit."""
    return f"{plan.object_name}.service"


def systemd(plan: Plan) -> str:
    """A unit that runs the sidecar as a user of its own that owns nothing; install it as /etc/systemd/system/NAME.

    The secret is a credential: root owns the file, systemd hands it to this process alone.
    """
    settings = plan.settings(host="127.0.0.1", secret_file=f"/run/credentials/{unit_name(plan)}/password")
    commented = "".join(f"#   {line}\n" for line in settings.splitlines())
    directory, secret = CONFIG_DIR, f"{CONFIG_DIR}/{plan.secret}"
    setup = f"""# {unit_name(plan)}. To set it up, as root:
# python3 -m venv /opt/watchkeeper && /opt/watchkeeper/bin/pip install 'watchkeeper[sidecar]'
# install -d -m 0755 {directory}
"""
    if plan.secret:
        # By a file, never as an argument: arguments stand in the list of processes and in the shell's history.
        setup += f"# install -m 0600 -o root /dev/stdin {secret}    # then type the password, Enter and Ctrl-D\n"
    load = f"LoadCredential=password:{secret}\n" if plan.secret else ""
    # The user owns nothing: what it may read it reads by its groups.
    rights = f"SupplementaryGroups={' '.join(plan.groups)}\n" if plan.groups else ""
    rights += "StateDirectory=watchkeeper\n" if plan.keeps_state else ""
    return f"""{setup}# and write {CONFIG_DIR}/{plan.name}.yaml with
{commented}
[Unit]
Description=Watchkeeper: {plan.system} {plan.name}
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
ExecStart=/opt/watchkeeper/bin/watchkeeper collect --config {CONFIG_DIR}/{plan.name}.yaml
ExecReload=/bin/kill -HUP $MAINPID
{load}Restart=on-failure
RestartSec=5
DynamicUser=yes
{rights}MemoryMax={plan.memory_limit}M
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
UMask=0077

[Install]
WantedBy=multi-user.target
"""


def prometheus(plan: Plan, address: str) -> str:
    """The scrape configuration of a Prometheus without service discovery; `address` is HOST:PORT of the sidecar.

    `honor_labels`: where a target has labels of its own, such as `instance`, they are the ones that count.
    """
    job = {
        "job_name": plan.object_name,
        "scrape_interval": "15s",
        "scrape_timeout": "10s",
        "honor_labels": True,
        "static_configs": [{"targets": [address], "labels": {"instance": plan.name}}],
    }
    return dump({"scrape_configs": [job]})
