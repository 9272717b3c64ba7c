"""Pages as a person reads them, and forms as a browser sends them."""

import re
from html import unescape

from werkzeug.test import TestResponse


def text(response: TestResponse) -> str:
    """Return what a person reads: the page without its markup."""
    page = response.get_data(as_text=True)
    page = re.sub(r"<(script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).replace("\xa0", " ").split())


def hidden(response: TestResponse, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', response.get_data(as_text=True))
    assert found, name
    return unescape(found[1])
