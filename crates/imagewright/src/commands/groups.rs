//! `imagewright groups`: the groups of a server.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::confirm::confirm;
use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags, in_address};
use crate::failure::Failure;
use crate::render::json_fields::{text, time};
use crate::render::{output, table};

/// Look after the groups of a server, and who is in them
#[derive(Debug, Subcommand)]
pub(crate) enum GroupsCommand {
    /// List the groups that you are in; administrators see all
    #[command(visible_alias = "ls")]
    List(ListArguments),
    /// Add a group
    Add(AddArguments),
    /// Change what people read for a group
    Rename(RenameArguments),
    /// Remove a group
    ///
    /// What was offered to it is no longer. A group that owns images is removed only with --images.
    #[command(visible_alias = "rm")]
    Remove(RemoveArguments),
    /// List who is in a group
    Members(MembersArguments),
    /// Put somebody into a group, or change what they may do there
    SetRole(SetRoleArguments),
    /// Take somebody out of a group
    RemoveMember(RemoveMemberArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// Name of the group
    name: String,
    /// What people read
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct RenameArguments {
    /// Name of the group, which stays
    name: String,
    /// What people read from now on [default: the name]
    display_name: Option<String>,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Name of the group
    name: String,
    /// What becomes of the images that it owns: the administrators look after them, or they are removed, too
    #[arg(long, value_name = "WHAT", value_parser = ["system", "delete"])]
    images: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct MembersArguments {
    /// Name of the group
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveMemberArguments {
    #[command(flatten)]
    member: Member,
    #[command(flatten)]
    server: ServerFlags,
}

/// Somebody in a group.
#[derive(Debug, Args)]
pub(crate) struct Member {
    /// Name of the group
    group: String,
    /// The name that somebody logs in with
    person: String,
}

#[derive(Debug, Args)]
pub(crate) struct SetRoleArguments {
    #[command(flatten)]
    member: Member,
    /// Use its images, or look after its images and members
    #[arg(value_parser = ["member", "admin"])]
    role: String,
    #[command(flatten)]
    server: ServerFlags,
}

pub(crate) fn run(global: &Global, command: &GroupsCommand) -> Result<ExitCode, Failure> {
    match command {
        GroupsCommand::List(arguments) => list(global, arguments)?,
        GroupsCommand::Add(arguments) => add(global, arguments)?,
        GroupsCommand::Rename(arguments) => rename(global, arguments)?,
        GroupsCommand::Remove(arguments) => remove(global, arguments)?,
        GroupsCommand::Members(arguments) => members(global, arguments)?,
        GroupsCommand::SetRole(arguments) => set_role(global, arguments)?,
        GroupsCommand::RemoveMember(arguments) => remove_member(global, arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn path_of(group: &str) -> String {
    format!("/groups/{}", in_address(group))
}

fn list(global: &Global, arguments: &ListArguments) -> Result<(), Failure> {
    let groups = Client::open(global, &arguments.server)?.get("/groups")?;
    if arguments.json {
        return Ok(output::json(&groups)?);
    }
    let rows =
        groups.as_array().into_iter().flatten().map(|group| {
            vec![text(&group["name"]), time(&group["created_at"]), text(&group["display_name"])]
        });
    Ok(output::text(&table::draw(&["NAME", "ADDED", "DISPLAY NAME"], rows.collect()))?)
}

fn add(global: &Global, arguments: &AddArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let new = json!({"name": arguments.name, "display_name": arguments.display_name});
    client.post("/groups", &new)?;
    global.say(&format!("added the group `{}`", arguments.name));
    Ok(())
}

fn rename(global: &Global, arguments: &RenameArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let change = json!({"display_name": arguments.display_name});
    client.patch(&path_of(&arguments.name), &change, None)?;
    global.say(&format!("changed the group `{}`", arguments.name));
    Ok(())
}

fn remove(global: &Global, arguments: &RemoveArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let path = path_of(&arguments.name);
    client.get(&path)?;
    let images = if arguments.images.as_deref() == Some("delete") { " and its images" } else { "" };
    confirm(&format!("remove the group `{}`{images}", arguments.name), arguments.yes)?;
    client.delete(Path::new(path).with("images", arguments.images.as_deref()).as_str(), None)?;
    global.say(&format!("removed the group `{}`", arguments.name));
    Ok(())
}

fn members(global: &Global, arguments: &MembersArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let members = client.get(&format!("{}/members", path_of(&arguments.name)))?;
    if arguments.json {
        return Ok(output::json(&members)?);
    }
    let rows =
        members.as_array().into_iter().flatten().map(|member| {
            vec![text(&member["person"]), text(&member["role"]), text(&member["display_name"])]
        });
    Ok(output::text(&table::draw(&["NAME", "ROLE", "DISPLAY NAME"], rows.collect()))?)
}

fn path_of_member(member: &Member) -> String {
    format!("{}/members/{}", path_of(&member.group), in_address(&member.person))
}

fn set_role(global: &Global, arguments: &SetRoleArguments) -> Result<(), Failure> {
    let SetRoleArguments { member, role, server } = arguments;
    let client = Client::open(global, server)?;
    client.put(&path_of_member(member), &json!({"role": role}))?;
    global.say(&format!("`{}` is {role} of `{}`", member.person, member.group));
    Ok(())
}

fn remove_member(global: &Global, arguments: &RemoveMemberArguments) -> Result<(), Failure> {
    let RemoveMemberArguments { member, server } = arguments;
    let client = Client::open(global, server)?;
    client.delete(&path_of_member(member), None)?;
    global.say(&format!("`{}` is no longer in `{}`", member.person, member.group));
    Ok(())
}
