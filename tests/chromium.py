"""Headless Chromium, started here and spoken to over a pipe (its DevTools protocol), with no network.

Nothing but the browser is needed: no driver, no socket, no package.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
)


class Browser:
    """One page. `events` holds what the browser told since the last `open`."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="linres-chromium-")
        ours_out, theirs_in = os.pipe()
        theirs_out, ours_in = os.pipe()
        # The browser reads commands from descriptor 3 and answers on 4.
        command = f'exec "$@" 3<&{ours_out} 4>&{ours_in}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, "bash", PATH, *FLAGS, f"--user-data-dir={self.folder}"],
            pass_fds=(ours_out, ours_in), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(ours_out)
        os.close(ours_in)
        self.write, self.read = theirs_in, theirs_out
        self.buffer, self.number, self.events, self.session = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """What the browser answers; RuntimeError if it refuses."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next(60)
            if told.get("id") == self.number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told["result"]
            self.events.append(told)

    def _next(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self.read, 1 << 20) if ready else b""
            if not part:
                raise TimeoutError("Chromium says nothing")
            self.buffer += part
        line, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(line)

    def open(self, url):
        """Load a page and wait until it and its fonts are there."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        self.evaluate("document.fonts.ready.then(() => true)")

    def wait_for(self, method, seconds=60):
        deadline = time.monotonic() + seconds
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._next(max(0.0, deadline - time.monotonic())))

    def evaluate(self, expression):
        """The value of an expression of JavaScript, awaited."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"])
        return done["result"].get("value")

    def width(self, width, height=900):
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **shape)

    def press(self, key, code):
        for kind in ("rawKeyDown", "char", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "char" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def complaints(self):
        """Errors on the console, uncaught exceptions, and requests that failed or left the disk."""
        found = []
        for event in self.events:
            told = event.get("params", {})
            kind = event.get("method")
            if kind == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(told["entry"]["text"])
            elif kind == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert", "warning"):
                found.append(str(told["args"]))
            elif kind == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"]))
            elif kind == "Network.loadingFailed":
                found.append(f"failed: {told}")
            elif kind == "Network.requestWillBeSent":
                url = told["request"]["url"]
                found += [] if url.startswith(("file:", "data:", "blob:")) else [f"left the disk: {url}"]
        return found

    def close(self):
        self.session = None
        with contextlib.suppress(OSError, TimeoutError):
            self.call("Browser.close")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.write)
        os.close(self.read)
        shutil.rmtree(self.folder, ignore_errors=True)
