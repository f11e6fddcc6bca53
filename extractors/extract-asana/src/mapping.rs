//! Reply → records, as pure functions: no network, no clock.
//!
//! The replies are those of <https://developers.asana.com/reference/gettasks>. What was not asked for with `opt_fields`
//! is not in a reply, and is null in its record.

mod field;

use etl_component::{Class, Fault};
use etl_http::json::{self, Number, Object, Shape};
use etl_http::{Reply, Verdict, quote};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::value::RawValue;

pub(crate) use field::FIELDS;

/// How the message of the 400 begins that follows when a page is asked for more than 15 minutes after the one before.
const EXPIRED: &str = "offset: Your pagination token has expired";

/// A record, with the fields of the schema `asana.tasks` in their order.
#[derive(Debug, Serialize)]
pub(crate) struct Task<'a> {
    pub(crate) gid: String,
    fetched_at: Timestamp,
    name: Option<String>,
    resource_subtype: Option<String>,
    approval_status: Option<String>,
    completed: Option<bool>,
    completed_at: Option<Timestamp>,
    created_at: Option<Timestamp>,
    pub(crate) modified_at: Option<Timestamp>,
    start_on: Option<Date>,
    start_at: Option<Timestamp>,
    due_on: Option<Date>,
    due_at: Option<Timestamp>,
    assignee_gid: Option<String>,
    assignee_name: Option<String>,
    assignee_status: Option<String>,
    project_gid: String,
    project_name: Option<String>,
    section_gid: Option<String>,
    section_name: Option<String>,
    parent_gid: Option<String>,
    parent_name: Option<String>,
    workspace_gid: Option<String>,
    num_likes: Option<i64>,
    num_subtasks: Option<i64>,
    actual_time_minutes: Option<Number<'a>>,
    permalink_url: Option<String>,
    notes: Option<String>,
    html_notes: Option<String>,
    memberships: Option<Box<RawValue>>,
    tags: Option<Box<RawValue>>,
    followers: Option<Box<RawValue>>,
    custom_fields: Option<Box<RawValue>>,
}

/// The tasks of a page, which was asked for as a page of `project`, one of the `projects` of the run.
///
/// # Errors
/// 76 if the reply has another shape than documented; the message names the field.
pub(crate) fn tasks<'a>(
    projects: &[String],
    project: &str,
    fetched_at: Timestamp,
    reply: &'a [u8],
) -> Result<Vec<Task<'a>>, Fault> {
    let tasks = json::object(reply).and_then(|reply| reply.list("data"));
    let tasks = tasks.and_then(|tasks| {
        tasks.iter().map(|task| self::task(projects, project, fetched_at, task)).collect::<Shape<Vec<_>>>()
    });
    tasks.map_err(|mismatch| mismatch.in_reply_to("tasks"))
}

fn task<'a>(projects: &[String], project: &str, fetched_at: Timestamp, task: &Object<'a>) -> Shape<Task<'a>> {
    let (assignee, parent) = (task.object("assignee")?, task.object("parent")?);
    let member = membership(projects, project, task)?;
    Ok(Task {
        gid: task.required("gid", Object::text)?,
        fetched_at,
        name: task.text("name")?,
        resource_subtype: task.text("resource_subtype")?,
        approval_status: task.text("approval_status")?,
        completed: task.boolean("completed")?,
        completed_at: task.date_time("completed_at")?,
        created_at: task.date_time("created_at")?,
        modified_at: task.date_time("modified_at")?,
        start_on: task.date("start_on")?,
        start_at: task.date_time("start_at")?,
        due_on: task.date("due_on")?,
        due_at: task.date_time("due_at")?,
        assignee_gid: assignee.text("gid")?,
        assignee_name: assignee.text("name")?,
        assignee_status: task.text("assignee_status")?,
        project_gid: member.project_gid,
        project_name: member.project_name,
        section_gid: member.section_gid,
        section_name: member.section_name,
        parent_gid: parent.text("gid")?,
        parent_name: parent.text("name")?,
        workspace_gid: task.object("workspace")?.text("gid")?,
        num_likes: task.integer("num_likes")?,
        num_subtasks: task.integer("num_subtasks")?,
        actual_time_minutes: task.number("actual_time_minutes")?,
        permalink_url: task.text("permalink_url")?,
        notes: task.text("notes")?,
        html_notes: task.text("html_notes")?,
        memberships: task.any("memberships")?,
        tags: task.any("tags")?,
        followers: task.any("followers")?,
        custom_fields: task.any("custom_fields")?,
    })
}

/// A project that a task is in, and where in it.
#[derive(Default)]
struct Membership {
    project_gid: String,
    project_name: Option<String>,
    section_gid: Option<String>,
    section_name: Option<String>,
}

/// The membership in the first of the projects asked for that the task is in: of a task of several projects, each of
/// them makes the same record.
fn membership(projects: &[String], project: &str, task: &Object<'_>) -> Shape<Membership> {
    let mut first = (projects.len(), Membership { project_gid: project.to_owned(), ..Membership::default() });
    for member in task.list_or_empty("memberships")? {
        let (at, section) = (member.object("project")?, member.object("section")?);
        let Some(project_gid) = at.text("gid")? else { continue };
        let rank = projects.iter().position(|project| *project == project_gid);
        if let Some(rank) = rank.filter(|rank| *rank < first.0) {
            let (project_name, section_gid) = (at.text("name")?, section.text("gid")?);
            let section_name = section.text("name")?;
            first = (rank, Membership { project_gid, project_name, section_gid, section_name });
        }
    }
    Ok(first.1)
}

/// The offset of the next page, which the last one says as null; where no limit was sent, there is none.
pub(crate) fn next_offset(reply: &Reply) -> Shape<Option<String>> {
    // A reply that is something else is refused by [`tasks`].
    let Ok(page) = json::object(&reply.body) else { return Ok(None) };
    let next = page.raw("next_page").map(|_| page.object("next_page")?.required("offset", Object::text));
    next.transpose()
}

/// Whether the offset that was asked for is too old.
pub(crate) fn is_expired(reply: &Reply) -> bool {
    reply.status == 400 && errors(reply).iter().any(|error| error.message.starts_with(EXPIRED))
}

/// What the API says of itself: a list of errors with messages.
pub(crate) fn judge(reply: &Reply) -> Option<Verdict> {
    // These are the status and no more; the common rules know what a server's own trouble and a limit are.
    let class = match reply.status {
        400 if is_expired(reply) => return Some(Verdict::Accept),
        401 | 403 | 451 => Class::Denied,
        400 | 402 | 404 => Class::Config,
        _ => return None,
    };
    let said: Vec<String> = errors(reply).into_iter().map(|error| error.message).collect();
    if said.is_empty() {
        return None;
    }
    let hint = match reply.status {
        401 => " (ASANA_TOKEN is not a token that Asana knows)",
        402 => " (the workspace's plan has no such data)",
        403 => " (the owner of ASANA_TOKEN needs access)",
        404 => " (or the owner of ASANA_TOKEN may not see it)",
        _ => "",
    };
    Some(Verdict::Fail { class, message: format!("{}: {}{hint}", reply.status, quote(&said.join("; "))) })
}

/// What Asana's support finds a failure of its servers by.
pub(crate) fn phrase(reply: &Reply) -> Option<String> {
    errors(reply).into_iter().find_map(|error| error.phrase).map(|phrase| quote(&phrase))
}

struct Said {
    message: String,
    phrase: Option<String>,
}

/// The errors of a reply; none if it is another kind of reply.
fn errors(reply: &Reply) -> Vec<Said> {
    let read = || {
        let errors = json::object(&reply.body)?.list_or_empty("errors")?;
        let said = errors.iter().map(|error| {
            Ok(Said { message: error.text("message")?.unwrap_or_default(), phrase: error.text("phrase")? })
        });
        said.collect::<Shape<Vec<Said>>>()
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests;
