"""Pages in headless Chromium, driven by a script that a copy of the page allows by its hash."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
import tempfile

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
FLAGS = ["--headless", *QUIET.split(), "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=2000"]

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


def chromium(page, *options):
    """What Chromium prints of a page."""
    with tempfile.TemporaryDirectory() as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *options, page.as_uri()]
        return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode()


def with_script(page, script, allowed=True):
    """A copy of the page beside it that runs a script at its end, if the page's policy is told to allow it."""
    source = page.read_text(encoding="utf-8")
    if allowed:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        source, count = re.subn("script-src ", f"script-src &#39;sha256-{digest}&#39; ", source, count=1)
        assert count == 1
    copy = page.with_name("driven.html")
    copy.write_text(source.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return copy


def driven(page, script, size=(1200, 900), allowed=True):
    """What a script, the body of a function, returns on a page; None if it was not run."""
    script = f"document.documentElement.dataset.told = JSON.stringify((() => {{ {script} }})());"
    found = chromium(with_script(page, script, allowed), "--window-size={},{}".format(*size), "--dump-dom")
    told = re.search('data-told="(.*?)"', found)
    return told and json.loads(html.unescape(told[1]))
