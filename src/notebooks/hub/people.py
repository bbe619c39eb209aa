"""Who may log in: the people of the configuration, each with a password, and nobody else.

The admin's password is a secret of the stack. Everybody else begins with a generated one, which the admin
reads on `/hub/invitations`, or (with `firstLogin`) sets it with the first login. A password that somebody has
set is kept in the hub's database as an scrypt hash.
"""

from __future__ import annotations

import asyncio
import hmac

from jupyterhub.auth import Authenticator
from pages import Invitations, Password, SpawnerCheck
from passwords import MIN_LENGTH, Passwords, Throttle, derive, hash_password, matches
from tornado import web


class PeopleAuthenticator(Authenticator):
    """Logs in the people of the configuration. There is no sign-up."""

    people: dict[str, bool]
    admin_name: str
    admin_password: str
    key: str
    first_login: bool
    store: Passwords
    throttle: Throttle
    # The cluster's namespace, where there is one.
    spawns_in: str | None = None

    @classmethod
    def configured(cls, settings: dict, store: Passwords) -> type[PeopleAuthenticator]:
        """The class with what the stack's configuration says."""
        people = {person["name"]: bool(person["admin"]) for person in settings["users"]}
        values = {
            "people": people,
            "admin_name": settings["admin"]["name"],
            "admin_password": settings["admin"]["password"],
            "key": settings["key"],
            "first_login": settings["firstLogin"],
            "store": store,
            "throttle": Throttle(),
            "spawns_in": (settings.get("cluster") or {}).get("namespace"),
        }
        return type("ConfiguredAuthenticator", (cls,), values)

    def generated(self, name: str) -> str:
        """The password that somebody begins with."""
        return derive(self.key, f"password:{name}")

    async def authenticate(self, handler: web.RequestHandler, data: dict[str, str]) -> dict | None:
        """The person who has logged in, or None. Wrong names cost as much time as wrong passwords."""
        name, password = self.normalize_username(data.get("username", "")), data.get("password", "")
        wait = self.throttle.wait(name)
        if wait > 0:
            raise web.HTTPError(429, f"Too many failed logins: try again in {int(wait) + 1} seconds.")
        if not await asyncio.to_thread(self.accepts, name, password):
            self.throttle.failed(name)
            return None
        self.throttle.passed(name)
        return {"name": name, "admin": self.people[name]}

    def accepts(self, name: str, password: str) -> bool:
        """Whether the password is this person's; with `firstLogin` the first one given becomes it."""
        if not password or len(password) > 1024:
            return False
        if name not in self.people:
            hash_password(password)
            return False
        if name == self.admin_name:
            return hmac.compare_digest(password.encode(), self.admin_password.encode())
        hashed = self.store.get(name)
        if hashed is not None:
            return matches(password, hashed)
        if self.first_login:
            return len(password) >= MIN_LENGTH and self.store.set(name, password, only_first=True)
        return hmac.compare_digest(password.encode(), self.generated(name).encode())

    async def refresh_user(self, user: object, handler: object = None, **_: object) -> bool:
        """Whoever has been removed from the configuration is logged out."""
        return getattr(user, "name", None) in self.people

    def get_handlers(self, app: object) -> list:
        """The pages to change a password and to hand out the first ones."""
        own = [("/password", Password), ("/invitations", Invitations)]
        if self.spawns_in:
            own.append(("/spawner", SpawnerCheck))
        return [*super().get_handlers(app), *own]
