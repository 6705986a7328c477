//! Messages to kernels and from them, as gateways carry them over a WebSocket.

use serde::Deserialize;
use serde_json::{Value, json};

/// Who sends requests.
pub(crate) struct Sender {
    /// One for each connection.
    pub(crate) session: String,
    pub(crate) user: String,
}

impl Sender {
    /// A request to execute code.
    pub(crate) fn execute(&self, id: &str, code: &str) -> String {
        let content = json!({
            "code": code, "silent": false, "store_history": false, "user_expressions": {}, "allow_stdin": false, "stop_on_error": false,
        });
        self.request(id, "execute_request", &content)
    }

    /// A question that every kernel answers.
    pub(crate) fn greet(&self, id: &str) -> String {
        self.request(id, "kernel_info_request", &json!({}))
    }

    fn request(&self, id: &str, kind: &str, content: &Value) -> String {
        let header = json!({
            "msg_id": id, "msg_type": kind, "session": self.session, "username": self.user, "version": "5.3", "date": "",
        });
        let message = json!({
            "header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": [],
        });
        message.to_string()
    }
}

/// What comes back.
#[derive(Debug, Deserialize)]
pub(crate) struct Incoming {
    #[serde(default)]
    header: Header,
    #[serde(default)]
    parent_header: Header,
    #[serde(default)]
    msg_type: Option<String>,
    #[serde(default)]
    content: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Header {
    msg_id: Option<String>,
    msg_type: Option<String>,
}

impl Incoming {
    /// Reads one; an array would do for the library, and is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("it is no object".to_owned());
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    pub(crate) fn kind(&self) -> &str {
        self.header.msg_type.as_deref().or(self.msg_type.as_deref()).unwrap_or_default()
    }

    pub(crate) fn answers(&self, id: &str) -> bool {
        self.parent_header.msg_id.as_deref() == Some(id)
    }

    /// The state that it tells of, if that is what it does.
    pub(crate) fn state(&self) -> Option<&str> {
        (self.kind() == "status").then(|| self.text("execution_state")).flatten()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.content[name].as_str()
    }

    /// What a person would see of it.
    pub(crate) fn shown(&self) -> Option<&str> {
        match self.kind() {
            "stream" => self.text("text"),
            "execute_result" | "display_data" => self.content["data"]["text/plain"].as_str(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_it_is_and_what_it_answers() {
        let read = |text| Incoming::parse(text).unwrap();
        let status = read(
            r#"{"header": {"msg_type": "status"}, "parent_header": {"msg_id": "7"}, "content": {"execution_state": "busy"}}"#,
        );
        assert_eq!((status.kind(), status.state()), ("status", Some("busy")));
        assert!(status.answers("7") && !status.answers("8"));
        let stream = read(r#"{"msg_type": "stream", "content": {"text": "2\n"}, "parent_header": {}}"#);
        assert_eq!((stream.shown(), stream.state(), stream.answers("")), (Some("2\n"), None, false));
        let nothing = read("{}");
        assert_eq!((nothing.kind(), nothing.shown()), ("", None));
        let result = read(
            r#"{"header": {"msg_type": "execute_result"}, "content": {"data": {"text/plain": "[1] 2"}}}"#,
        );
        assert_eq!(result.shown(), Some("[1] 2"));
    }

    #[test]
    fn a_request_holds_its_code_whole() {
        let sender = Sender { session: "s".to_owned(), user: "bob".to_owned() };
        let text = sender.execute("1", "print(\"é\\n\")");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["content"]["code"], "print(\"é\\n\")");
        assert_eq!(value["channel"], "shell");
        assert_eq!(value["header"]["username"], "bob");
        let value: Value = serde_json::from_str(&sender.greet("2")).unwrap();
        assert_eq!(value["header"]["msg_type"], "kernel_info_request");
    }
}
