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
