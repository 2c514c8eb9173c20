"""Kills one part of the running system after another with -9; whoever watches over them starts them again."""
import os
import signal
from pathlib import Path

#: Every part once, and twice who moves the money. Each dies in the middle of the work, with a pause to come back.
VICTIMS = ["ledger", "access", "broker", "canteen", "notifier", "postgres", "journal", "identity", "ledger", "canteen"]
PAUSE = 7


class Chaos:
    """Acts that kill, to be done among the acts of the day."""

    def __init__(self, demo):
        self.demo = demo

    def among(self, acts, chance):
        """The acts of a day in any order, with a killing after every so many: passages, sales and lessons are under way at each.

        Gives acts with the moment in seconds from the start, so evenly that the parts have time to come back.
        """
        acts = chance.sample(acts, len(acts))
        length = (len(VICTIMS) + 1) * PAUSE
        paced = [(length * number / len(acts), act) for number, (_, act) in enumerate(acts)]
        return paced + [((number + 1) * PAUSE, lambda name=name: self.kill(name)) for number, name in enumerate(VICTIMS)]

    def kill(self, name):
        facts = self.demo.facts
        file = Path(facts["brokerPid"]) if name == "broker" else Path(facts["folders"]["pids"]) / name
        try:
            os.kill(int(file.read_text().split()[0]), signal.SIGKILL)
            print(f"  killed {name}", flush=True)
        except (OSError, ValueError):
            raise SystemExit(f"{name} was not there to be killed") from None
