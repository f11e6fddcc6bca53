"""A cluster policy: what the pipeline's file does not say of containers and pods."""

import os


def task_policy(task):
    if hasattr(task, "network_mode") and "LAB_NETWORK" in os.environ:
        task.network_mode = os.environ["LAB_NETWORK"]
