"""A loader: puts orders into SQLite, all or nothing. `load_orders.py orders.db [STATE_FILE] < orders.ndjson`"""
import json, os, sqlite3, sys
from sealed import Fault, main, read

COLUMNS = "id", "change", "changed_at", "customer", "total", "note", "fetched_at"
TABLES = (
    "CREATE TABLE IF NOT EXISTS orders (id INT NOT NULL PRIMARY KEY, change INT NOT NULL, changed_at TEXT NOT NULL, "
    "customer TEXT NOT NULL, total TEXT NOT NULL, note TEXT, fetched_at TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS loaded (segment TEXT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL) STRICT",
)
# An older change never takes the place of a newer one.
UPSERT = f"""INSERT INTO orders ({", ".join(COLUMNS)}) VALUES ({", ".join("?" * len(COLUMNS))})
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS)}
WHERE excluded.change >= orders.change"""


def load(db):
    """Loads the input up to its end, in the transaction that is open. Returns the number of records and the last state."""
    records, state = 0, None
    for line in read(sys.stdin.buffer):
        if line.kind == "begin":
            segment = line.value["id"]
            before = db.execute("SELECT sha256 FROM loaded WHERE segment = ?", [segment]).fetchone()
        elif line.kind == "end":
            digest = line.value["sha256"]
            if before and before[0] != digest:
                raise Fault(3, f"line {line.number}: {segment} was loaded before, with different content")
            db.execute("INSERT OR IGNORE INTO loaded VALUES (?, ?)", [segment, digest])
        elif before:
            continue  # a replay of what is loaded already
        elif line.kind == "state":
            state = line.value.get("value")
        else:
            upsert(db, line)
            records += 1
    return records, state


def upsert(db, line):
    unknown = line.value.keys() - set(COLUMNS)
    if unknown:
        raise Fault(3, f"line {line.number}: unknown field {min(unknown)}")
    try:
        db.execute(UPSERT, [line.value.get(name) for name in COLUMNS])
    except sqlite3.OperationalError:
        raise  # SQLite or its disk, not the record
    except (sqlite3.Error, OverflowError, ValueError) as error:
        raise Fault(3, f"line {line.number}: {error}")


def run():
    if len(sys.argv) not in (2, 3):
        raise Fault(2, "usage: load_orders.py DATABASE [STATE_FILE]")
    try:
        db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
        db.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            db.execute(table)
        records, state = load(db)
        db.execute("COMMIT")  # what ends the program before this loads nothing
    except sqlite3.Error as error:
        is_locked = getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
        raise Fault(75 if is_locked else 74, f"{sys.argv[1]}: {error}")
    if state is not None and len(sys.argv) == 3:
        with open(sys.argv[2] + ".new", "w") as file:
            json.dump(state, file)
        os.replace(sys.argv[2] + ".new", sys.argv[2])
    print(f"{records} orders", file=sys.stderr)


main(run, writes_a_stream=False)
