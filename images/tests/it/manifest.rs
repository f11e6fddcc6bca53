//! Rendered manifests, read as Argo and the cluster would.

use std::path::{Path, PathBuf};

use etl_pipeline::{Cards, Operator, Options, Steps, Target};
use serde_json::{Map, Value};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The documents of a YAML file.
pub(crate) fn documents(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join(path)).expect("the file");
    serde_saphyr::from_multiple(&text).expect("YAML")
}

/// What `standpipe render --to argo` makes of a pipeline: the WorkflowTemplate, and the CronWorkflow if there is one.
pub(crate) fn render(file: &str, text: &str, steps: Steps) -> Vec<Value> {
    let options = Options {
        registry: "standpipe".to_owned(),
        tag: env!("CARGO_PKG_VERSION").to_owned(),
        steps,
        operator: Operator::Kubernetes,
    };
    let pipeline = etl_pipeline::parse(file, text).unwrap_or_else(|problems| panic!("{problems}"));
    let plan = etl_pipeline::plan(&pipeline, &Cards::embedded(), Some(Target::Argo));
    let rendering = plan.and_then(|plan| etl_pipeline::render(&plan, &options));
    let rendering = rendering.unwrap_or_else(|problems| panic!("{problems}"));
    serde_saphyr::from_multiple(&rendering.files[0].text).expect("YAML")
}

/// Every pipeline of `pipelines/`, in both forms, under a name for messages.
pub(crate) fn rendered() -> Vec<(String, Vec<Value>)> {
    let folder = root().join("pipelines").read_dir().expect("the folder");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut manifests = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "yaml")) {
        let name = file.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(file).expect("the file");
        for steps in [Steps::Pipe, Steps::Artifacts] {
            manifests.push((format!("{name} {steps:?}"), render(&name, &text, steps)));
        }
    }
    manifests
}

/// A template of the workflow.
pub(crate) fn template<'v>(workflow: &'v Value, name: &str) -> &'v Value {
    let templates = workflow["spec"]["templates"].as_array().expect("templates");
    templates.iter().find(|template| template["name"] == name).unwrap_or_else(|| panic!("no template {name}"))
}

/// The templates that run a container.
pub(crate) fn containers(workflow: &Value) -> Vec<&Value> {
    let templates = workflow["spec"]["templates"].as_array().expect("templates");
    templates.iter().filter(|template| template["container"].is_object()).collect()
}

/// A list, which may be missing.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|value| text(value).to_owned()).collect()
}

/// The component that an image has, and its tag.
pub(crate) fn image(container: &Value) -> (String, String) {
    let name = text(&container["image"]);
    let (component, tag) =
        name.strip_prefix("standpipe/").and_then(|name| name.split_once(':')).expect("ours");
    (component.to_owned(), tag.to_owned())
}

/// Whether an expression wants another try. Argo passes the code as a text, `-1` if there is none, and has the function
/// `asInt` in addition to those of the language
/// (<https://argo-workflows.readthedocs.io/en/latest/retries/#conditional-retries>).
pub(crate) fn retries(expression: &str, code: i64, status: &str) -> bool {
    let mut environment = expr::Environment::new();
    environment.add_function("asInt", |call| {
        let text = call.args.first().and_then(expr::Value::as_string).expect("a text");
        Ok(text.parse::<i64>().expect("a number").into())
    });
    let last = [("exitCode", code.to_string()), ("status", status.to_owned())];
    let last = last.map(|(name, text)| (name.to_owned(), expr::Value::from(text)));
    let mut context = expr::Context::default();
    context.insert("lastRetry".to_owned(), expr::Value::from_iter(last));
    let wanted = environment.eval(expression, &context).expect("an expression");
    wanted.as_bool().expect("true or false")
}

/// What stands in a text in place of `{{…}}`, by name.
pub(crate) type Scope = Map<String, Value>;

/// A text with its variables filled in, as Argo does it.
pub(crate) fn fill(text: &str, scope: &Scope) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or_else(|| panic!("`{text}` has no end"));
        let value = scope.get(name).unwrap_or_else(|| panic!("nothing fills {{{{{name}}}}} in `{text}`"));
        filled.push_str(before);
        filled.push_str(value.as_str().expect("a text"));
        rest = after;
    }
    filled.push_str(rest);
    // It would be filled again: first the workflow, then the template, then the pod.
    assert!(!filled.contains("{{"), "`{filled}` is filled again");
    filled
}

/// A text as the kubelet makes it of an argument or a value: `$(NAME)` is the value of a variable that was set before,
/// `$$` is `$` (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#entrypoint>).
pub(crate) fn expand(text: &str, environment: &[(String, String)]) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let named = after.strip_prefix('(').and_then(|name| name.split_once(')'));
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = named
            && let Some((_, value)) = environment.iter().rev().find(|(own, _)| own == name)
        {
            expanded.push_str(value);
            rest = after;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded + rest
}

/// Config maps and secrets of the cluster.
#[derive(Default)]
pub(crate) struct Objects {
    /// By `object/key`.
    pub(crate) config_maps: Map<String, Value>,
    /// By `object/key`.
    pub(crate) secrets: Map<String, Value>,
}

impl Objects {
    /// A container's environment. As for the kubelet, a reference to what does not exist is an error.
    pub(crate) fn environment(&self, container: &Value, scope: &Scope) -> Vec<(String, String)> {
        let mut environment: Vec<(String, String)> = Vec::new();
        for from in list(&container["envFrom"]) {
            let prefix = format!("{}/", text(&from["configMapRef"]["name"]));
            let keys =
                self.config_maps.iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value)));
            environment.extend(keys.map(|(key, value)| (key.to_owned(), text(value).to_owned())));
        }
        for variable in list(&container["env"]) {
            let name = text(&variable["name"]).to_owned();
            let value = match variable["value"].as_str() {
                Some(value) => expand(&fill(value, scope), &environment),
                None => self.referred(&variable["valueFrom"]),
            };
            environment.push((name, value));
        }
        environment
    }

    /// The value that a key of one of them has.
    pub(crate) fn referred(&self, from: &Value) -> String {
        let (map, kind) = match &from["secretKeyRef"] {
            Value::Null => (&self.config_maps, "configMapKeyRef"),
            _ => (&self.secrets, "secretKeyRef"),
        };
        let key = format!("{}/{}", text(&from[kind]["name"]), text(&from[kind]["key"]));
        map.get(&key)
            .map(|value| text(value).to_owned())
            .unwrap_or_else(|| panic!("{kind} {key} does not exist"))
    }
}

/// The definitions of Argo's resources as strict JSON Schema, if they are beside this repository.
pub(crate) fn definitions() -> Option<PathBuf> {
    let path = root().join("../shared/argo/argo-crd-strict.json");
    path.is_file().then_some(path)
}
