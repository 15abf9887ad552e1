"""Says of each request on standard input, one JSON document per line, what in it does not fit botocore's model of its service.

A request is `{service, method, path, query, headers, body}`, where `service` is the name in its signature and `body` is base64; an
answer is the list of what does not fit. The wire form is read here, by the model's protocol: botocore can only write it. So
whatever has no place in the model is found too, and enumerations and patterns, which botocore does not check.
"""

import base64, functools, json, sys
from urllib.parse import parse_qsl, unquote

# Java's and ECMA's classes, such as `\p{L}`, are not known to Python's own `re`.
import regex
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

# Signed under another name than their model has.
MODELS = {"elasticfilesystem": "efs", "servicequotas": "service-quotas", "tagging": "resourcegroupstaggingapi"}

# Two services that are signed alike, told apart by their version.
LOAD_BALANCING = {"2012-06-01": "elb", "2015-12-01": "elbv2"}


class Misfit(Exception):
    """The request cannot be read any further."""


@functools.cache
def model(name):
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


@functools.cache
def compiled(pattern):
    # Models write the characters beyond the first plane as pairs of surrogates, as Java does.
    return regex.compile(pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"))


@functools.cache
def routes(name):
    """Method, expression, static query and operation; those with the fewest placeholders first."""
    found = []
    for operation_name in model(name).operation_names:
        operation = model(name).operation_model(operation_name)
        template, _, static = operation.http["requestUri"].partition("?")
        expression, labels = "", 0
        for part in regex.split(r"(\{[^}]+\})", template.rstrip("/") or "/"):
            if part.startswith("{"):
                label, labels = part.strip("{}"), labels + 1
                greedy = label.endswith("+")
                expression += f"(?P<{label.rstrip('+')}>{'.+' if greedy else '[^/]+'})"
            else:
                expression += regex.escape(part)
        found.append((labels, operation.http["method"], compiled(expression + "/?"), parse_qsl(static, True), operation))
    return sorted(found, key=lambda route: route[0])


class Checker:
    def __init__(self, request):
        self.request, self.misfits, self.in_form = request, [], False
        self.body = base64.b64decode(request["body"])
        query = parse_qsl(request["query"], keep_blank_values=True)
        # What a signature puts there belongs to no operation.
        self.query = [(name, value) for name, value in query if not name.startswith("X-Amz-")]

    def misfit(self, where, what):
        self.misfits.append(f"{where}: {what}")

    def check(self):
        name = MODELS.get(self.request["service"], self.request["service"])
        try:
            if name == "elasticloadbalancing":
                version = dict(self.query + parse_qsl(self.body.decode())).get("Version")
                name = LOAD_BALANCING.get(version, name)
            protocol = model(name).metadata["protocol"]
            {"ec2": self.form, "query": self.form, "rest-json": self.rest, "json": self.target}[protocol](name)
        except UnknownServiceError:
            self.misfit(name, "botocore has no model of this service")
        except Misfit as error:
            self.misfits.append(str(error))
        return self.misfits

    # The protocols: each finds the operation and reads its parameters.

    def form(self, name):
        pairs = self.query + parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))
        given = dict(pairs)
        operation = self.operation(name, given.pop("Action", None))
        if given.pop("Version", None) != model(name).api_version:
            self.misfit(operation.name, f"its Version is not {model(name).api_version}")
        if len(dict(pairs)) != len(pairs):
            self.misfit(operation.name, "a parameter stands there twice")
        tree = {}
        for key, value in given.items():
            *parents, last = key.split(".")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {}) if isinstance(node, dict) else None
            if not isinstance(node, dict) or last in node:
                raise Misfit(f"{operation.name}: {key} is both a value and a list or structure")
            node[last] = value
        self.in_form = True
        reader = Form(self, model(name).metadata["protocol"] == "ec2")
        if operation.input_shape is None:
            if tree:
                self.misfit(operation.name, f"it takes no parameters, and has {sorted(tree)}")
            return
        self.value(operation.input_shape, reader.structure(operation.input_shape, tree, operation.name), operation.name)

    def rest(self, name):
        method, path = self.request["method"], self.request["path"]
        for _, wanted, expression, static, operation in routes(name):
            match = expression.fullmatch(path)
            if wanted == method and match and all(pair in self.query for pair in static):
                break
        else:
            raise Misfit(f"{name}: no operation is called by {method} {path}")
        where, shape = operation.name, operation.input_shape
        query = [pair for pair in self.query if pair not in static]
        parameters, in_body = {}, {}
        for member, of in shape.members.items() if shape else ():
            place, wire = of.serialization.get("location"), of.serialization.get("name", member)
            if place == "uri":
                parameters[member] = self.text(of, unquote(match[wire]))
            elif place == "querystring":
                values = [value for key, value in query if key == wire]
                query = [pair for pair in query if pair[0] != wire]
                if of.type_name == "list":
                    if values:
                        parameters[member] = [self.text(of.member, value) for value in values]
                elif len(values) > 1:
                    self.misfit(f"{where}.{member}", "it stands there twice")
                elif values:
                    parameters[member] = self.text(of, values[0])
            elif place == "header":
                if wire.lower() in self.request["headers"]:
                    parameters[member] = self.text(of, self.request["headers"][wire.lower()])
            elif place is None:
                in_body[wire] = member
            else:
                raise Misfit(f"{where}.{member}: a member in `{place}` cannot be checked")
        for key, _ in query:
            self.misfit(f"{where}.{key}", "there is no such parameter in the query")
        payload = shape.serialization.get("payload") if shape else None
        if payload:
            if shape.members[payload].type_name != "structure":
                raise Misfit(f"{where}.{payload}: such a body cannot be checked")
            if self.body:
                parameters[payload] = self.document(where, "application/json")
        elif self.body and not (in_body or self.body.strip() == b"{}"):
            self.misfit(where, "it has a body and takes none")
        elif self.body:
            for key, value in self.document(where, "application/json").items():
                if key in in_body:
                    parameters[in_body[key]] = value
                else:
                    self.misfit(f"{where}.{key}", f"the body of {shape.name} has no such member")
        if shape:
            self.structure(shape, parameters, where, named=True)

    def target(self, name):
        prefix, _, action = self.request["headers"].get("x-amz-target", "").rpartition(".")
        operation = self.operation(name, action)
        if prefix != model(name).metadata["targetPrefix"]:
            self.misfit(operation.name, f"`{prefix}` is not the service's target prefix")
        document = self.document(operation.name, f"application/x-amz-json-{model(name).metadata['jsonVersion']}")
        if operation.input_shape:
            self.value(operation.input_shape, document, operation.name)
        elif document:
            self.misfit(operation.name, "it takes no parameters")

    def operation(self, name, action):
        if action not in model(name).operation_names:
            raise Misfit(f"{name}: there is no operation `{action}`")
        return model(name).operation_model(action)

    def document(self, where, content_type):
        given = self.request["headers"].get("content-type", "")
        if given.split(";")[0].strip() != content_type:
            self.misfit(where, f"its content type is `{given}`, not {content_type}")
        try:
            document = json.loads(self.body or b"{}")
        except ValueError as error:
            raise Misfit(f"{where}: its body is not JSON: {error}")
        if not isinstance(document, dict):
            raise Misfit(f"{where}: its body is not an object")
        return document

    def text(self, shape, value):
        """A value that stands there as text, as what it means; as it is where it means nothing."""
        if shape.type_name in ("integer", "long") and regex.fullmatch(r"[+-]?\d+", value):
            return int(value)
        if shape.type_name in ("float", "double") and regex.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", value):
            return float(value)
        if shape.type_name == "boolean" and value in ("true", "false"):
            return value == "true"
        return value

    # The parameters against the model.

    def value(self, shape, value, where):
        kind = shape.type_name
        if kind == "structure":
            if getattr(shape, "is_document_type", False):
                return
            if self.is_a(dict, value, shape, where):
                self.structure(shape, value, where)
        elif kind == "list":
            if self.is_a(list, value, shape, where):
                self.within(shape, len(value), "elements", where)
                for index, element in enumerate(value):
                    self.value(shape.member, element, f"{where}[{index}]")
        elif kind == "map":
            if self.is_a(dict, value, shape, where):
                self.within(shape, len(value), "entries", where)
                for key, element in value.items():
                    self.value(shape.key, key, f"{where}, a key")
                    self.value(shape.value, element, f"{where}[{key}]")
        elif kind in ("string", "character"):
            if self.is_a(str, value, shape, where):
                self.string(shape, value, where)
        elif kind in ("integer", "long"):
            if self.is_a(int, value, shape, where):
                self.within(shape, value, "", where)
        elif kind in ("float", "double"):
            if self.is_a((int, float), value, shape, where):
                self.within(shape, value, "", where)
        elif kind == "boolean":
            self.is_a(bool, value, shape, where)
        elif kind == "timestamp":
            if self.is_a((int, float, str), value, shape, where) and isinstance(value, str):
                if not regex.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
                    self.misfit(where, f"`{value}` is not a time")
        elif kind == "blob":
            if self.is_a(str, value, shape, where):
                try:
                    self.within(shape, len(base64.b64decode(value, validate=True)), "bytes", where)
                except ValueError:
                    self.misfit(where, "it is not base64")
        else:
            self.misfit(where, f"values of type {kind} cannot be checked")

    def is_a(self, types, value, shape, where):
        # To Python, true is a number.
        if isinstance(value, types) and (types is bool or not isinstance(value, bool)):
            return True
        self.misfit(where, f"{json.dumps(value)} is not of type {shape.type_name}")
        return False

    def structure(self, shape, value, where, named=False):
        """Checks the members, which are called as in the model if `named`, else as in a JSON body."""
        names = {m if named or self.in_form else of.serialization.get("name", m): m for m, of in shape.members.items()}
        for key in sorted(value.keys() - names.keys()):
            self.misfit(f"{where}.{key}", f"{shape.name} has no such member")
        present = {names[key]: element for key, element in value.items() if key in names}
        for member in shape.required_members:
            if member not in present:
                self.misfit(f"{where}.{member}", "it is required")
        if getattr(shape, "is_tagged_union", False) and len(present) != 1:
            self.misfit(where, f"exactly one member has to be set, and these are: {sorted(present)}")
        for member, element in present.items():
            self.value(shape.members[member], element, f"{where}.{member}")

    def string(self, shape, value, where):
        self.within(shape, len(value), "characters", where)
        if shape.enum and value not in shape.enum:
            shown = ", ".join(shape.enum[:12]) + (", ..." if len(shape.enum) > 12 else "")
            self.misfit(where, f"`{value}` is none of {shown}")
        pattern = shape.metadata.get("pattern")
        # Anchored at both ends, as the services do it: many models leave the anchors out.
        if pattern and not compiled(pattern).fullmatch(value):
            self.misfit(where, f"`{value}` does not match {pattern}")

    def within(self, shape, size, unit, where):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least:
            self.misfit(where, f"{size} {unit}".strip() + f" is below the least, {least}")
        if most is not None and size > most:
            self.misfit(where, f"{size} {unit}".strip() + f" is above the most, {most}")


class Form:
    """Reads the form that the query protocols make of structures; members are named as in the model afterwards."""

    def __init__(self, checker, ec2):
        self.checker, self.ec2 = checker, ec2

    def name(self, shape, default):
        names = shape.serialization
        if not self.ec2:
            return names.get("name", default)
        wire = names.get("name", default)
        return names.get("queryName", wire[0].upper() + wire[1:] if "name" in names else default)

    def structure(self, shape, node, where):
        if not isinstance(node, dict):
            raise Misfit(f"{where}: `{node}` is not a structure")
        node, value = dict(node), {}
        for member, of in shape.members.items():
            key = self.name(of, member)
            # The elements of a flattened list of the query protocol are called as the list's member is.
            if not self.ec2 and of.type_name == "list" and of.serialization.get("flattened"):
                key = of.member.serialization.get("name", key)
            if key in node:
                value[member] = self.value(of, node.pop(key), f"{where}.{member}")
        for key in node:
            self.checker.misfit(f"{where}.{key}", f"{shape.name} has no such member")
        return value

    def value(self, shape, node, where):
        if shape.type_name == "structure":
            return self.structure(shape, node, where)
        if shape.type_name == "list":
            # An empty list is its name alone.
            if node == "":
                return []
            if not self.ec2 and not shape.serialization.get("flattened"):
                node = self.only(node, shape.member.serialization.get("name", "member"), where)
            return [self.value(shape.member, element, f"{where}[{index}]")
                    for index, element in enumerate(self.numbered(node, where))]
        if shape.type_name == "map":
            if node == "":
                return {}
            if not shape.serialization.get("flattened"):
                node = self.only(node, "entry", where)
            key, value = (self.name(of, default) for of, default in ((shape.key, "key"), (shape.value, "value")))
            entries = self.numbered(node, where)
            for entry in entries:
                if not isinstance(entry, dict) or entry.keys() != {key, value}:
                    raise Misfit(f"{where}: an entry has other members than {key} and {value}")
            return {entry[key]: self.value(shape.value, entry[value], f"{where}[{entry[key]}]") for entry in entries}
        if not isinstance(node, str):
            raise Misfit(f"{where}: it is a {shape.type_name}, and has members {sorted(node)}")
        return self.checker.text(shape, node)

    def only(self, node, name, where):
        if not isinstance(node, dict) or node.keys() != {name}:
            raise Misfit(f"{where}: its elements do not stand below `{name}`")
        return node[name]

    def numbered(self, node, where):
        """The elements `1`, `2`, ... without a gap."""
        if not isinstance(node, dict) or node.keys() != {str(index + 1) for index in range(len(node))}:
            raise Misfit(f"{where}: its elements are not numbered from 1 on")
        return [node[str(index + 1)] for index in range(len(node))]


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"misfits": Checker(request).check()}
    except Exception as error:
        answer = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
