//! `argo/openweather-current.yaml`, read as the cluster would.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A YAML file's documents.
pub(crate) fn documents(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join(path)).expect("the file");
    serde_saphyr::from_multiple(&text).expect("YAML")
}

/// The workflow template.
pub(crate) fn workflow() -> Value {
    let mut documents = documents("argo/openweather-current.yaml").into_iter();
    documents.find(|document| document["kind"] == "WorkflowTemplate").expect("a WorkflowTemplate")
}

/// A template of the workflow.
pub(crate) fn template(workflow: &Value, name: &str) -> Value {
    let templates = workflow["spec"]["templates"].as_array().expect("templates");
    templates.iter().find(|template| template["name"] == name).expect("the template").clone()
}

/// The templates that run a container.
pub(crate) fn containers(workflow: &Value) -> Vec<&Value> {
    let templates = workflow["spec"]["templates"].as_array().expect("templates");
    templates.iter().filter(|template| template["container"].is_object()).collect()
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().expect("a list").iter();
    texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
}

/// The component that an image has, and its tag.
pub(crate) fn image(container: &Value) -> (String, String) {
    let name = container["image"].as_str().expect("an image").to_owned();
    let (component, tag) =
        name.strip_prefix("standpipe/").and_then(|name| name.split_once(':')).expect("ours");
    (component.to_owned(), tag.to_owned())
}

/// What the cluster puts in place of `{{…}}` and of references to config maps and secrets.
pub(crate) struct Cluster {
    /// `workflow.uid` and the like.
    pub(crate) variables: Map<String, Value>,
    /// By `object/key`.
    pub(crate) config_maps: Map<String, Value>,
    /// By `object/key`.
    pub(crate) secrets: Map<String, Value>,
}

impl Cluster {
    /// A text with its variables filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        let filled = self.variables.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), value.as_str().expect("a text"))
        });
        assert!(!filled.contains("{{"), "nothing fills {filled}");
        filled
    }

    /// A container's environment. As for the kubelet, a reference to what does not exist is an error unless it is
    /// optional.
    pub(crate) fn environment(&self, container: &Value) -> Vec<(String, String)> {
        let variables = container["env"].as_array().into_iter().flatten();
        variables
            .filter_map(|variable| {
                let name = variable["name"].as_str().expect("a name").to_owned();
                if let Some(value) = variable["value"].as_str() {
                    return Some((name, self.fill(value)));
                }
                let (map, kind) = match &variable["valueFrom"]["secretKeyRef"] {
                    Value::Null => (&self.config_maps, "configMapKeyRef"),
                    _ => (&self.secrets, "secretKeyRef"),
                };
                let reference = &variable["valueFrom"][kind];
                let text = |field: &str| reference[field].as_str().expect("a reference");
                let key = format!("{}/{}", text("name"), text("key"));
                let value = map.get(&key).and_then(Value::as_str).map(str::to_owned);
                assert!(value.is_some() || reference["optional"] == true, "{kind} {key} is not there");
                Some((name, value?))
            })
            .collect()
    }
}

/// The definitions of Argo's resources as strict JSON Schema, if they are beside this repository.
pub(crate) fn definitions() -> Option<PathBuf> {
    let path = root().join("../shared/argo/argo-crd-strict.json");
    path.is_file().then_some(path)
}
