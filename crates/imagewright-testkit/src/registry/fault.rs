//! What can go wrong.

/// How the registry misbehaves, for one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It answers with this status, this header and this body.
    Status(u16, &'static str, String),
    /// It closes the connection without reading a body or answering.
    Close,
    /// It takes this many bytes of the request's body and closes the connection.
    CutUpload(u64),
    /// It does what it is asked and closes the connection without an answer.
    LoseAnswer,
    /// It sends this many bytes of the answer's body and closes the connection.
    CutDownload(u64),
    /// It sends this many bytes fewer, and announces as many.
    Shorten(u64),
    /// It sends this many bytes more, and announces as many.
    Lengthen(u64),
    /// It sends the first byte changed.
    Damage,
    /// It sends the client elsewhere.
    Redirect(String),
}

#[derive(Default)]
pub(super) struct Faults(Vec<(String, String, Fault)>);

impl Faults {
    pub(super) fn add(&mut self, method: &str, path_part: &str, fault: &Fault, times: usize) {
        self.0.extend((0..times).map(|_| (method.to_owned(), path_part.to_owned(), fault.clone())));
    }

    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let is_meant = |(of, part, _): &(String, String, Fault)| of == method && path.contains(part.as_str());
        let position = self.0.iter().position(is_meant)?;
        Some(self.0.remove(position).2)
    }
}
