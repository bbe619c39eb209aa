"""configurable-http-proxy, with paths handed on the way JupyterHub writes them.

The proxy decodes a path and encodes it again, `@` included; a notebook server knows its own address
as JupyterHub wrote it, and would answer 404 to everybody with an `@` in the name.
"""

from __future__ import annotations

import urllib.parse
from types import SimpleNamespace

from configurable_http_proxy import cli, handlers

# What jupyterhub.utils.url_escape_path leaves as it is.
SAFE = "/@~"


def quote(path: str) -> str:
    """A path, escaped like JupyterHub's."""
    return urllib.parse.quote(path, safe=SAFE)


handlers.urllib = SimpleNamespace(parse=SimpleNamespace(**{**vars(urllib.parse), "quote": quote}))

if __name__ == "__main__":
    cli.main()
