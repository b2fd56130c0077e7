"""What axe-core finds on the page that a browser shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


def faults(browser: Chrome, axe: str) -> list[str]:
    browser.execute_script(axe)
    found = browser.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        axe.run().then((found) => done(found.violations.flatMap((one) => one.nodes.slice(0, 3).map(
          (node) => `${one.id}: ${node.html.slice(0, 150)}: ${node.failureSummary.split("\\n").slice(1).join(" ")}`))));
        """
    )
    return list(found)
