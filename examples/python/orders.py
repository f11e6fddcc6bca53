"""The orders of a shop that changed since the last run, as a sealed stream, or with --plain for `standpipe seal`."""
import argparse, hashlib, http.client, json, os, pathlib, ssl, sys, time, urllib.request, uuid
SCHEMA = json.loads((pathlib.Path(__file__).parent / "../orders.json").read_text())
STATUS = {400: 78, 401: 77, 403: 77, 404: 78, 429: 75}  # exit codes; others: 75 from 500 on, otherwise 76
def iso(seconds): return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
def control(kind, **fields): return {"_etl": {"v": 1, "kind": kind, **fields}}
def setting(name): return "".join(os.environ.get(name, "").split()) or fail(78, f"{name} is not set")
def put(*lines):
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    try: sys.stdout.buffer.write(data); sys.stdout.buffer.flush(); return data
    except OSError as error: os._exit(141 if isinstance(error, BrokenPipeError) else 74)
def fail(code, why):
    print(f"error: {why}", file=sys.stderr); put(control("abort", code=code, message=why)); sys.exit(code)

def get(url, token):
    for wait in 1, 2, 4, None:
        try:
            request = urllib.request.Request(url)
            request.add_unredirected_header("Authorization", f"Bearer {token}")  # not for where a redirect leads
            with urllib.request.urlopen(request, timeout=30) as reply: return reply.read()
        except ValueError as error: fail(78, f"SHOP_URL: {error}")
        except (OSError, http.client.HTTPException) as error:  # a status, no reply, or only a part of one
            status, again = getattr(error, "code", 0), getattr(error, "headers", {}).get("Retry-After", "")[:9]
            wrong = 0 < status < 500 or isinstance(getattr(error, "reason", 0), ssl.SSLCertVerificationError)
            code, why = STATUS.get(status, 76 if wrong else 75), f"{url}: {error}"
        if again.isdecimal(): why, wait = f"{why}; retry_at {iso(time.time() + int(again))}", wait and int(again)
        if code != 75 or wait is None or wait > 60: fail(code, why)
        time.sleep(wait)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--state", type=pathlib.Path, metavar="FILE", help="what the loader stored; none yet is a start")
parser.add_argument("--plain", action="store_true", help="records and states, without `begin` and `end`")
parser.error = lambda why: fail(2, why)
args, base, token = parser.parse_args(), setting("SHOP_URL"), setting("SHOP_TOKEN")
state = args.state and args.state.exists() and args.state.read_text() or '{"after": 0}'
try: after = int(json.loads(state)["after"])
except (LookupError, TypeError, ValueError): fail(3, f"{args.state} is not a state of this extractor")
segment, digest, size, records, more = str(uuid.uuid4()), hashlib.sha256(), 0, 0, True
if not args.plain: put(control("begin", id=segment, schema=SCHEMA, producer="orders.py"))
while more:
    try:
        reply = json.loads(get(url := f"{base}/orders?after={after}", token))
        orders = [{**order, "fetched_at": iso(time.time())} for order in reply["orders"]]
        changes, more = [after] + [order["change"] for order in orders], reply["more"]
        if changes != sorted(set(changes)) or more and not orders: raise ValueError("a page that leads nowhere")
    except (LookupError, TypeError, ValueError) as error: fail(76, f"{url}: not as documented: {error!r}")
    after, data = changes[-1], put(*orders, control("state", value={"after": changes[-1]}))
    digest.update(data); size += len(data); records += len(orders)
if not args.plain: put(control("end", id=segment, records=records, bytes=size, sha256=digest.hexdigest()))
