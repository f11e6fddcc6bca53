# Rendered by `standpipe render` from openweather-air-quality.yaml; edit that, and render again.
"""The pipeline openweather-air-pollution."""

import json
import re
from datetime import timedelta

import pendulum
from airflow import __version__ as airflow_version
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG, Asset
from airflow.timetables.trigger import CronTriggerTimetable
from kubernetes.client import ApiException
from kubernetes.client import models as k8s
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


class Standpipe(KubernetesPodOperator):
    """A pod whose exit code decides what becomes of the task."""

    template_ext = ()
    lines = ()

    def execute(self, context):
        # Where one process runs every try, as in `dags test`, each still has its own pod.
        self.pod = self.pod_request_obj = self.remote_pod = None
        try:
            super().execute(context)
        except Exception as error:
            ended = self.ended()
            if ended:
                fail(self, context, ended.exit_code, ended.message or ended.reason)
            tell(self, context, str(error))
            raise
        succeed(self, context, self.lines)

    def ended(self):
        """How the container ended, if it did."""
        status = self.remote_pod and self.remote_pod.status
        for container in (status and status.container_statuses) or []:
            if container.name == self.base_container_name:
                return container.state and container.state.terminated
        return None

    def get_or_create_pod(self, pod_request_obj, context):
        """The pod of a lost worker is taken over while it runs; a finished one is not."""
        pod = super().get_or_create_pod(pod_request_obj, context)
        if pod.status and pod.status.phase in ("Succeeded", "Failed"):
            self.patch_already_checked(pod)
            self.pod_manager.delete_pod(pod)
            pod = self.pod_manager.create_pod(pod_request_obj)
        return pod

    def cleanup(self, pod, remote_pod, *args, **kwargs):
        """Before the pod is deleted, what it printed is read."""
        if remote_pod and remote_pod.status.phase == "Succeeded":
            try:
                log = self.client.read_namespaced_pod_log(
                    name=remote_pod.metadata.name,
                    namespace=remote_pod.metadata.namespace,
                    container=self.base_container_name,
                    tail_lines=1000,
                    _preload_content=False,
                )
                self.lines = log.data.decode(errors="replace").splitlines()
            except ApiException:
                self.log.exception("the receipts cannot be read")
        super().cleanup(pod, remote_pod, *args, **kwargs)


PODS = {
    "container_resources": k8s.V1ResourceRequirements(
        requests={"cpu": "10m", "memory": "16Mi"},
        limits={"memory": "128Mi"},
    ),
    "security_context": k8s.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=65532,
        run_as_group=65532,
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    ),
    "container_security_context": k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
    ),
    "deferrable": False,
    "log_pod_spec_on_failure": False,
    "on_finish_action": "delete_pod",
}
ENVIRONMENT = [
    k8s.V1EnvVar(name="ETL_LOG_FORMAT", value="json"),
    k8s.V1EnvVar(name="CITY", value="seattle"),
    k8s.V1EnvVar(name="LAT", value="47.6"),
    k8s.V1EnvVar(name="LONG", value="-122.3321"),
    k8s.V1EnvVar(
        name="OPENWEATHER_KEY",
        value_from=k8s.V1EnvVarSource(
            secret_key_ref=k8s.V1SecretKeySelector(
                name="openweather-secret",
                key="OPEN_WEATHER_SECRET",
            ),
        ),
    ),
    k8s.V1EnvVar(
        name="INFLUX_KEY",
        value_from=k8s.V1EnvVarSource(
            secret_key_ref=k8s.V1SecretKeySelector(
                name="influxdb-secret",
                key="PROD_INFLUX_KEY",
            ),
        ),
    ),
]

with DAG(
    dag_id="openweather_air_pollution",
    description="extract-openweather | load-influx",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="America/Los_Angeles"),
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
            image="standpipe/all:0.1.0",
            arguments=[
                "run",
                "--deadline",
                "600s",
                "--",
                "extract-openweather",
                "air-pollution",
                "|",
                "load-influx",
                "--measurement",
                "airq",
                "--seal",
                "required",
                "--load-id",
                "openweather-air-pollution/{{ ts | default(run_id) }}/load-influx",
            ],
            env_vars=ENVIRONMENT,
            env_from=[
                k8s.V1EnvFromSource(
                    config_map_ref=k8s.V1ConfigMapEnvSource(name="key-etl-variables"),
                ),
            ],
            outlets=[Asset("x-standpipe://openweather-air-pollution")],
            **PODS,
        ),
    ]
    on_failure = Standpipe(
        task_id="on_failure",
        image="standpipe/notify-slack:0.1.0",
        env_vars=[
            k8s.V1EnvVar(name="WORKFLOW_NAME", value="openweather-air-pollution"),
            k8s.V1EnvVar(name="WORKFLOW_STATUS", value="Failed"),
            k8s.V1EnvVar(
                name="WORKFLOW_FAILURES",
                value="{{ ti.xcom_pull(task_ids=['run'], key='failure') | select | list | tojson | replace('$', '$$') }}",
            ),
            k8s.V1EnvVar(name="ETL_LOG_FORMAT", value="json"),
            k8s.V1EnvVar(
                name="ALERT_WEBHOOK",
                value_from=k8s.V1EnvVarSource(
                    secret_key_ref=k8s.V1SecretKeySelector(
                        name="slack-webhook-pipeline-failures",
                        key="WEBHOOK_ETL_ALERTS",
                    ),
                ),
            ),
        ],
        env_from=[
            k8s.V1EnvFromSource(
                config_map_ref=k8s.V1ConfigMapEnvSource(name="key-etl-variables"),
            ),
        ],
        trigger_rule="one_failed",
        **PODS,
    )
    on_failure.is_teardown = True  # the run has failed, whatever becomes of it
    runs >> on_failure
