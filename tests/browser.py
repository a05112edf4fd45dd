"""A person's browser: a real Chromium without a window, on a phone or a desk, by day or by night."""

import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER: Final = shutil.which("chromedriver")
INSTALLED: Final = bool(CHROMIUM and DRIVER)

PHONE: Final = (390, 844)
DESK: Final = (1280, 900)
NARROWEST: Final = (320, 640)

_SECONDS: Final = 30.0
_FLAGS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *(
        "--hide-scrollbars",
        "--lang=en-US",
        "--window-size=1280,1100",
        "--host-resolver-rules=MAP console.example 127.0.0.1",
    ),
)
# A violation of the page's policy is kept where a test can read it, whatever the console makes of it.
_WITNESS: Final = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
"""
# One question for each look: Selenium's own way asks several times about each element.
_VISIBLE: Final = """
return [...document.querySelectorAll(arguments[0])]
  .find((one) => one.checkVisibility() && one.innerText.includes(arguments[1])) ?? null;
"""
_DROP: Final = """
const [selector, name, text] = arguments;
const dataTransfer = new DataTransfer();
dataTransfer.items.add(new File([text], name));
for (const kind of ["dragover", "drop"]) {
  const event = new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(event);
}
"""
_RECORDER: Final = """
const [name] = arguments;
window.recorded = [];
new MutationObserver((changes) => {
  for (const { target } of changes) if (target.hasAttribute(name)) recorded.push(target.getAttribute(name));
}).observe(document.body, { subtree: true, attributeFilter: [name] });
"""


class Browser:
    """One tab at a time of a running Chromium, as a person looks at it."""

    def __init__(self, driver: Chrome, pictures: Path | None) -> None:
        self.driver = driver
        self._pictures = pictures
        self._tabs = 1

    def open(self, url: str) -> None:
        self.driver.get("about:blank")
        self.driver.get(url)

    def resize(self, size: tuple[int, int], *, dark: bool = False) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        # What moves is somewhere between two places when it is looked at.
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self._devtools("Emulation.setEmulatedMedia", features=[scheme, still])

    def see(self, selector: str, text: str = "", seconds: float = _SECONDS) -> WebElement:
        """The first visible element that matches and holds the text, once there is one."""

        def found(driver: Chrome) -> WebElement | None:
            matching: WebElement | None = driver.execute_script(_VISIBLE, selector, text)
            return matching

        element: WebElement = self._until(found, f"{selector} with {text!r}", seconds)
        return element

    def gone(self, selector: str) -> None:
        """Wait until nothing that matches can be seen."""
        self._until(lambda driver: driver.execute_script(_VISIBLE, selector, "") is None, f"no {selector}")

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def record(self, attribute: str) -> None:
        """Note every value that this attribute has on the page from now on, however short it lasts."""
        self.run(_RECORDER, attribute)

    def recorded(self) -> list[float]:
        return [float(value) for value in self.run("return window.recorded")]

    def click(self, selector: str, text: str = "") -> None:
        self.see(selector, text).click()

    def type(self, selector: str, text: str) -> None:
        field = self.see(selector)
        field.clear()
        field.send_keys(text)

    def choose(self, selector: str, value: str) -> None:
        """Choose of a list as a person does, so that the page hears of it."""
        Select(self.see(selector)).select_by_value(value)

    def drop(self, selector: str, name: str, text: str) -> None:
        """Drop a file of this name onto the first element that matches."""
        self.run(_DROP, selector, name, text)

    def downloads(self, folder: Path) -> None:
        """Keep there what is downloaded from now on."""
        self._devtools("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def downloaded(self, folder: Path, pattern: str) -> Path:
        """The file that matches, once it is there."""
        found: Path = self._until(lambda _: next(folder.glob(pattern), None), f"{pattern} in {folder}")
        return found

    def text(self, selector: str) -> str:
        return self.see(selector).text

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    @contextmanager
    def other_tab(self) -> Iterator[None]:
        """What was opened beside the page last; it stays open, and so does the page."""
        here, known = self.driver.current_window_handle, self._tabs
        self._until(lambda driver: len(driver.window_handles) > known, "another tab")
        self._tabs = len(self.driver.window_handles)
        self.driver.switch_to.window(self.driver.window_handles[-1])
        try:
            yield
        finally:
            self.driver.switch_to.window(here)

    def leave(self) -> None:
        """Close everything but an empty tab."""
        first, *others = self.driver.window_handles
        for one in others:
            self.driver.switch_to.window(one)
            self.driver.close()
        self.driver.switch_to.window(first)
        self.driver.get("about:blank")
        self._tabs = 1

    def controls(self) -> list[tuple[str, str]]:
        """Role and accessible name of everything that a person can operate, as the browser tells a screen reader."""
        nodes = self._devtools("Accessibility.getFullAXTree")["nodes"]
        told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
        operable = {"button", "link", "textbox", "progressbar", "checkbox", "combobox"}
        return [(role, name) for role, name in told if role in operable]

    def complaints(self) -> list[str]:
        """What the browser logged since it was last asked, and what the page's policy forbade."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        logged = [str(entry["message"]) for entry in entries if entry["level"] != "DEBUG"]
        return logged + list(self.run("return window.violations ?? []"))

    def picture(self, name: str) -> None:
        """Keep what can be seen, where somebody wants to look at it."""
        if self._pictures and name:
            self._pictures.mkdir(parents=True, exist_ok=True)
            taken = self._devtools("Page.captureScreenshot", format="png")["data"]
            (self._pictures / f"{name}.png").write_bytes(b64decode(taken))

    def witness(self) -> None:
        self._devtools("Page.addScriptToEvaluateOnNewDocument", source=_WITNESS)

    def _devtools(self, command: str, **arguments: object) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    def _until(self, condition: Callable[[Chrome], Any], what: str, seconds: float = _SECONDS) -> Any:
        ignored = (NoSuchElementException, StaleElementReferenceException)
        waiting = WebDriverWait(self.driver, seconds, poll_frequency=0.03, ignored_exceptions=ignored)
        try:
            return waiting.until(condition)
        except TimeoutException:
            shown = self.driver.find_element(By.TAG_NAME, "body").text
            raise AssertionError(f"Waited for {what} in:\n{shown}\n{self.complaints()}") from None


@contextmanager
def chromium(profile: Path, pictures: Path | None) -> Iterator[Browser]:
    """A Chromium with an empty profile; ended afterwards."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = Chrome(options, Service(DRIVER))
    try:
        yield Browser(driver, pictures)
    finally:
        driver.quit()
