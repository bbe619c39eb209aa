"""The hub's session after a restart of its database."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

pytest.importorskip("jupyterhub")
here = Path(__file__).parent.parent
sys.path.insert(0, str(next(p for p in (here / "hub", here.parent / "src/notebooks/hub") if p.is_dir())))

from database import revive  # noqa: E402


def test_a_dead_connection_is_given_up_once_and_the_next_query_takes_a_new_one(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    opened = []
    sa.event.listen(engine, "connect", lambda connection, _: opened.append(connection))
    with Session(engine) as session:
        assert session.scalar(sa.text("SELECT 41 + 1")) == 42
        # What a restart of the server does to a connection in the middle of a transaction.
        opened[0].close()
        with pytest.raises(sa.exc.ProgrammingError):
            session.execute(sa.text("SELECT 1"))
        assert revive(session)
        assert not revive(session)
        assert session.scalar(sa.text("SELECT 41 + 1")) == 42


def test_a_connection_that_lives_keeps_its_transaction(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (x INTEGER)"))
    with Session(engine) as session:
        session.execute(sa.text("INSERT INTO t VALUES (1)"))
        assert not revive(session)
        session.commit()
        assert session.scalar(sa.text("SELECT count(*) FROM t")) == 1
