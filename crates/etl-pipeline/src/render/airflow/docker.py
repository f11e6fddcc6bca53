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
