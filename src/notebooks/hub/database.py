"""The hub's session with its database, which outlives restarts of PostgreSQL.

The hub has one session for all, with a transaction that is open between requests. After a restart of the
database its connection is dead, and the next person who logs in would get an internal server error.
"""

from __future__ import annotations

import sqlalchemy as sa
from jupyterhub.handlers.base import BaseHandler
from sqlalchemy.orm import Session


def revive(session: Session) -> bool:
    """Give up a connection that is dead: the next query takes a new one. Whether it was."""
    try:
        session.execute(sa.text("SELECT 1"))
    except (sa.exc.DBAPIError, sa.exc.PendingRollbackError):
        session.rollback()
        return True
    return False


def outlive_restarts() -> None:
    """Look at the connection before every request of the hub."""
    prepare = BaseHandler.prepare

    async def prepare_with_connection(handler: BaseHandler) -> None:
        revive(handler.db)
        await prepare(handler)

    BaseHandler.prepare = prepare_with_connection
