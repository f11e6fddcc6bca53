"""A filter: passes on the orders of at least so much. `large_orders.py 100 < orders.ndjson`"""
import hashlib, sys
from decimal import Decimal, InvalidOperation
from sealed import Fault, Segment, main, read


def run():
    try:
        least = Decimal(sys.argv[1])
    except (IndexError, InvalidOperation):
        raise Fault(2, "usage: large_orders.py TOTAL")
    for line in read(sys.stdin.buffer):
        if line.kind == "begin":
            # The same input makes the same segment, which a loader that has seen it leaves out.
            id = hashlib.sha256(f"{line.value['id']} large_orders {least}".encode()).hexdigest()[:32]
            begin = {name: value for name, value in line.value.items() if name not in ("v", "kind")}
            segment = Segment(**{**begin, "id": id, "producer": "large_orders.py"})
        elif line.kind == "end":
            segment.end()
        elif line.kind == "state" or total(line) >= least:
            segment.add(line)  # as it came: a number that is read and written again may have lost digits


def total(line):
    try:
        return Decimal(line.value["total"])
    except (KeyError, TypeError, InvalidOperation):
        raise Fault(3, f"line {line.number}: the total is not a decimal number")


main(run, writes_a_stream=True)
