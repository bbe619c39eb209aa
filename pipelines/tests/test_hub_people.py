"""Who may log in at JupyterHub, and how often one may try."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("jupyterhub")
here = Path(__file__).parent.parent
sys.path.insert(0, str(next(p for p in (here / "hub", here.parent / "src/notebooks/hub") if p.is_dir())))

from passwords import Passwords, Throttle  # noqa: E402
from people import PeopleAuthenticator  # noqa: E402


@pytest.fixture
def store(tmp_path: Path) -> Passwords:
    return Passwords(f"sqlite:///{tmp_path / 'hub.sqlite'}")


def authenticator(store: Passwords, first_login: bool = False) -> PeopleAuthenticator:
    settings = {
        "users": [{"name": "admin", "admin": True}, {"name": "ana", "admin": False}],
        "admin": {"name": "admin", "password": "the secret of the stack"},
        "key": "key",
        "firstLogin": first_login,
    }
    return PeopleAuthenticator.configured(settings, store)()


def test_the_admin_has_the_secret_of_the_stack(store: Passwords) -> None:
    people = authenticator(store)
    assert people.accepts("admin", "the secret of the stack")
    assert not people.accepts("admin", "admin")
    assert not people.accepts("admin", "")


def test_nobody_else_can_log_in(store: Passwords) -> None:
    people = authenticator(store, first_login=True)
    assert not people.accepts("stranger", "a long enough password")
    assert store.names() == set()


def test_a_generated_password_works_until_one_is_set(store: Passwords) -> None:
    people = authenticator(store)
    first = people.generated("ana")
    assert len(first) == 32
    assert first != people.generated("bo")
    assert people.accepts("ana", first)
    store.set("ana", "a password of my own")
    assert not people.accepts("ana", first)
    assert people.accepts("ana", "a password of my own")
    assert not people.accepts("ana", "a password of my owN")


def test_the_first_login_sets_the_password_where_that_is_configured(store: Passwords) -> None:
    people = authenticator(store, first_login=True)
    assert not people.accepts("ana", "short")
    assert people.accepts("ana", "a password of my own")
    assert not people.accepts("ana", "another long password")
    assert not store.set("ana", "another long password", only_first=True)
    assert people.accepts("ana", "a password of my own")


def test_passwords_are_kept_as_salted_hashes(store: Passwords) -> None:
    store.set("ana", "a password of my own")
    store.set("bo", "a password of my own")
    assert store.get("ana") != store.get("bo")
    assert "password" not in str(store.get("ana"))


def test_failures_make_a_name_wait_longer_each_time_and_no_other() -> None:
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    waits = []
    for _ in range(14):
        throttle.failed("ana")
        waits.append(throttle.wait("ana"))
        now[0] += throttle.wait("ana")
    assert waits == [0, 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]
    assert throttle.wait("bo") == 0
    throttle.passed("ana")
    assert throttle.wait("ana") == 0


def test_what_is_remembered_of_failures_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passwords.MAX_REMEMBERED", 3)
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    for name in "abcd":
        now[0] += 1
        throttle.failed(name)
    assert sorted(throttle.failures) == ["b", "c", "d"]
