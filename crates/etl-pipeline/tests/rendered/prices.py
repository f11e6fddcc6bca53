# Rendered by `standpipe render` from p.yaml; edit that, and render again.
"""The pipeline prices."""

import json
import re
from datetime import timedelta

import pendulum
from airflow import __version__ as airflow_version
from airflow.providers.docker.exceptions import DockerContainerFailedException
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG, Asset, Variable
from airflow.timetables.interval import CronDataIntervalTimetable
from packaging.version import Version

try:
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowRescheduleException,
    )
except ImportError:  # before 3.2
    from airflow.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowRescheduleException,
    )

AIRFLOW = Version(airflow_version).release
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


class Standpipe(DockerOperator):
    """A container whose exit code decides what becomes of the task."""

    template_ext = ()

    def __init__(self, *, references=None, variables=(), **kwargs):
        super().__init__(**kwargs)
        self.references = references or {}
        self.variables = variables

    def execute(self, context):
        # Fields were rendered, and kept to be looked at, before this.
        self.environment = {
            **self.whole(context),
            **self.environment,
            **self.referenced(context),
        }
        lines = []
        try:
            lines = super().execute(context) or []
        except DockerContainerFailedException as error:
            state = self.cli.inspect_container(self.container["Id"])["State"]
            said = [line for line in error.logs or [] if not is_control(line)]
            fail(self, context, state["ExitCode"], said[-1] if said else "")
        except Exception as error:
            tell(self, context, str(error))
            raise
        finally:
            if self.container:
                self.cli.remove_container(self.container["Id"], force=True)
        succeed(self, context, lines)

    def whole(self, context):
        """All keys of some of Airflow's variables."""
        values = {}
        for name in self.variables:
            values.update(self.variable(context, name))
        return values

    def referenced(self, context):
        """Single keys of Airflow's variables, under names of their own."""
        values = {}
        for name, (variable, key) in self.references.items():
            keys = self.variable(context, variable)
            if key not in keys:
                fail(self, context, 78, f"the variable {variable} has no key {key}")
            values[name] = keys[key]
        return values

    def variable(self, context, name):
        """One of Airflow's variables: keys and their values, as an object in JSON."""
        keys = Variable.get(name, None, deserialize_json=True)
        if not isinstance(keys, dict):
            fail(self, context, 78, f"the variable {name} is not an object in JSON")
        return keys


CONTAINERS = {
    "user": "65532:65532",
    "mem_limit": "128m",
    "mount_tmp_dir": False,
    "auto_remove": "never",
    "xcom_all": True,
}
ENVIRONMENT = {
    "ETL_LOG_FORMAT": "json",
    "PGOPTIONS": "-c x=it's",
    "PGAPPNAME": "{{ data_interval_start | ts }} {{ '{' }}%",
    "TZ": "$(X)",
}

with DAG(
    dag_id="prices",
    description="extract-postgres | load-postgres | load-postgres",
    schedule=CronDataIntervalTimetable("0 5 * * *", timezone="Etc/UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 4,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": 2 if AIRFLOW >= (3, 2) else True,
        "max_retry_delay": timedelta(seconds=600),
    },
    tags=["standpipe"],
):
    runs = [
        Standpipe(
            task_id="run",
            image="registry.example/standpipe/all:1.2.3",
            command=[
                "run",
                "--",
                "extract-postgres",
                "--query",
                "SELECT id, ${x}, $$1 FROM \"{{ '{{' }} ds }}\" WHERE at >= {{ data_interval_start | ts }} AND at < {{ data_interval_end | ts }}",
                "|",
                "load-postgres",
                "--table",
                "prices",
                "--seal",
                "required",
                "--load-id",
                "prices/{{ ts | default(run_id) }}/load-postgres-2",
                "--if-loaded",
                "skip",
                "|",
                "load-postgres",
                "--table",
                "receipts",
                "--schema",
                "etl.receipt",
                "--seal",
                "required",
                "--load-id",
                "prices/{{ ts | default(run_id) }}/load-postgres-3",
                "--if-loaded",
                "skip",
            ],
            environment=ENVIRONMENT,
            references={
                "PGSSLMODE": ("key-etl-variables", "MODE"),
                "DATABASE_URL": ("postgres", "URL"),
            },
            variables=["key-etl-variables"],
            outlets=[Asset("x-standpipe://prices")],
            **CONTAINERS,
        ),
    ]
    on_failure = Standpipe(
        task_id="on_failure",
        image="registry.example/standpipe/notify-slack:1.2.3",
        environment={
            "WORKFLOW_NAME": "prices",
            "WORKFLOW_STATUS": "Failed",
            "WORKFLOW_FAILURES": "{{ ti.xcom_pull(task_ids=['run'], key='failure') | select | list | tojson }}",
            "ETL_LOG_FORMAT": "json",
            "TZ": "$(X)",
            "SLACK_CHANNEL": "{{ '{{' }} alerts",
        },
        references={"ALERT_WEBHOOK": ("slack", "URL")},
        variables=["key-etl-variables"],
        trigger_rule="one_failed",
        **CONTAINERS,
    )
    on_failure.is_teardown = True  # the run has failed, whatever becomes of it
    runs >> on_failure
