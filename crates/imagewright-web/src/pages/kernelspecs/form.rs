//! The form of a kernelspec: what its fields come to.

use std::collections::BTreeMap;

use imagewright_server::{NewImageKernelspec, SparkStart};

use crate::pages::fields::Fields;

/// What a form asks for. A line of variables that is none is given back.
pub(super) fn wanted(fields: &Fields) -> Result<NewImageKernelspec, String> {
    let users = |name: &str| -> Vec<String> {
        let words = fields.text(name).split([',', '\n', ' ', '\r']);
        words.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    Ok(NewImageKernelspec {
        proxy: fields.text("proxy").to_owned(),
        name: fields.filled("name"),
        display_name: fields.filled("display_name"),
        language: fields.filled("language"),
        kernel: fields.filled("kernel"),
        gpu: fields.has("gpu", "true"),
        pin: fields.has("pin", "true"),
        spark: match fields.text("spark") {
            "none" => Some(SparkStart::None),
            "lazy" => Some(SparkStart::Lazy),
            "eager" => Some(SparkStart::Eager),
            _ => None,
        },
        executor_image: fields.filled("executor_image"),
        env: variables(fields)?,
        port_range: fields.filled("port_range"),
        authorized_users: users("authorized_users"),
        unauthorized_users: users("unauthorized_users"),
        remote_hosts: users("remote_hosts"),
        endpoint: fields.filled("endpoint"),
        interrupted_by_message: fields.has("interrupted_by_message", "true"),
        replace: fields.has("replace", "true"),
    })
}

fn variables(fields: &Fields) -> Result<BTreeMap<String, String>, String> {
    let line = |line: &str| {
        let (name, value) =
            line.split_once('=').ok_or_else(|| format!("`{line}` is not of the form NAME=VALUE"))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    fields.lines("env").into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_what_is_wanted() {
        let fields = Fields::default()
            .with("proxy", "docker")
            .with("display_name", " Mine ")
            .with("env", "A=1\r\nB = x=y ")
            .with("authorized_users", "alice, bob\ncarl")
            .with("spark", "lazy")
            .with("pin", "true");
        let new = wanted(&fields).unwrap();
        assert_eq!(
            (new.proxy.as_str(), new.display_name.as_deref(), new.name),
            ("docker", Some("Mine"), None)
        );
        assert_eq!(
            new.env,
            BTreeMap::from([("A", "1"), ("B", "x=y")].map(|(a, b)| (a.to_owned(), b.to_owned())))
        );
        assert_eq!(new.authorized_users, ["alice", "bob", "carl"]);
        assert_eq!((new.spark, new.pin, new.gpu), (Some(SparkStart::Lazy), true, false));
        assert!(wanted(&fields.without("env").with("env", "A")).is_err());
    }
}
