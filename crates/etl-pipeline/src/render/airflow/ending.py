RETRIED = {75, 137, 143}
"""Exit codes after which another try may do better. A pod that has none is retried."""


def tell(task, context, message):
    """Leaves word of why a try failed, for what runs when no other one follows."""
    failure = {
        "displayName": task.task_id,
        "phase": "Failed",
        "message": message[:2000],
    }
    context["ti"].xcom_push(key="failure", value=failure)


def fail(task, context, code, line):
    """Ends a try whose container failed, with the last line that it printed."""
    try:
        line = json.loads(line)["msg"]
    except (ValueError, TypeError, KeyError):
        pass  # not a line of JSON logs
    message = f"exit code {code}: {line}"
    tell(task, context, message)
    if code not in RETRIED:
        raise AirflowFailException(message)
    later = re.search(r"retry_at (\S+Z)", line)
    if later and AIRFLOW >= (3, 4):
        # The try is not over: it goes on when the quota is there again.
        soonest = pendulum.now("UTC") + task.retry_delay
        raise AirflowRescheduleException(max(pendulum.parse(later[1]), soonest))
    raise AirflowException(message)


def is_control(line):
    """Whether it is a line of a stream that is no record."""
    return line.startswith('{"_etl":')


def succeed(task, context, lines):
    """Ends a try that succeeded: its receipts go with the events of its assets."""
    receipts, inside = [], False
    for line in lines:
        if is_control(line):
            control = json.loads(line)["_etl"]
            inside = control.get("schema") == "etl.receipt"
        elif inside and line.startswith('{"target":'):
            receipts.append(json.loads(line))
    for asset in task.outlets:
        context["outlet_events"][asset].extra = {"receipts": receipts}
