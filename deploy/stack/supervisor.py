"""Starts the processes of an installation in order, starts again what dies, and stops all of them together.

What systemd does on a server, for a system that lives in one folder. A process is kept down while
`hold/NAME` exists: so a test decides how long something is gone.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class Supervisor:
    """Processes by name, in the order of their start; each a dictionary with `command` and optional
    `environment`, `user`, `stop` (signal), `cleanup` (command after the end)."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.processes: dict[str, dict] = {}
        self.running: dict[str, subprocess.Popen] = {}
        self.started: dict[str, float] = {}
        self.failures: dict[str, int] = {}
        self.is_stopping = False

    def start(self, name: str, process: dict):
        """Starts a process, and keeps it running from now on."""
        self.processes[name] = process
        self._launch(name)

    def _launch(self, name: str):
        process = self.processes[name]
        log = open(self.folder / "logs" / f"{name}.log", "ab")
        options = {"user": process["user"], "extra_groups": []} if process.get("user") else {}
        environment = process.get("environment") or {
            key: value for key, value in os.environ.items()
            if not key.startswith(("RABBITMQ_", "POSTGRES_", "HTTP_", "HEALTH_", "LOG_", "MESSAGING_"))}
        # A session of its own: the whole group can be stopped, and Ctrl-C reaches the supervisor alone.
        self.running[name] = subprocess.Popen(
            process["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment,
            cwd="/", start_new_session=True, **options)
        log.close()
        self.started[name] = time.monotonic()
        (self.folder / "pids" / name).write_text(f"{self.running[name].pid}\n")

    def watch(self, once: bool = False):
        """Starts again what has died, with growing pauses; returns when told to stop."""
        while not self.is_stopping:
            for name, child in list(self.running.items()):
                if child.poll() is None:
                    if self.failures.get(name) and time.monotonic() - self.started[name] > 30:
                        self.failures[name] = 0
                    continue
                if (self.folder / "hold" / name).exists():
                    continue
                pause = min(0.5 * 2 ** self.failures.get(name, 0), 15)
                if time.monotonic() - self.started[name] < pause:
                    continue
                self.failures[name] = self.failures.get(name, 0) + 1
                print(f"{name} ended ({child.returncode}); starting it again", flush=True)
                self._sweep(name)
                self._launch(name)
            if once:
                return
            time.sleep(0.2)

    def _sweep(self, name: str):
        """Ends what a killed process left of its group: PostgreSQL's children, the broker's runtime."""
        try:
            os.killpg(self.running[name].pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def stop(self, names: list[str] | None = None, seconds: float = 40):
        """Stops in the reverse order of the start: who uses something goes before it."""
        self.is_stopping = names is None or self.is_stopping
        for name in reversed(names or list(self.running)):
            child, process = self.running.get(name), self.processes.get(name)
            if child is None:
                continue
            if child.poll() is None:
                child.send_signal(getattr(signal, "SIG" + process.get("stop", "TERM")))
                try:
                    child.wait(seconds)
                except subprocess.TimeoutExpired:
                    print(f"{name} does not stop; killing it", flush=True)
            self._sweep(name)
            child.wait()
            if process.get("cleanup"):
                subprocess.run(process["cleanup"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            (self.folder / "pids" / name).unlink(missing_ok=True)
            del self.running[name]


def is_alive(pidfile: Path) -> int | None:
    """The process a file names, when it still runs."""
    try:
        pid = int(pidfile.read_text())
        os.kill(pid, 0)
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return None
        return pid
    except (OSError, ValueError):
        return None


def stop_supervisor(pidfile: Path, seconds: float = 120) -> bool:
    """Asks the supervisor of a folder to stop everything; returns whether one was running."""
    pid = is_alive(pidfile)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while is_alive(pidfile) == pid and time.monotonic() < end:
        time.sleep(0.1)
    if is_alive(pidfile) == pid:
        sys.exit(f"process {pid} did not stop within {seconds:.0f} s")
    pidfile.unlink(missing_ok=True)
    return True
