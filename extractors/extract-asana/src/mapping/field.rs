//! What the API calls the fields of the schema.

/// A field that can be asked for.
pub(crate) struct Field {
    /// Its name in the schema.
    pub(crate) name: &'static str,
    /// What it takes in `opt_fields`.
    pub(crate) opt_fields: &'static [&'static str],
    /// Whether it is asked for where nobody says what is.
    pub(crate) by_default: bool,
    /// Whether it is always asked for: a run could not read on without it.
    pub(crate) always: bool,
}

const fn field(name: &'static str, opt_fields: &'static [&'static str]) -> Field {
    Field { name, opt_fields, by_default: true, always: false }
}

/// In the order of the schema.
pub(crate) const FIELDS: &[Field] = &[
    field("name", &["name"]),
    field("resource_subtype", &["resource_subtype"]),
    field("approval_status", &["approval_status"]),
    field("completed", &["completed"]),
    field("completed_at", &["completed_at"]),
    field("created_at", &["created_at"]),
    Field { always: true, ..field("modified_at", &["modified_at"]) },
    field("start_on", &["start_on"]),
    field("start_at", &["start_at"]),
    field("due_on", &["due_on"]),
    field("due_at", &["due_at"]),
    field("assignee_gid", &["assignee.gid"]),
    field("assignee_name", &["assignee.name"]),
    field("assignee_status", &["assignee_status"]),
    // Of a task in several projects, the first one asked for is found by this.
    Field { always: true, ..field("project_gid", &["memberships.project.gid"]) },
    field("project_name", &["memberships.project.name"]),
    field("section_gid", &["memberships.section.gid"]),
    field("section_name", &["memberships.section.name"]),
    field("parent_gid", &["parent.gid"]),
    field("parent_name", &["parent.name"]),
    field("workspace_gid", &["workspace.gid"]),
    field("num_likes", &["num_likes"]),
    field("num_subtasks", &["num_subtasks"]),
    field("actual_time_minutes", &["actual_time_minutes"]),
    field("permalink_url", &["permalink_url"]),
    field("notes", &["notes"]),
    Field { by_default: false, ..field("html_notes", &["html_notes"]) },
    field(
        "memberships",
        &[
            "memberships.project.gid",
            "memberships.project.name",
            "memberships.section.gid",
            "memberships.section.name",
        ],
    ),
    field("tags", &["tags.gid", "tags.name"]),
    field("followers", &["followers.gid", "followers.name"]),
    field(
        "custom_fields",
        &[
            "custom_fields.gid",
            "custom_fields.name",
            "custom_fields.resource_subtype",
            "custom_fields.display_value",
            "custom_fields.text_value",
            "custom_fields.number_value",
            "custom_fields.enum_value.gid",
            "custom_fields.enum_value.name",
            "custom_fields.multi_enum_values.gid",
            "custom_fields.multi_enum_values.name",
            "custom_fields.date_value",
            "custom_fields.people_value.gid",
            "custom_fields.people_value.name",
        ],
    ),
];
