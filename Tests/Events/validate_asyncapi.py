"""Holds the AsyncAPI document against its model and the golden messages against their schemas.

Usage: validate_asyncapi.py DOCUMENT GOLDEN_FOLDER. Prints what is wrong, one line each; exit status 1 if anything is.
"""

import json
import pathlib
import sys

import asyncapi3
import jsonschema


def references(node, path="#"):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield path, value
            else:
                yield from references(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from references(value, f"{path}/{index}")


def resolve(document, reference):
    if not reference.startswith("#/"):
        raise KeyError(reference)
    node = document
    for step in reference[2:].split("/"):
        node = node[step.replace("~1", "/").replace("~0", "~")]
    return node


def complaints(document_path, golden_folder):
    text = pathlib.Path(document_path).read_text(encoding="utf-8")
    document = json.loads(text)
    try:
        asyncapi3.AsyncAPI3.model_validate(document)
    except ValueError as error:
        yield f"The document is not AsyncAPI 3: {error}"
    broken = False
    for path, reference in references(document):
        try:
            resolve(document, reference)
        except (KeyError, TypeError):
            broken = True
            yield f"{path}: {reference} points nowhere"
    if broken:
        return
    messages = {message["name"]: message for message in document["components"]["messages"].values()}
    schemas = {"components": {"schemas": document["components"]["schemas"]}}
    files = {path.stem: path for path in pathlib.Path(golden_folder).glob("*.json")}
    for name in sorted(messages.keys() | files.keys()):
        if name not in files:
            yield f"{name} has no golden file"
            continue
        if name not in messages:
            yield f"{files[name].name} belongs to no message"
            continue
        payload = {**schemas, **messages[name]["payload"]}
        validator = jsonschema.Draft7Validator(payload, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)
        golden = json.loads(files[name].read_text(encoding="utf-8"))
        for example in messages[name]["examples"]:
            event = {**example["payload"], "data": golden}
            for error in validator.iter_errors(event):
                yield f"{name}: {'/'.join(map(str, error.absolute_path))}: {error.message}"
            yield from undescribed(name, document, messages[name]["payload"]["allOf"][1]["properties"]["data"], golden)
            # A schema that accepts anything would be worth nothing: without any one required field it must refuse.
            for field in golden:
                if field in required(document, messages[name]):
                    if validator.is_valid({**event, "data": {k: v for k, v in golden.items() if k != field}}):
                        yield f"{name}: the schema does not miss the required field {field}"


def required(document, message):
    data = message["payload"]["allOf"][1]["properties"]["data"]
    return resolve(document, data["$ref"])["required"]


def undescribed(name, document, schema, value, path=""):
    """Fields that a golden message has and its schema does not know."""
    if "$ref" in schema:
        schema = resolve(document, schema["$ref"])
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in schema.get("properties", {}):
                yield f"{name}: {path}/{key} is not in the schema"
            else:
                yield from undescribed(name, document, schema["properties"][key], inner, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from undescribed(name, document, schema["items"], inner, f"{path}/{index}")


if __name__ == "__main__":
    found = list(complaints(sys.argv[1], sys.argv[2]))
    print("\n".join(found))
    sys.exit(1 if found else 0)
