"""Holds OpenAPI documents against the specification. Usage: validate_openapi.py DOCUMENT…; prints what is wrong."""
import json
import sys
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

bad = 0
for path in sys.argv[1:]:
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        print(f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message}")
        bad += 1
sys.exit(1 if bad else 0)
