"""What a page's console says, less what the host says without us: the list in specs/frontend.md, section 4."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page

NOT_FOUND = "Failed to load resource: the server responded with a status of 404"
FILES_OF_THE_USER = (
    "/user.css?",
    "/api/userdata/user.css?",
    "/api/userdata?dir=workflows&",
    "/api/userdata?dir=subgraphs&",
    "/api/userdata/comfy.templates.json?",
    "/api/userdata/workflows%2F.index.json?",
)
"""The host looks for them, and a fresh host has none."""
SAID_BY_THE_HOST = (
    "ComfyApp graph accessed before initialization",
    "https://huggingface.co/",  # the default graph, whose models are not here
    "Ignored attempt to cancel a touchmove event",  # two fingers, which the specification did not try
)
HOST, PACKS = "/assets/", "/extensions/"
"""Where scripts come from."""


def complaints_of(page: Page) -> list[str]:
    """Fills with every error of the page from now on, and with every warning out of a pack."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        place = urlsplit(message.location["url"])
        error = message.type == "error" and not is_the_hosts(message.text, f"{place.path}?{place.query}")
        if error or (message.type == "warning" and place.path.startswith(PACKS)):
            complaints.append(f"{message.text} ({place.path})")

    def thrown(error: Error) -> None:
        complaints.append(f"{error}\n{error.stack}")

    page.on("console", heard)
    page.on("pageerror", thrown)
    return complaints


def is_the_hosts(text: str, place: str) -> bool:
    if text.startswith(NOT_FOUND):
        return place.startswith(FILES_OF_THE_USER)
    return place.startswith(HOST) and any(each in text for each in SAID_BY_THE_HOST)
