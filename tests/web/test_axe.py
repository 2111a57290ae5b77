"""axe-core looks at the pages in a browser, where both are installed:

npm install axe-core && AXE=node_modules/axe-core/axe.min.js pytest tests/web/test_axe.py
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.web.test_markup import NAMES, PAGES, pages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(os.environ.get("AXE", "node_modules/axe-core/axe.min.js"))

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
    pytest.mark.skipif(not AXE.is_file(), reason="AXE names no axe.min.js"),
]

RULES = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = f"""
axe.run(document, {{runOnly: {{type: "tag", values: {json.dumps(RULES)}}}}}).then(found => {{
  const said = found.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" | "));
  document.documentElement.innerHTML = "<pre></pre>";
  document.querySelector("pre").textContent = said.join("\\n") + "END";
}});
"""


@pytest.mark.parametrize(("scheme", "width"), [(1, 1600), (0, 500)], ids=["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
async def test_axe_has_nothing_to_say(tmp_path, name, scheme, width):
    assert looked_at((await pages())[name].decode(), tmp_path, scheme, width) == [""]


def looked_at(page: str, folder: Path, scheme: int, width: int) -> list[str]:
    """What axe says of a page: one text, empty if all is well."""
    style = f"<style>{PAGES.stylesheet.decode()}</style>"
    page = re.sub(r'<link rel="stylesheet"[^>]*>', lambda _: style, page)
    scripts = f"<script>{AXE.read_text('utf-8')}</script><script>{RUN}</script>"
    (folder / "page.html").write_text(page.replace("</body>", scripts + "</body>"), "utf-8")
    ran = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},900",
            f"--blink-settings=preferredColorScheme={scheme}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"file://{folder / 'page.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return re.findall(r"<pre>(.*?)END</pre>", ran.stdout, flags=re.DOTALL)
