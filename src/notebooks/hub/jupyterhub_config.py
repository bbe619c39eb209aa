"""JupyterHub as the platform runs it. What depends on the stack stands in /run/datalab/hub.json."""

import asyncio
import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path

here = Path("/opt/datalab/hub")
sys.path.insert(0, str(here))

from database import outlive_restarts  # noqa: E402
from jupyterhub_idle_culler import cull_idle  # noqa: E402
from passwords import Passwords, derive  # noqa: E402
from people import PeopleAuthenticator  # noqa: E402
from tornado.log import app_log  # noqa: E402

settings = json.loads(Path("/run/datalab/hub.json").read_text())
c = get_config()  # noqa: F821 - JupyterHub defines it

# ── the hub and its proxy ───────────────────────────────────────────────────────────────────────────
# The proxy is a container of its own: notebooks stay reachable while the hub restarts.
c.JupyterHub.bind_url = "http://0.0.0.0:8000"
c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
c.JupyterHub.hub_connect_url = settings["hubUrl"]
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = settings["proxyApi"]
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.db_url = settings["database"]
c.JupyterHub.upgrade_db = True
outlive_restarts()
c.JupyterHub.cookie_secret = hashlib.sha256(settings["cookieSecret"].encode()).digest()
c.JupyterHub.cookie_max_age_days = 7
c.JupyterHub.template_paths = [str(here / "templates")]
c.JupyterHub.authenticate_prometheus = False  # reached inside the network only: the gateway refuses it
c.JupyterHub.allow_named_servers = False
c.JupyterHub.shutdown_on_logout = False
c.JupyterHub.log_level = "WARN"
c.JupyterHub.concurrent_spawn_limit = 4
c.JupyterHub.active_server_limit = settings["maxServers"]
c.JupyterHub.tornado_settings = {
    "headers": {
        "Content-Security-Policy": "frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    },
    "cookie_options": {"SameSite": "Lax"},
    "slow_spawn_timeout": 3,
}

# ── people ──────────────────────────────────────────────────────────────────────────────────────────
store = Passwords(settings["database"])
c.JupyterHub.authenticator_class = PeopleAuthenticator.configured(settings, store)
c.Authenticator.allowed_users = {person["name"] for person in settings["users"]}
c.Authenticator.admin_users = {person["name"] for person in settings["users"] if person["admin"]}
c.Authenticator.allow_existing_users = False
c.Authenticator.auth_refresh_age = 60

# ── notebooks ───────────────────────────────────────────────────────────────────────────────────────
if settings.get("cluster"):
    from configure_pods import configure
else:
    from configure_containers import configure
configure(c, settings)
c.Spawner.cmd = ["/opt/datalab/notebooks/start"]
c.Spawner.notebook_dir = "/home/notebook"
c.Spawner.default_url = "/lab/tree/starter/1-lake-tour.ipynb"
c.Spawner.start_timeout = settings["startSeconds"]
c.Spawner.http_timeout = settings["startSeconds"]
c.Spawner.poll_interval = 20

# ── idle notebooks ──────────────────────────────────────────────────────────────────────────────────
# The culler runs in the hub's own process: as a service it would be a second Python of 40 MiB.
culler_token = derive(settings["key"], "culler")
c.JupyterHub.services = [
    {"name": "culler", "api_token": culler_token},
    {"name": "proxy", "api_token": os.environ["CONFIGPROXY_AUTH_TOKEN"]},
]
c.JupyterHub.load_roles = [
    # The proxy asks for its routes when it has started; a check compares them with the notebooks.
    {"name": "proxy", "services": ["proxy"], "scopes": ["proxy", "list:users", "read:servers"]},
    {
        "name": "culler",
        "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]


idle_limit = int(settings["idleMinutes"] * 60)  # seconds


def several_times(part: int) -> int:
    """Seconds between two looks: so many that `part` of them fit into the limit."""
    return min(300, max(10, idle_limit // part))


async def cull_for_ever() -> None:
    """Stop what has been idle for too long, every so often."""
    while True:
        await asyncio.sleep(several_times(2))
        try:
            await cull_idle("http://127.0.0.1:8081/hub/api", culler_token, idle_limit, app_log)
        except Exception as error:  # noqa: BLE001 - tried again the next time
            app_log.warning("idle notebooks were not looked at: %s", error)


# The proxy's routes are compared with the notebooks as often.
c.JupyterHub.last_activity_interval = 60
if idle_limit > 0:
    c.JupyterHub.last_activity_interval = min(60, several_times(3))
    c.Spawner.args = [
        f"--JupyterHubSingleUser.hub_activity_interval={several_times(3)}",
        # An open page is use of the notebook's server, not of its kernels: those end by themselves.
        f"--MappingKernelManager.cull_idle_timeout={idle_limit}",
        f"--MappingKernelManager.cull_interval={several_times(2)}",
        "--MappingKernelManager.cull_connected=True",
    ]
    # Without a loop the configuration is only looked at (jupyterhub --show-config).
    with contextlib.suppress(RuntimeError):
        culling = asyncio.get_running_loop().create_task(cull_for_ever())
