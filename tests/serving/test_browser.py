"""The page in a real browser: light, dark, as narrow as a phone; nothing from elsewhere, no complaint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving.listening import TOKEN, serving

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
LOOKS = {
    "light": ("1200,1000", "preferredColorScheme=1"),
    "dark": ("1200,1000", "preferredColorScheme=0"),
    "phone": ("500,1000", "preferredColorScheme=1"),
}
PAGES = (
    "/?q=how+long+may+parents+stay+away%3F&min=0&f.year.gte=2000",
    "/compare?q=when+is+the+coffee+machine+cleaned%3F&min=0&b.ranking=dense",
    "/document?id=handbook%2Fleave.md%2399-146&q=parents",
)


def browsed(address: str, folder: Path, look: str) -> tuple[Path, list[str], list[str]]:
    """A picture of a page, what the page asked for, and what the console said."""
    size, scheme = LOOKS[look]
    picture, net = folder / "page.png", folder / "net.json"
    command = [
        *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
        *(f"--user-data-dir={folder / 'profile'}", f"--window-size={size}"),
        *(f"--blink-settings={scheme}", "--enable-logging=stderr", f"--log-net-log={net}"),
        *(f"--screenshot={picture}", address),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert picture.exists(), done.stderr
    events = json.loads(net.read_text())["events"]
    params = [one.get("params", {}) for one in events]
    own = address.partition("/?")[0].partition("/document")[0].partition("/compare")[0]
    asked = [
        one["url"]
        for one in params
        if "url" in one and (one.get("initiator") == own or one["url"].startswith(own))
    ]
    return picture, asked, re.findall(r".*CONSOLE.*", done.stderr)


@pytest.mark.skipif(BROWSER is None, reason="needs the program chromium")
def test_pages_in_a_browser(handbook, tmp_path) -> None:
    brightness = {}
    with serving(handbook) as server:
        for look, path in zip(LOOKS, PAGES, strict=True):
            folder = tmp_path / look
            folder.mkdir()
            picture, asked, said = browsed(f"{server.address}{path}&token={TOKEN}", folder, look)
            assert said == []
            assert {one for one in asked if not one.startswith(server.address)} == set()
            assert f"{server.address}/page.css" in asked
            with Image.open(picture) as image:
                brightness[look] = float(np.asarray(image.convert("L")).mean())
                assert image.width == int(LOOKS[look][0].partition(",")[0])
    assert brightness["dark"] < 80 < 180 < min(brightness["light"], brightness["phone"])
