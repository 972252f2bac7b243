"""Checks answers as they came over the wire against the service models' output shapes.

An answer must have every required member, no member the model does not know, and values of the right type, length,
pattern and enumeration. Every operation that was answered is remembered, so that a test can see that none was left out.
"""

import json
import re
import xml.etree.ElementTree as ElementTree

# (service, operation) pairs that were answered with success.
answered = set()


class Mismatch(AssertionError):
    pass


def check(operation_model, status, body):
    if status >= 300:
        return
    service = operation_model.service_model
    shape = operation_model.output_shape
    name = operation_model.name
    answered.add((service.service_name, name))
    if service.metadata["protocol"] == "query":
        root = ElementTree.fromstring(body)
        _expect(_tag(root) == f"{name}Response", f"the root is {_tag(root)}")
        metadata = root.find("{*}ResponseMetadata/{*}RequestId")
        _expect(metadata is not None and metadata.text, "no RequestId")
        result = root.find("{*}" + (shape.serialization.get("resultWrapper", f"{name}Result") if shape else "none"))
        if shape is not None and shape.members:
            _expect(result is not None, f"no {name}Result")
            _xml(shape, result, name)
        return
    if shape is None:
        _expect(body in (b"", b"{}"), f"{name} has no output, and answered {body!r}")
        return
    _value(shape, json.loads(body), name)


def _expect(holds, what):
    if not holds:
        raise Mismatch(what)


def _value(shape, value, path):
    kind = shape.type_name
    if kind == "structure":
        if shape.metadata.get("document") or getattr(shape, "is_document_type", False):
            return
        _expect(isinstance(value, dict), f"{path} is no structure: {value!r}")
        for name in shape.metadata.get("required", []):
            _expect(name in value, f"{path} lacks {name}")
        for name, inner in value.items():
            _expect(name in shape.members, f"{path} has {name}, which the model does not know")
            _expect(inner is not None, f"{path}.{name} is null; it should be left out")
            _value(shape.members[name], inner, f"{path}.{name}")
    elif kind == "list":
        _expect(isinstance(value, list), f"{path} is no list")
        _length(shape, len(value), path)
        for index, inner in enumerate(value):
            _value(shape.member, inner, f"{path}[{index}]")
    elif kind == "map":
        for key, inner in value.items():
            _value(shape.key, key, path)
            _value(shape.value, inner, f"{path}.{key}")
    elif kind == "string":
        _expect(isinstance(value, str), f"{path} is no string: {value!r}")
        _string(shape, value, path)
    elif kind in ("integer", "long"):
        _expect(isinstance(value, int) and not isinstance(value, bool), f"{path} is no integer: {value!r}")
        _length(shape, value, path)
    elif kind == "boolean":
        _expect(isinstance(value, bool), f"{path} is no boolean: {value!r}")
    elif kind == "timestamp":
        _expect(isinstance(value, (int, float)) and 1.6e9 < value < 5e9, f"{path} is no time in seconds: {value!r}")
    else:
        raise Mismatch(f"{path}: what is a {kind}?")


# The service answers an empty text where a set has no inline policy, although the model wants one character.
EMPTY = {"GetInlinePolicyForPermissionSet.InlinePolicy"}


def _string(shape, value, path):
    if value == "" and path in EMPTY:
        return
    _length(shape, len(value), path)
    if shape.enum:
        _expect(value in shape.enum, f"{path} is {value!r}, which is none of {shape.enum}")
    pattern = shape.metadata.get("pattern")
    if pattern and "\\p" not in pattern and "\\u10000" not in pattern:
        _expect(re.fullmatch(f"(?:{pattern})", value, re.S), f"{path} is {value!r}, which is not {pattern}")


def _length(shape, length, path):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    _expect(least is None or length >= least, f"{path} is shorter than {least}")
    _expect(most is None or length <= most, f"{path} is longer than {most}")


def _tag(element):
    return element.tag.rsplit("}", 1)[-1]


def _xml(shape, element, path):
    kind = shape.type_name
    text = element.text or ""
    if kind == "structure":
        names = [_tag(child) for child in element]
        known = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name in shape.metadata.get("required", []):
            _expect(name in names, f"{path} lacks {name}")
        for child in element:
            _expect(_tag(child) in known, f"{path} has {_tag(child)}, which the model does not know")
            _xml(known[_tag(child)], child, f"{path}.{_tag(child)}")
    elif kind == "list":
        for child in element:
            _expect(_tag(child) == shape.member.serialization.get("name", "member"), f"{path} has a {_tag(child)}")
            _xml(shape.member, child, path)
    elif kind == "boolean":
        _expect(text in ("true", "false"), f"{path} is no boolean: {text!r}")
    elif kind == "timestamp":
        _expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), f"{path} is no time: {text!r}")
    elif kind == "integer":
        _expect(text.isdigit(), f"{path} is no integer: {text!r}")
    elif kind == "string":
        _string(shape, text, path)
    else:
        raise Mismatch(f"{path}: what is a {kind}?")
