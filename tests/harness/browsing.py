"""A browser without script, for the page of a server: what is on it, its forms, and somebody who sends them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

from httpx import Client, Response

from statesig.http.service.pages import sessions
from tests.harness.serving import serving


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for found, attributes in self.elements if found == tag]


def forms_of(html: str) -> dict[str, dict[str, str]]:
    """Return the hidden values of each form of a page, by the form's identity."""
    found: dict[str, dict[str, str]] = {}
    last: dict[str, str] = {}
    for tag, attributes in Elements(html).elements:
        if tag == "form":
            last = found.setdefault(attributes.get("id", attributes.get("action", "")), {})
        elif tag == "input" and attributes.get("type") == "hidden":
            last[attributes["name"]] = attributes["value"]
    return found


class Person:
    """Somebody with a browser."""

    def __init__(self, client: Client, token: str) -> None:
        self.client = client
        self.token = token
        client.cookies.clear()
        entered = self.post(sessions.SIGN_IN, {"token": token})
        assert 200 == entered.status_code, entered.text

    def get(self, path: str, **options: Any) -> Response:
        return self.client.get(path, **options)

    def post(self, path: str, typed: dict[str, str], **headers: str) -> Response:
        return self.client.post(path, data=typed, headers={"origin": str(self.client.base_url), **headers})

    def start(self, flow: str, until: str, **typed: str) -> str:
        """Start a run by its form, and return its page once it has come to a state."""
        path = f"/page/flows/{flow}"
        hidden = forms_of(self.get(path).text)["start"]
        begun = self.post(path, {**hidden, **{f"parameters/{key}": value for key, value in typed.items()}})
        assert 200 == begun.status_code, begun.text
        return self.wait(begun.url.path, until)

    def wait(self, page: str, tag: str) -> str:
        run, end = page.rpartition("/")[2], time.monotonic() + 20
        headers = {"authorization": f"Bearer {self.token}"}
        while tag != (found := self.client.get(f"/runs/{run}", headers=headers).json()["state"]["type"]):
            assert time.monotonic() < end, found
            time.sleep(0.01)
        return page

    def send(self, page: str, form: str, typed: dict[str, str] | None = None) -> Response:
        return self.post(page, {**forms_of(self.get(page).text)[form], **(typed or {})})


@contextmanager
def browsing(app: Any) -> Iterator[Client]:
    """Serve an application, for a browser without script."""
    with serving(app, level="warning") as url, Client(base_url=url, follow_redirects=True, verify=False) as client:
        yield client
