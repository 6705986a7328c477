//! `gpu-variables`: what an image for GPUs says to whoever gives it some.

use std::str::FromStr;

use pep440_rs::Version;

use crate::profile::ProfileSubject;
use crate::remedy::Remedy;
use crate::rule::{Found, Level, Outcome, PlatformCheck, Rule};

pub(crate) static GPU_VARIABLES: Rule = Rule {
    name: "gpu-variables",
    level: Level::Warning,
    summary: "An image for GPUs says which it wants, and which driver its framework needs.",
    why: "NVIDIA's runtime goes by these variables: without them a container sees no GPU, or lacks the tools; and a driver that is too \
          old for the framework's CUDA shows as an error deep in the first computation instead of one at the start.",
    mend: "```dockerfile\nENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility NVIDIA_REQUIRE_CUDA=\"cuda>=13.0\"\n```",
    sources: &[
        "NVIDIA Container Toolkit, \"Specialized configurations with Docker\"",
        "Kubeflow's example notebook servers",
    ],
    on_platform: Some(PlatformCheck::Files(gpu_variables)),
    ..Rule::OF_PLATFORMS
};

/// The CUDA that the image's framework was made for.
fn cuda_of_framework(subject: &ProfileSubject<'_>) -> Option<(u32, u32)> {
    let torch = subject.installed()?.get("torch")?;
    let version = Version::from_str(&torch.version).ok()?;
    let local = version.local().iter().map(ToString::to_string).collect::<String>();
    let digits = local.strip_prefix("cu")?;
    let (major, minor) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn is_for_gpus(subject: &ProfileSubject<'_>) -> bool {
    ["NVIDIA_VISIBLE_DEVICES", "NVIDIA_REQUIRE_CUDA", "CUDA_VERSION"]
        .iter()
        .any(|name| subject.variable(name).is_some())
        || subject.view.find("/usr/local/cuda").is_some()
        || cuda_of_framework(subject).is_some()
}

fn gpu_variables(subject: &ProfileSubject<'_>) -> Outcome {
    if !is_for_gpus(subject) {
        return Outcome::fine();
    }
    let mut found: Vec<Found> = Vec::new();
    let unset = |name: &str, value: &str| {
        let text = format!("`{name}` is not set to `{value}`");
        subject
            .found(text)
            .with_mend(format!("ENV {name}={value}"))
            .with_remedy(Remedy::variable(name, value))
    };
    if subject.variable("NVIDIA_VISIBLE_DEVICES").as_deref() != Some("all") {
        found.push(unset("NVIDIA_VISIBLE_DEVICES", "all"));
    }
    let capabilities = subject.variable("NVIDIA_DRIVER_CAPABILITIES").unwrap_or_default();
    let has = |name: &str| capabilities.split(',').any(|known| known.trim() == name || known.trim() == "all");
    if !has("compute") || !has("utility") {
        found.push(unset("NVIDIA_DRIVER_CAPABILITIES", "compute,utility"));
    }
    let required = subject.variable("NVIDIA_REQUIRE_CUDA");
    let wanted = cuda_of_framework(subject).map(|(major, minor)| format!("{major}.{minor}"));
    match (required, wanted) {
        (None, wanted) => {
            let value = format!("cuda>={}", wanted.as_deref().unwrap_or("12.0"));
            found.push(unset("NVIDIA_REQUIRE_CUDA", &value));
        }
        (Some(required), Some(wanted)) if !required.contains(&format!("cuda>={wanted}")) => {
            let text =
                format!("`NVIDIA_REQUIRE_CUDA` is `{required}`, and PyTorch is made for CUDA {wanted}");
            let remedy = Remedy::variable("NVIDIA_REQUIRE_CUDA", &format!("cuda>={wanted}"));
            found.push(subject.found(text).with_remedy(remedy));
        }
        _ => {}
    }
    found.into()
}
