"""Kills one part of the running system after another with -9; whoever watches over them starts them again."""
import os
import signal
import threading
from pathlib import Path

VICTIMS = ["ledger", "broker", "canteen", "postgres", "access", "notifier", "journal", "ledger"]


class Chaos(threading.Thread):
    """Every so many seconds the next victim, in the middle of the day; ends with the last one."""

    def __init__(self, demo, pause):
        super().__init__(daemon=True)
        self.demo, self.pause, self.over, self.killed = demo, pause, threading.Event(), []

    def run(self):
        for name in VICTIMS:
            if self.over.wait(self.pause):
                return
            if self.kill(name):
                self.killed.append(name)
                print(f"  killed {name}", flush=True)
            else:
                print(f"  {name} was not there to be killed", flush=True)

    def kill(self, name):
        facts = self.demo.facts
        file = Path(facts["brokerPid"]) if name == "broker" else Path(facts["folders"]["pids"]) / name
        try:
            os.kill(int(file.read_text().split()[0]), signal.SIGKILL)
        except (OSError, ValueError):
            return False
        return True

    def stop(self):
        self.over.set()
        self.join()
