//! What the gateway and its kernels may do in the cluster.

use serde_json::{Value, json};

use super::{Deployment, KERNEL_ROLE, NAME, labels};

const RBAC: &str = "rbac.authorization.k8s.io";

impl Deployment {
    pub(super) fn roles(&self) -> Vec<(String, Value)> {
        let role = format!("{NAME}-{}", self.namespace);
        let account = json!([{"kind": "ServiceAccount", "name": NAME, "namespace": self.namespace}]);
        let mut documents = vec![
            ("The account of the gateway.".to_owned(), self.account()),
            (
                "What the gateway and its scripts do: a namespace for each kernel, a pod in it, and what belongs to it.".to_owned(),
                json!({
                    "apiVersion": format!("{RBAC}/v1"),
                    "kind": "ClusterRole",
                    "metadata": {"name": role, "labels": labels(NAME)},
                    "rules": self.rules(),
                }),
            ),
            (String::new(), binding("ClusterRoleBinding", &json!({"name": role, "labels": labels(NAME)}), "ClusterRole", &role, &account)),
            (
                "What kernels may do in their own namespaces (EG_KERNEL_CLUSTER_ROLE).".to_owned(),
                json!({
                    "apiVersion": format!("{RBAC}/v1"),
                    "kind": "ClusterRole",
                    "metadata": {"name": KERNEL_ROLE, "labels": labels("kernel")},
                    "rules": self.rules_of_kernels(),
                }),
            ),
        ];
        if !self.pull_secrets.is_empty() {
            documents.extend(self.reading_of_pull_secrets(&account));
        }
        documents
    }

    fn account(&self) -> Value {
        let mut account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata(NAME, NAME)});
        if !self.pull_secrets.is_empty() {
            account["imagePullSecrets"] = self.named_pull_secrets();
        }
        account
    }

    pub(super) fn named_pull_secrets(&self) -> Value {
        self.pull_secrets.iter().map(|name| json!({"name": name})).collect()
    }

    fn rules(&self) -> Value {
        let mut rules = vec![
            rule("", &["namespaces"], &["create", "delete"]),
            rule("", &["pods"], &["get", "list", "create", "delete"]),
            // Those that go with a pod, and those that images are pulled by. Nothing is read of other secrets.
            rule("", &["secrets"], &["create", "delete"]),
            rule(
                "",
                &["services", "configmaps", "persistentvolumeclaims", "persistentvolumes"],
                &["get", "create", "delete"],
            ),
            rule(RBAC, &["rolebindings"], &["create", "delete"]),
            // So that it can give kernels a role without having its rights itself.
            json!({"apiGroups": [RBAC], "resources": ["clusterroles"], "resourceNames": [KERNEL_ROLE], "verbs": ["bind"]}),
        ];
        if self.has_spark {
            // spark-submit makes the driver's pod, and applies what belongs to it.
            rules.push(rule("", &["pods", "services", "configmaps", "secrets"], &["watch", "patch"]));
            rules.push(rule(
                "sparkoperator.k8s.io",
                &["sparkapplications", "sparkapplications/status"],
                &["get", "list", "create", "delete"],
            ));
        }
        rules.into()
    }

    fn rules_of_kernels(&self) -> Value {
        if !self.has_spark {
            return json!([]);
        }
        // Drivers of Spark start workers and remove them.
        json!([rule(
            "",
            &["pods", "services", "configmaps", "persistentvolumeclaims"],
            &["get", "list", "watch", "create", "patch", "update", "delete", "deletecollection"],
        )])
    }

    /// Each kernel's namespace gets a copy of what its image is pulled by.
    fn reading_of_pull_secrets(&self, account: &Value) -> [(String, Value); 2] {
        let name = format!("{NAME}-pull-secrets");
        let rule = json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": self.pull_secrets, "verbs": ["get"]});
        let metadata = self.metadata(&name, NAME);
        let role = json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "Role", "metadata": metadata, "rules": [rule],
        });
        let told = "Each namespace of a kernel gets a copy of what its image is pulled by.".to_owned();
        [(told, role), (String::new(), binding("RoleBinding", &metadata, "Role", &name, account))]
    }
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

fn binding(kind: &str, metadata: &Value, role_kind: &str, role: &str, subjects: &Value) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": role},
        "subjects": subjects,
    })
}
