"""The hub's own pages: change one's password, and the passwords that new people begin with."""

from __future__ import annotations

import asyncio

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import needs_scope
from passwords import MIN_LENGTH
from tornado import web


class Password(BaseHandler):
    """Changes the password of who is logged in."""

    async def show(self, message: str = "", done: bool = False) -> None:
        """The form, with what came of the last try."""
        fixed = self.current_user.name == self.authenticator.admin_name
        page = self.render_template(
            "password.html", message=message, done=done, fixed=fixed, min_length=MIN_LENGTH
        )
        self.finish(await page)

    @web.authenticated
    async def get(self) -> None:
        """The form."""
        await self.show()

    @web.authenticated
    async def post(self) -> None:
        """Take the new password when the old one is right."""
        name, people = self.current_user.name, self.authenticator
        if name == people.admin_name:
            raise web.HTTPError(403, "This password is a secret of the stack: see secrets.versions.")
        if people.throttle.wait(name) > 0:
            raise web.HTTPError(429, "Too many failed logins: try again later.")
        new = self.get_body_argument("new", "", strip=False)
        if len(new) < MIN_LENGTH or len(new) > 1024:
            self.set_status(400)
            await self.show(f"Choose a password of at least {MIN_LENGTH} characters.")
            return
        old = self.get_body_argument("old", "", strip=False)
        if not await asyncio.to_thread(people.accepts, name, old):
            people.throttle.failed(name)
            self.set_status(403)
            await self.show("The present password is not right.")
            return
        await asyncio.to_thread(people.store.set, name, new)
        await self.show("Your password is changed.", done=True)


class Invitations(BaseHandler):
    """Shows an admin the first password of everybody who has not set one."""

    @web.authenticated
    @needs_scope("admin:users")
    async def get(self) -> None:
        """The list."""
        people = self.authenticator
        own = await asyncio.to_thread(people.store.names)
        rows = [
            (name, "" if name in own or people.first_login else people.generated(name), name in own)
            for name in sorted(people.people)
            if name != people.admin_name
        ]
        self.set_header("Cache-Control", "no-store")
        page = self.render_template("invitations.html", rows=rows, first_login=people.first_login)
        self.finish(await page)


class SpawnerCheck(BaseHandler):
    """Whether the hub may start notebooks in its cluster: asked by the platform, closed at the gateway."""

    async def get(self) -> None:
        """The answer, in words where it is no."""
        from pods import may_spawn

        problem = await may_spawn(self.authenticator.spawns_in)
        self.set_status(503 if problem else 200)
        self.finish({"problem": problem})
