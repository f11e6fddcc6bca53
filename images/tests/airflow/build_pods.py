"""Imports every DAG of a folder and builds every pod, as JSON: what each container is."""

import json
import sys
from unittest.mock import Mock

import pendulum
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
start = pendulum.datetime(2026, 11, 23, 2)
end = start.add(minutes=15)


def pod(dag, task):
    """The pod of a scheduled run."""
    ti = Mock(dag_id=dag.dag_id, task_id=task.task_id, try_number=2, map_index=-1)
    ti.xcom_pull = lambda task_ids, key: [
        None,
        {"displayName": "x", "message": "$(PASSWORD) 'a'"},
    ]
    context = {
        "dag": dag,
        "ti": ti,
        "task": task,
        "run_id": "scheduled__2026-11-23T02:15:00+00:00",
        "ts": end.isoformat(),
        "data_interval_start": start,
        "data_interval_end": end,
    }
    task.render_template_fields(context)
    built = task.build_pod_request_obj(context).to_dict()
    built["metadata"].pop("name")
    return built


print(
    json.dumps(
        {
            "errors": bag.import_errors,
            "dags": sorted(bag.dags),
            "pods": {
                f"{dag.dag_id}.{task.task_id}": pod(dag, task)
                for dag in bag.dags.values()
                for task in dag.tasks
                if hasattr(task, "build_pod_request_obj")
            },
        }
    )
)
