"""A stand-in for a cluster: it says of pods what a real one would, by the task they are of. Prints its port."""

import json
import re
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

TIME = "2026-11-23T02:00:00Z"
RECEIPT = [
    '{"ts":"2026-11-23T02:00:00Z","level":"warn","msg":"not a record"}',
    '{"_etl":{"v":1,"kind":"begin","id":"1","schema":"etl.receipt"}}',
    '{"target":"public.prices","records":2}',
    '{"_etl":{"v":1,"kind":"end","id":"1","records":1}}',
    '{"ts":"2026-11-23T02:00:01Z","level":"info","msg":"2 records"}',
]
# Of each task: how its pods end. None is a pod that was evicted before its container ended.
ENDS = {
    "good": [0],
    "transient": [75, 75, 0],
    "bad": [3],
    "evicted": [None, 137, 0],
    "finished": [0],
    "on_failure": [0],
}
pods, tries = {}, Counter()


def ended(pod, code):
    message = json.dumps(
        {"level": "error", "msg": f"the cause of {code}", "code": code}
    )
    terminated = {
        "exitCode": code,
        "reason": "Error",
        "message": message if code else "",
    }
    status = {
        "name": "base",
        "image": "x",
        "imageID": "x",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": terminated},
    }
    pod["status"] = {
        "phase": "Succeeded" if code == 0 else "Failed",
        "containerStatuses": [] if code is None else [status],
        "startTime": TIME,
    }
    if code is None:
        pod["status"]["reason"] = "Evicted"


class Api(BaseHTTPRequestHandler):
    def answer(self, value, status=200):
        text = value if isinstance(value, str) else json.dumps(value)
        self.send_response(status)
        kind = "text/plain" if isinstance(value, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def pod(self):
        return pods.get(self.path.split("?")[0].split("/")[6])

    def do_GET(self):
        url = urlparse(self.path)
        if url.path.endswith("/events"):
            return self.answer({"kind": "EventList", "metadata": {}, "items": []})
        if url.path.endswith("/log"):
            time = f"{TIME} " if "timestamps" in url.query else ""
            return self.answer("".join(f"{time}{line}\n" for line in RECEIPT))
        if url.path.endswith("/pods"):
            selector = parse_qs(url.query)["labelSelector"][0]
            wanted = dict(
                re.findall(r"([^,=!]+)=([^,]*)", selector.split(",already")[0])
            )
            if wanted["task_id"] == "finished" and not tries["finished"]:
                # What an earlier try has left.
                tries["finished"] += 1
                old = {
                    "metadata": {
                        "name": "old",
                        "namespace": "airflow",
                        "labels": {**wanted, "try_number": "1"},
                    },
                    "spec": {"containers": [{"name": "base"}]},
                }
                ended(old, 0)
                pods["old"] = old
            found = [
                pod
                for pod in pods.values()
                if wanted.items() <= pod["metadata"]["labels"].items()
                and pod["metadata"]["labels"].get("already_checked") != "True"
            ]
            return self.answer({"kind": "PodList", "metadata": {}, "items": found})
        pod = self.pod()
        self.answer(pod or {"kind": "Status", "code": 404}, 200 if pod else 404)

    def do_POST(self):
        pod = self.body()
        task = pod["metadata"]["labels"]["task_id"]
        ends = ENDS[task]
        ended(pod, ends[min(tries[task], len(ends) - 1)])
        tries[task] += 1
        print("CREATED", task, file=sys.stderr, flush=True)
        for variable in pod["spec"]["containers"][0].get("env", []):
            if variable["name"] == "WORKFLOW_FAILURES":
                print("FAILURES", variable["value"], file=sys.stderr, flush=True)
        pods[pod["metadata"]["name"]] = pod
        self.answer(pod, 201)

    def do_PATCH(self):
        self.pod()["metadata"]["labels"].update(self.body()["metadata"]["labels"])
        self.answer(self.pod())

    def do_DELETE(self):
        pod = pods.pop(self.path.split("?")[0].split("/")[6], None)
        task = pod["metadata"]["labels"]["task_id"] if pod else None
        print("DELETED", task, file=sys.stderr, flush=True)
        self.answer(pod or {"kind": "Status", "code": 404}, 200 if pod else 404)

    def log_message(self, *args):
        """Requests are not of interest."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
print(server.server_port, flush=True)
server.serve_forever()
