"""What Airflow's database says of the runs of a DAG, as JSON."""

import json
import sys

from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskreschedule import TaskReschedule
from airflow.settings import Session
from sqlalchemy import func, select

session = Session()
of_dag = TaskInstance.dag_id == sys.argv[1]
reschedules = (
    select(func.count(TaskReschedule.id))
    .where(TaskReschedule.ti_id == TaskInstance.id)
    .scalar_subquery()
)
columns = TaskInstance.task_id, TaskInstance.state, TaskInstance.try_number, reschedules
tasks = session.execute(select(*columns).where(of_dag).order_by(TaskInstance.task_id))
runs = session.execute(select(DagRun.state).where(DagRun.dag_id == sys.argv[1]))
events = session.execute(
    select(AssetModel.uri, AssetEvent.extra)
    .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
    .where(AssetEvent.source_dag_id == sys.argv[1])
    .order_by(AssetEvent.id)
)
print(
    json.dumps(
        {
            "runs": [state for (state,) in runs],
            "tasks": {task: rest for task, *rest in tasks},
            "events": [list(event) for event in events],
        }
    )
)
