use serde_json::Value;

use super::*;

/// The schema's document.
fn properties() -> Vec<String> {
    let text = include_str!("../../../../schemas/asana.tasks.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_field_of_the_schema_but_the_key_can_be_asked_for() {
    let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(names, properties()[2..]);
    assert_eq!(properties()[..2], ["gid", "fetched_at"]);
}

#[test]
fn a_task_of_several_projects_is_the_same_record_in_each() {
    let reply = br#"{"data":[{"gid":"1","memberships":[
        {"project":{"gid":"9"},"section":{"gid":"90","name":"x"}},
        {"project":{"gid":"2","name":"Two"},"section":{"gid":"20","name":"To do"}},
        {"project":{"gid":"1","name":"One"},"section":null}]}]}"#;
    let of = |projects: &[&str], project: &str| {
        let projects: Vec<String> = projects.iter().map(|gid| (*gid).to_owned()).collect();
        let task = tasks(&projects, project, Timestamp::UNIX_EPOCH, reply).unwrap().remove(0);
        (task.project_gid, task.project_name.unwrap_or_default(), task.section_name.unwrap_or_default())
    };
    let (one, two) = (("1".into(), "One".into(), String::new()), ("2".into(), "Two".into(), "To do".into()));
    assert_eq!(of(&["2", "1"], "2"), two);
    assert_eq!(of(&["2", "1"], "1"), two);
    assert_eq!(of(&["1", "2"], "2"), one);
    // It was moved away between two requests, or the token may not see where it is.
    assert_eq!(of(&["7"], "7"), ("7".into(), String::new(), String::new()));
}
