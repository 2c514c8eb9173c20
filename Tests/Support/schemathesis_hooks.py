"""What schemathesis is told beyond the document: identifiers of things that exist, so that requests get past the door, and an
address of its own for each request, so that nobody is held back for guessing."""
import json
import os
import random
import uuid

import schemathesis

KNOWN = json.loads(os.environ.get("ZVONOK_KNOWN_IDS", "{}"))


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if path_parameters:
        for name, ids in KNOWN.items():
            # Now and then one that does not exist, or is no identifier at all.
            if name in path_parameters and random.random() < 0.8:
                path_parameters[name] = random.choice(ids)
    return path_parameters


@schemathesis.hook
def before_call(context, case, **kwargs):
    if case.headers is None:
        case.headers = {}
    number = uuid.uuid4().int
    case.headers["X-Forwarded-For"] = f"10.{number % 256}.{number // 256 % 256}.{number // 65536 % 256}"
    # A program and a browser are answered otherwise.
    case.headers["Accept"] = random.choice(["application/json", "text/html"])
    if case.method != "GET" and random.random() < 0.9:
        case.headers["Origin"] = os.environ["ZVONOK_ORIGIN"]
