"""Reads and writes sealed streams, so that no part is taken for the whole: docs/contract.md, sections 1 and 2."""
import contextlib, hashlib, json, os, stat, sys
from typing import NamedTuple

LONGEST = 16 << 20  # bytes of a line
CODES = {2, 3, 66, 70, 74, 75, 76, 77, 78, 141, *range(129, 193)}


class Fault(Exception):
    """An exit code, and why."""


class Line(NamedTuple):
    number: int
    kind: str  # begin, record, state or end
    value: dict  # the record, or what the control line says
    raw: bytes


class Object(dict):
    def __init__(self, pairs):
        super().__init__(pairs)
        self.has_a_key_twice = len(self) < len(pairs)


class Seal:
    """What `end` says of the lines after `begin`."""

    def __init__(self):
        self.records, self.bytes, self.sha256 = 0, 0, hashlib.sha256()

    def add(self, raw, is_record=False):
        self.records += is_record
        self.bytes += len(raw)
        self.sha256.update(raw)

    def fields(self):
        return {"records": self.records, "bytes": self.bytes, "sha256": self.sha256.hexdigest()}


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def parse(number, raw):
    """A line by itself, whatever came before it."""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=Object, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Fault(3, f"line {number}: {error}")
    if not isinstance(value, Object) or value.has_a_key_twice:
        raise Fault(3, f"line {number} is not an object, or has a key twice")
    if not raw.startswith(b'{"_etl":'):
        if "_etl" in value:
            raise Fault(3, f"line {number}: only a control line has the key _etl")
        return Line(number, "record", value, raw)
    control = value["_etl"]
    if len(value) > 1 or not isinstance(control, dict) or control.get("v") != 1:
        raise Fault(3, f"line {number} is not a control line of version 1")
    return Line(number, control.get("kind"), control, raw)


def read(source):
    """Yields each line that is not blank, and an `end` only once its segment is verified. The stream is complete if all of
    it was read without a Fault, and not before: what was done with a line must be undone if one comes."""
    number, ids, segment, seal, is_cut = 0, set(), None, None, True
    while raw := source.readline(LONGEST + 1):
        number, is_cut = number + 1, not raw.endswith(b"\n")
        if len(raw) > LONGEST:
            raise Fault(3, f"line {number} is longer than {LONGEST} bytes")
        if is_cut:
            break
        if not raw.strip():
            if seal:
                seal.add(raw)
            continue
        line = parse(number, raw)
        where = f"line {number}: {line.kind}"
        if line.kind == "abort":
            code, why = line.value.get("code"), line.value.get("message")
            raise Fault(code if isinstance(code, int) and code in CODES else 3, f"{where}: {why}")
        if line.kind not in ("begin", "record", "state", "end"):
            raise Fault(3, f"{where} is not known")
        if (line.kind == "begin") == (seal is not None):
            raise Fault(3, f"{where} inside a segment" if seal else f"{where} outside a segment")
        if line.kind in ("record", "state"):
            seal.add(raw, line.kind == "record")
        elif line.kind == "begin":
            segment, seal = line.value.get("id"), Seal()
            if not isinstance(segment, str) or segment in ids:
                raise Fault(3, f"{where} has no id of its own")
            ids.add(segment)
        else:
            said = {**seal.fields(), **line.value}
            wrong = [name for name, value in {**seal.fields(), "id": segment}.items() if said.get(name) != value]
            if wrong or "records" not in line.value:
                raise Fault(3, f"{where}: {', '.join(wrong) or 'records'} not as read: the stream was altered")
            line, seal = line._replace(value=said), None
        yield line
    if seal or is_cut or not ids:  # also an input without a segment
        is_pipe = not stat.S_ISREG(os.fstat(source.fileno()).st_mode)
        raise Fault(75 if is_pipe else 3, f"the stream was cut short after line {number}")


class Segment:
    """A segment on stdout."""

    def __init__(self, **begin):
        self.id, self.seal = begin["id"], Seal()
        sys.stdout.buffer.write(control("begin", **begin))

    def add(self, line):
        self.seal.add(line.raw, line.kind == "record")
        sys.stdout.buffer.write(line.raw)

    def end(self):
        sys.stdout.buffer.write(control("end", id=self.id, **self.seal.fields()))


def control(kind, **fields):
    return json.dumps({"_etl": {"v": 1, "kind": kind, **fields}}).encode() + b"\n"


def main(run, writes_a_stream):
    """Runs a step of a pipe. Why it fails is the last line on stderr, its exit code, and what the next step is told."""
    try:
        run()
        sys.stdout.buffer.flush()
        return
    except Fault as fault:
        code, why = fault.args
    except BrokenPipeError:
        os._exit(141)
    except OSError as error:
        code, why = 74, str(error)
    print(f"error: {why}", file=sys.stderr)
    if writes_a_stream:
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(control("abort", code=code, message=why))
            sys.stdout.buffer.flush()
    os._exit(code)  # without another try to write what could not be written
