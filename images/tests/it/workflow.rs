//! A workflow run as Argo runs it, with Docker for a cluster: only its manifest says which images run, with which
//! commands and environments, what they hand over, and when a step is tried again.

use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use etl_testkit::docker::Lab;
use etl_testkit::run::{Folder, Ran};
use serde_json::{Map, Value, json};

use crate::image;
use crate::manifest::{Objects, Scope, expand, fill, list, retries, template, text, texts};

/// What runs workflows.
pub(crate) struct Argo<'l> {
    pub(crate) lab: &'l Lab,
    /// The network of the pods, as `docker run` names it.
    pub(crate) network: String,
    pub(crate) objects: Objects,
    /// Variables that all pods have: where the world outside is played.
    pub(crate) outside: Vec<(&'static str, String)>,
    /// What becomes of an artifact on its way.
    pub(crate) spoil: Option<fn(Vec<u8>) -> Vec<u8>>,
}

/// How a run was started.
pub(crate) enum Start<'s> {
    /// By the CronWorkflow, for this time.
    Scheduled(&'s str),
    /// By hand, with these parameters.
    ByHand(&'s [(&'s str, &'s str)]),
}

/// A try of a template.
#[derive(Debug)]
pub(crate) struct Try {
    pub(crate) template: String,
    pub(crate) ran: Ran,
}

/// A workflow that has ended.
pub(crate) struct Ended {
    pub(crate) status: &'static str,
    pub(crate) tries: Vec<Try>,
    /// What was stored, by key.
    pub(crate) artifacts: Vec<(String, Vec<u8>)>,
}

impl Ended {
    /// The tries of a template.
    pub(crate) fn of(&self, template: &str) -> Vec<&Ran> {
        self.tries.iter().filter(|one| one.template == template).map(|one| &one.ran).collect()
    }
}

/// What a template was given, and what it handed on.
#[derive(Clone, Default)]
struct Values {
    parameters: Scope,
    /// The files of artifacts.
    artifacts: Map<String, Value>,
}

/// Why a template failed, as Argo calls it.
type Failed = &'static str;

struct Run<'r> {
    argo: &'r Argo<'r>,
    workflow: &'r Value,
    globals: Scope,
    store: Folder,
    ended: RefCell<(Vec<Try>, Vec<String>)>,
}

impl Argo<'_> {
    /// Runs a workflow with its exit handler.
    ///
    /// # Errors
    /// What Argo says of a run that it does not start.
    pub(crate) fn run(&self, documents: &[Value], uid: &str, start: &Start<'_>) -> Result<Ended, String> {
        let workflow = &documents[0];
        let name = text(&workflow["metadata"]["name"]);
        let mut globals = Scope::new();
        globals.insert("workflow.uid".to_owned(), uid.into());
        globals.insert("workflow.name".to_owned(), format!("{name}-{uid}").into());
        let mut given: Vec<(String, String)> = Vec::new();
        match start {
            Start::Scheduled(time) => {
                globals.insert("workflow.scheduledTime".to_owned(), (*time).into());
                let spec = &documents[1]["spec"]["workflowSpec"];
                assert_eq!(spec["workflowTemplateRef"]["name"], name);
                let parameters = list(&spec["arguments"]["parameters"]).iter();
                given.extend(
                    parameters.map(|one| (text(&one["name"]).to_owned(), text(&one["value"]).to_owned())),
                );
            }
            Start::ByHand(parameters) => {
                given
                    .extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            }
        }
        for parameter in list(&workflow["spec"]["arguments"]["parameters"]) {
            let name = text(&parameter["name"]);
            let own = given.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
            let Some(value) = own.or(parameter["value"].as_str()) else {
                return Err(format!(
                    "spec.arguments.{name}.value or spec.arguments.{name}.valueFrom is required"
                ));
            };
            let value = fill(value, &globals);
            globals.insert(format!("workflow.parameters.{name}"), value.into());
        }
        let ended = RefCell::default();
        let mut run = Run { argo: self, workflow, globals, store: Folder::new(), ended };
        let entrypoint = text(&workflow["spec"]["entrypoint"]);
        let status = run.execute(entrypoint, &Values::default()).err().unwrap_or("Succeeded");
        run.globals.insert("workflow.status".to_owned(), status.into());
        run.globals.insert("workflow.failures".to_owned(), run.failures().into());
        if let Some(handler) = workflow["spec"]["onExit"].as_str() {
            run.execute(handler, &Values::default()).unwrap_or_else(|failed| panic!("{handler}: {failed}"));
        }
        let (tries, keys) = run.ended.into_inner();
        let artifacts = keys.into_iter().enumerate();
        let read = |(n, key): (usize, String)| {
            (key, fs::read(run.store.path(&n.to_string())).expect("it was stored"))
        };
        Ok(Ended { status, tries, artifacts: artifacts.map(read).collect() })
    }
}

impl Run<'_> {
    /// A text that is JSON, in which there is a list of what failed.
    fn failures(&self) -> String {
        let ended = self.ended.borrow();
        let failed = ended.0.iter().filter(|one| one.ran.code != 0).map(|one| {
            let message = format!("main: Error (exit code {})", one.ran.code);
            json!({ "displayName": one.template, "templateName": one.template, "message": message, "phase": "Failed" })
        });
        Value::from(Value::from(failed.collect::<Vec<_>>()).to_string()).to_string()
    }

    fn execute(&self, name: &str, given: &Values) -> Result<Values, Failed> {
        let template = template(self.workflow, name);
        let mut inputs = Values::default();
        for parameter in list(&template["inputs"]["parameters"]) {
            let name = text(&parameter["name"]);
            let value = given.parameters.get(name).unwrap_or_else(|| panic!("no parameter {name}"));
            inputs.parameters.insert(name.to_owned(), value.clone());
        }
        for artifact in list(&template["inputs"]["artifacts"]) {
            let name = text(&artifact["name"]);
            let file = given.artifacts.get(name).unwrap_or_else(|| panic!("no artifact {name}"));
            inputs.artifacts.insert(name.to_owned(), file.clone());
        }
        let mut scope = self.globals.clone();
        for (name, value) in &inputs.parameters {
            scope.insert(format!("inputs.parameters.{name}"), value.clone());
        }
        match (template["dag"].as_object(), template["steps"].as_array()) {
            (Some(_), None) => self.dag(&template["dag"], &scope),
            (None, Some(groups)) => self.steps(groups, &scope),
            _ => self.pod(template, &inputs, scope),
        }
    }

    /// A DAG, whose tasks stand in an order in which they can be run.
    fn dag(&self, dag: &Value, scope: &Scope) -> Result<Values, Failed> {
        let mut scope = scope.clone();
        let mut succeeded: Vec<&str> = Vec::new();
        let mut result = Ok(Values::default());
        for task in list(&dag["tasks"]) {
            let name = text(&task["name"]);
            let depends =
                task["depends"].as_str().map(|on| on.strip_suffix(".Succeeded").expect("a success"));
            if depends.is_some_and(|on| !succeeded.contains(&on)) {
                continue;
            }
            let ended = match task["withItems"].as_array() {
                None => self.call(task, &scope),
                Some(items) => {
                    let mut ended = Ok(Values::default());
                    for item in items {
                        if ended.is_err() && dag["failFast"] != false {
                            break;
                        }
                        let mut scope = scope.clone();
                        for (key, value) in item.as_object().expect("a map") {
                            scope.insert(format!("item.{key}"), text(value).into());
                        }
                        let own = self.call(task, &scope).map(|_| Values::default());
                        ended = ended.and(own);
                    }
                    ended
                }
            };
            match ended {
                Ok(outputs) => {
                    succeeded.push(name);
                    for (artifact, file) in outputs.artifacts {
                        scope.insert(format!("tasks.{name}.outputs.artifacts.{artifact}"), file);
                    }
                }
                Err(failed) => result = Err(failed),
            }
        }
        result
    }

    /// Groups of steps, one after the other.
    fn steps(&self, groups: &[Value], scope: &Scope) -> Result<Values, Failed> {
        for step in groups.iter().flat_map(list) {
            if let Some(when) = step["when"].as_str() {
                let when = fill(when, scope);
                let (left, right) = when.split_once(" != ").expect("a comparison");
                if left == right {
                    continue;
                }
            }
            self.call(step, scope)?;
        }
        Ok(Values::default())
    }

    fn call(&self, task: &Value, scope: &Scope) -> Result<Values, Failed> {
        let mut given = Values::default();
        for parameter in list(&task["arguments"]["parameters"]) {
            let value = fill(text(&parameter["value"]), scope);
            given.parameters.insert(text(&parameter["name"]).to_owned(), value.into());
        }
        for artifact in list(&task["arguments"]["artifacts"]) {
            let file = fill(text(&artifact["from"]), scope);
            given.artifacts.insert(text(&artifact["name"]).to_owned(), file.into());
        }
        self.execute(text(&task["template"]), &given)
    }

    /// A pod, and another one as long as the template wants it.
    fn pod(&self, template: &Value, inputs: &Values, mut scope: Scope) -> Result<Values, Failed> {
        let strategy = &template["retryStrategy"];
        let limit = strategy["limit"].as_u64().unwrap_or(0);
        let mut tries = 0;
        loop {
            let (name, workflow) = (text(&template["name"]), text(&scope["workflow.name"]));
            let pod = format!("{workflow}-{name}-{}", self.ended.borrow().0.len());
            scope.insert("pod.name".to_owned(), pod.into());
            let (code, ended) = self.try_once(template, inputs, &scope);
            let failed = match ended {
                Ok(outputs) => return Ok(outputs),
                Err(failed) => failed,
            };
            tries += 1;
            let again = strategy["expression"].as_str().is_some_and(|wanted| retries(wanted, code, failed));
            if tries > limit || !again {
                return Err(failed);
            }
        }
    }

    fn try_once(&self, template: &Value, inputs: &Values, scope: &Scope) -> (i64, Result<Values, Failed>) {
        let volumes = Volumes::new(template);
        let mut mounts = volumes.mounts.clone();
        for artifact in list(&template["inputs"]["artifacts"]) {
            let (path, name) = (text(&artifact["path"]), text(&artifact["name"]));
            assert!(volumes.file(path).is_none(), "{path} would be hidden by a volume");
            mounts.push((PathBuf::from(text(&inputs.artifacts[name])), path.to_owned()));
        }
        let ran = self.argo.container(&template["container"], scope, &mounts);
        let code = i64::from(ran.code);
        self.ended.borrow_mut().0.push(Try { template: text(&template["name"]).to_owned(), ran });
        if code != 0 {
            return (code, Err("Failed"));
        }
        let mut outputs = Values::default();
        for artifact in list(&template["outputs"]["artifacts"]) {
            let path = text(&artifact["path"]);
            let file = volumes
                .file(path)
                .unwrap_or_else(|| panic!("Argo cannot collect {path}: it is in no volume"));
            assert_eq!(artifact["archive"], json!({ "none": {} }));
            let mut ended = self.ended.borrow_mut();
            let stored = self.store.path(&ended.1.len().to_string());
            let Ok(whole) = fs::read(file) else { return (code, Err("Error")) };
            let arrives = match self.argo.spoil {
                Some(spoil) => spoil(whole),
                None => whole,
            };
            fs::write(&stored, arrives).expect("the store is writable");
            // The next pod is another user to the kernel of this machine.
            fs::set_permissions(&stored, Permissions::from_mode(0o644)).expect("it is ours");
            let key = fill(text(&artifact["s3"]["key"]), scope);
            assert!(!ended.1.contains(&key), "{key} would be replaced");
            ended.1.push(key);
            let stored = stored.to_string_lossy().into_owned();
            outputs.artifacts.insert(text(&artifact["name"]).to_owned(), stored.into());
        }
        (code, Ok(outputs))
    }
}

impl Argo<'_> {
    /// Runs a container to its end, as the kubelet would.
    fn container(&self, container: &Value, scope: &Scope, mounts: &[(PathBuf, String)]) -> Ran {
        let mut environment = self.objects.environment(container, scope);
        environment.extend(self.outside.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let security = &container["securityContext"];
        let mut args =
            vec![format!("--user={0}:{0}", security["runAsUser"]), format!("--network={}", self.network)];
        if security["readOnlyRootFilesystem"] == true {
            args.push("--read-only".to_owned());
        }
        if security["allowPrivilegeEscalation"] == false {
            args.push("--security-opt=no-new-privileges".to_owned());
        }
        args.extend(texts(&security["capabilities"]["drop"]).iter().map(|one| format!("--cap-drop={one}")));
        let memory = text(&container["resources"]["limits"]["memory"]);
        args.push(format!("--memory={}m", memory.strip_suffix("Mi").expect("MiB")));
        for (host, path) in mounts {
            args.extend(["-v".to_owned(), format!("{}:{path}", host.display())]);
        }
        for (name, value) in &environment {
            args.extend(["-e".to_owned(), format!("{name}={value}")]);
        }
        let words = texts(&container["command"]).into_iter().chain(texts(&container["args"]));
        let words: Vec<String> = words.map(|word| expand(&fill(&word, scope), &environment)).collect();
        let name = text(&container["image"]);
        let ours = name.strip_prefix("standpipe/").and_then(|name| name.split_once(':'));
        let name = ours.map_or(name.to_owned(), |(component, _)| image(component));
        args.extend(["--entrypoint".to_owned(), words[0].clone(), name]);
        args.extend_from_slice(&words[1..]);
        self.lab.run(&args)
    }
}

/// The empty folders of a pod, which every user may write to.
struct Volumes {
    _folder: Folder,
    mounts: Vec<(PathBuf, String)>,
}

impl Volumes {
    fn new(template: &Value) -> Volumes {
        let folder = Folder::new();
        fs::set_permissions(folder.path(""), Permissions::from_mode(0o755)).expect("it is ours");
        let mount = |mount: &Value| {
            let name = text(&mount["name"]);
            let volume = list(&template["volumes"]).iter().find(|volume| volume["name"] == name);
            assert!(
                volume.is_some_and(|volume| volume["emptyDir"].is_object()),
                "{name} is not an empty folder"
            );
            let host = folder.path(name);
            fs::create_dir(&host).expect("it is new");
            fs::set_permissions(&host, Permissions::from_mode(0o777)).expect("it is ours");
            (host, text(&mount["mountPath"]).to_owned())
        };
        let mounts = list(&template["container"]["volumeMounts"]).iter().map(mount).collect();
        Volumes { _folder: folder, mounts }
    }

    /// Where a container's file is outside of it, if it is in one of them.
    fn file(&self, path: &str) -> Option<PathBuf> {
        let inside =
            |(host, mount): &(PathBuf, String)| Some(host.join(Path::new(path).strip_prefix(mount).ok()?));
        self.mounts.iter().find_map(inside)
    }
}
