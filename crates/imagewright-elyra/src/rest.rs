//! Elyra's REST interface to runtime images, without a server: a request in, a response out.
//!
//! Who may ask is decided before. What Elyra answers with 500 although the request is to blame is answered with 4xx.

use crate::error::MetadataError;
use crate::json::{Object, Value};
use crate::problem::ErrorClass;
use crate::record::Record;
use crate::records::{Records, State};
use crate::{SCHEMA, SCHEMASPACE, SCHEMASPACE_ID, read, schema};

/// A description of the interface for programs.
const OPENAPI: &str = include_str!("openapi.yaml");

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST` and so on.
    pub method: &'a str,
    /// The path as it came, base of the server included, without the query; nothing here looks at queries.
    pub path: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// Answers requests.
#[derive(Clone, Debug)]
pub struct Router {
    records: Records,
    base: String,
}

/// An error on its way to being a response.
struct Refusal {
    status: u16,
    message: String,
}

/// What a path names.
enum Resource<'a> {
    Description,
    Schemaspaces,
    Schemaspace(&'a str),
    Schemas(&'a str),
    Schema(&'a str, &'a str),
    Records(&'a str),
    Record(&'a str, &'a str),
}

impl Router {
    /// For a server whose paths all begin with `base`.
    pub fn new(records: Records, base: &str) -> Self {
        Self { records, base: base.trim_end_matches('/').to_owned() }
    }

    /// Answers one request. `now` stands in error messages: `YYYY-MM-DD HH:MM:SS`.
    pub fn handle(&self, request: Request<'_>, now: &str) -> Response {
        let answer = match request.path.strip_prefix(&self.base).and_then(resource) {
            Some(resource) => self.answer(request, &resource),
            None => Err(Refusal { status: 404, message: String::new() }),
        };
        answer.unwrap_or_else(|refusal| refusal.response(now))
    }

    fn answer(&self, request: Request<'_>, resource: &Resource<'_>) -> Result<Response, Refusal> {
        match (request.method, resource) {
            ("GET", Resource::Description) => Ok(Response {
                status: 200,
                headers: vec![("Content-Type", "text/x-yaml".to_owned())],
                body: OPENAPI.to_owned(),
            }),
            ("GET", Resource::Schemaspaces) => {
                Ok(json(200, &one("schemaspaces", Value::List(vec![SCHEMASPACE.into()]))))
            }
            ("GET", Resource::Schemaspace(space)) => known(space, 404).map(|()| json(200, &schemaspace())),
            ("GET", Resource::Schemas(space)) => {
                known(space, 404).map(|()| json(200, &one(space, Value::List(vec![schema::document()]))))
            }
            ("GET", Resource::Schema(space, name)) => {
                known(space, 404)?;
                match *name {
                    SCHEMA => Ok(json(200, &schema::document())),
                    _ => Err(Refusal {
                        status: 404,
                        message: format!(
                            "No such schema named '{name}' was found in the {space} schemaspace."
                        ),
                    }),
                }
            }
            ("GET", Resource::Records(space)) => {
                known(space, 400)?;
                let listing = self.records.list();
                let all =
                    listing.records().into_iter().map(|record| Value::Object(record.to_object())).collect();
                Ok(json(200, &one(space, Value::List(all))))
            }
            ("POST", Resource::Records(space)) => {
                known(space, 400).and_then(|()| self.create(space, request.body))
            }
            ("GET", Resource::Record(space, name)) => {
                known(space, 400)?;
                let (record, _) = self.records.get(name).map_err(|error| refused(&error))?;
                Ok(json(200, &Value::Object(record.to_object())))
            }
            ("PUT", Resource::Record(space, name)) => {
                known(space, 400).and_then(|()| self.put(name, request.body))
            }
            ("DELETE", Resource::Record(space, name)) => known(space, 400).and_then(|()| self.delete(name)),
            _ => Err(Refusal { status: 405, message: String::new() }),
        }
    }

    fn create(&self, space: &str, body: &[u8]) -> Result<Response, Refusal> {
        let body = object(body)?;
        for field in ["schema_name", "metadata"] {
            if !body.contains_key(field) {
                let message = format!("Insufficient information - '{field}' is missing from request body.");
                return Err(bad(message));
            }
        }
        if !body.contains_key("name") && !body.contains_key("display_name") {
            let fields = "['name', 'display_name']";
            let message =
                format!("Insufficient information - request body requires one of the following: {fields}.");
            return Err(bad(message));
        }
        let name = match body.get("name") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name.as_str()),
            Some(_) => return Err(refused(&MetadataError::Name)),
        };
        let display_name = body.get("display_name").and_then(Value::as_str).unwrap_or_default();
        let name = Records::name_for(name, display_name).map_err(|error| refused(&error))?;
        let record = Record::from_object(&name, body);
        self.records.create(&record).map_err(missing_schema)?;
        let mut response = json(201, &Value::Object(record.to_object()));
        response.headers.push(("Location", format!("{}/elyra/metadata/{space}/{name}", self.base)));
        Ok(response)
    }

    fn put(&self, name: &str, body: &[u8]) -> Result<Response, Refusal> {
        let body = object(body)?;
        let (_, entry) = self.records.get(name).map_err(|error| refused(&error))?;
        if let Some(other) = body.get("name").filter(|other| other.as_str() != Some(name)) {
            let other = other.as_str().map_or_else(|| other.repr(), str::to_owned);
            return Err(bad(format!(
                "The attempt to rename instance '{name}' to '{other}' is not supported."
            )));
        }
        let record = Record::from_object(name, body);
        self.records.update(&record, &entry.version()).map_err(missing_schema)?;
        Ok(json(200, &Value::Object(record.to_object())))
    }

    fn delete(&self, name: &str) -> Result<Response, Refusal> {
        let entry = self.records.find(name).map_err(|error| refused(&error))?;
        match &entry.state {
            State::Unreadable(problem) => return Err(bad(problem.message.clone())),
            State::Invalid(_, problem) if problem.class != ErrorClass::ValidationError => {
                return Err(bad(problem.message.clone()));
            }
            _ => (),
        }
        self.records.remove(name).map_err(|error| refused(&error))?;
        Ok(Response { status: 204, headers: Vec::new(), body: String::new() })
    }
}

/// What a path names, where it names something.
fn resource(path: &str) -> Option<Resource<'_>> {
    let word = |text: &&str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    };
    let parts: Vec<&str> = path.strip_prefix("/elyra/")?.split('/').collect();
    if !parts.iter().all(word) {
        return None;
    }
    match parts[..] {
        ["elyra.yaml"] => Some(Resource::Description),
        ["schemaspace"] => Some(Resource::Schemaspaces),
        ["schemaspace", space] => Some(Resource::Schemaspace(space)),
        ["schema", space] => Some(Resource::Schemas(space)),
        ["schema", space, name] => Some(Resource::Schema(space, name)),
        ["metadata", space] => Some(Resource::Records(space)),
        ["metadata", space, name] => Some(Resource::Record(space, name)),
        _ => None,
    }
}

fn known(space: &str, status: u16) -> Result<(), Refusal> {
    if space.eq_ignore_ascii_case(SCHEMASPACE) || space.eq_ignore_ascii_case(SCHEMASPACE_ID) {
        return Ok(());
    }
    let message = format!(
        "The schemaspace name or id '{space}' is not in the list of valid schemaspaces: '['{SCHEMASPACE}']'!"
    );
    Err(Refusal { status, message })
}

fn schemaspace() -> Value {
    let pairs = [
        ("name", SCHEMASPACE),
        ("id", SCHEMASPACE_ID),
        ("display_name", "Runtime Images"),
        ("description", "Schemaspace for instances of Elyra runtime images configurations"),
    ];
    Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect())
}

fn object(body: &[u8]) -> Result<Object, Refusal> {
    match read::value(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(bad("Invalid JSON in body of request".to_owned())),
    }
}

fn one(key: &str, value: Value) -> Value {
    Value::Object(Object::from_iter([(key.to_owned(), value)]))
}

fn json(status: u16, value: &Value) -> Response {
    // Tornado escapes this, so that the text may stand in a page.
    let body = value.to_line().replace("</", "<\\/");
    Response { status, headers: vec![("Content-Type", "application/json".to_owned())], body }
}

fn bad(message: String) -> Refusal {
    Refusal { status: 400, message }
}

/// An error of a record that is there, or of a name.
fn refused(error: &MetadataError) -> Refusal {
    let status = match error {
        MetadataError::NotFound(_) => 404,
        MetadataError::NotPermitted(_) | MetadataError::FullFolder(_) => 403,
        MetadataError::Exists { .. } | MetadataError::Changed(_) => 409,
        MetadataError::Io { .. } => 500,
        _ => 400,
    };
    Refusal { status, message: error.to_string() }
}

/// An error of a record that is given: one with an unknown schema names something that is not found.
fn missing_schema(error: MetadataError) -> Refusal {
    match error {
        MetadataError::Problem(problem) if problem.class == ErrorClass::SchemaNotFoundError => {
            Refusal { status: 404, message: problem.message }
        }
        error => refused(&error),
    }
}

impl Refusal {
    fn response(self, now: &str) -> Response {
        let reason = match self.status {
            400 => "Bad Request",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            409 => "Conflict",
            _ => "Internal Server Error",
        };
        let pairs = [("reason", reason.into()), ("message", self.message.into()), ("timestamp", now.into())];
        let body = Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        Response {
            status: self.status,
            headers: vec![("Content-Type", "application/json".to_owned())],
            body: body.to_line(),
        }
    }
}
