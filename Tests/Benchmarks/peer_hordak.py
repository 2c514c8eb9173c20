"""Balanced transfers by django-hordak, a ledger for Django: from children's accounts to one supplier, one after another.

    peer_hordak.py prepare          makes its tables and accounts in the database that CONNINFO_URL names
    peer_hordak.py run SECONDS      transfers until the time is over, prints a line of JSON
"""

from __future__ import annotations

import json
import os
import random
import sys
import time

import dj_database_url
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "mptt", "hordak"],
    DATABASES={"default": dj_database_url.parse(os.environ["CONNINFO_URL"], conn_max_age=None)},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True, SECRET_KEY="a benchmark has no sessions",
    DEFAULT_CURRENCY="RUB", HORDAK_CURRENCIES=["RUB"], HORDAK_DECIMAL_PLACES=2)
django.setup()

from django.core.management import call_command  # noqa: E402 (Django wants its settings first)
from django.db import transaction  # noqa: E402
from hordak.models import Account, AccountType  # noqa: E402
from moneyed import Money  # noqa: E402

PUPILS = 840


def prepare():
    call_command("migrate", verbosity=0, interactive=False)
    Account.objects.create(name="supplier", code="0", type=AccountType.income, currencies=["RUB"])
    for number in range(PUPILS):
        Account.objects.create(name=f"pupil {number}", code=str(number + 1), type=AccountType.liability, currencies=["RUB"])


def run(seconds: float):
    supplier = Account.objects.get(name="supplier")
    pupils = list(Account.objects.filter(type=AccountType.liability))
    end, done, began = time.monotonic() + seconds, 0, time.monotonic()
    while time.monotonic() < end:
        with transaction.atomic():
            random.choice(pupils).transfer_to(supplier, Money("0.01", "RUB"))
        done += 1
    print(json.dumps({"rate": done / (time.monotonic() - began)}))


if sys.argv[1] == "prepare":
    prepare()
else:
    run(float(sys.argv[2]))
