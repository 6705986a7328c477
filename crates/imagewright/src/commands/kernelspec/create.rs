//! `imagewright kernelspec create`

use std::process::ExitCode;

use anstream::eprintln;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, ValueEnum};
use imagewright_model::ErrorKind;
use imagewright_oci::Reference;
use imagewright_service::kernelspec::{
    AllowedKernels, CreateKernelspec, CreatedKernelspec, KernelspecName, PortRange, Proxy, SparkMode,
};
use serde_json::json;

use super::{FolderFlags, allowed_json, tell_allowed};
use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::render::output;
use crate::settings::Settings;

/// Make a kernelspec that starts a kernel image
///
/// The folder it makes is complete: kernel.json, the scripts that the process proxy needs, a logo. It can be moved and copied. Prints the
/// folder, and says what the gateway has to be told.
///
/// Example: imagewright kernelspec create team/kernel-py:1 --proxy docker --display-name "Team Python"
#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The kernel image, in the store or in its registry
    image: String,
    /// What starts the kernel [default: as in --from]
    #[arg(long, short, value_name = "PROXY", value_parser = proxies())]
    proxy: Option<Proxy>,
    /// What people choose it by [default: the image's name]
    #[arg(long, short, value_name = "TEXT")]
    display_name: Option<String>,
    /// Its name: that of its folder, and in EG_ALLOWED_KERNELS [default: made of the display name]
    #[arg(long, short, value_name = "NAME")]
    name: Option<KernelspecName>,
    /// The language of the kernel [default: KERNEL_LANGUAGE of the image]
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// The kernelspec inside the image, where it has several for the language
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// Start from this one: keep its variables, options and scripts, and start the image instead
    #[arg(long, value_name = "NAME|DIR")]
    from: Option<String>,
    /// Name the digest of the image as well, so that it starts exactly this one
    #[arg(long)]
    pin: bool,
    /// Take the image as it is named, where this machine cannot look at it
    #[arg(long, conflicts_with = "pin")]
    no_look: bool,
    #[command(flatten)]
    folder: FolderFlags,
    /// Replace a kernelspec of the same name
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    kernels: KernelFlags,
    /// What EG_ALLOWED_KERNELS of the gateway is now [default: what is in the folder]
    #[arg(long, value_name = "LIST")]
    allowed: Option<AllowedKernels>,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

/// What holds for kernels.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kernels")]
struct KernelFlags {
    /// Set a variable of the kernel; the gateway puts its own in the place of ${NAME}, and $ for $$
    #[arg(long, short, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// When a session of Spark begins
    #[arg(long, value_enum, value_name = "MODE")]
    spark: Option<SparkFlag>,
    /// The image for workers of Spark [default: the image]
    #[arg(long, value_name = "IMAGE")]
    executor_image: Option<Reference>,
    /// The ports that the kernel may take, as 40000..41000
    #[arg(long, value_name = "LOW..HIGH")]
    port_range: Option<PortRange>,
    /// Only this user may start it
    #[arg(long, value_name = "USER", value_delimiter = ',')]
    authorized_user: Vec<String>,
    /// This user may not start it
    #[arg(long, value_name = "USER", value_delimiter = ',')]
    unauthorized_user: Vec<String>,
    /// A host that kernels are started on, for `distributed`
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    remote_host: Vec<String>,
    /// The address of the cluster, for `yarn-cluster` and `conductor`
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// How the kernel is interrupted
    #[arg(long, value_enum, value_name = "MODE", default_value = "signal")]
    interrupt_mode: InterruptMode,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SparkFlag {
    /// Never by itself
    None,
    /// When it is used
    Lazy,
    /// With the kernel
    Eager,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InterruptMode {
    /// By a signal
    Signal,
    /// By a message
    Message,
}

fn proxies() -> impl clap::builder::TypedValueParser<Value = Proxy> {
    PossibleValuesParser::new(Proxy::ALL.map(Proxy::name)).try_map(|name| name.parse::<Proxy>())
}

pub(super) fn run(global: &Global, arguments: CreateArguments) -> Result<ExitCode, Failure> {
    let as_json = arguments.json;
    let service = context::open(global, Settings::default())?;
    let created = service.create_kernelspec(&arguments.into_command()?)?;
    if !global.quiet {
        created.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    }
    if as_json {
        output::json(&document(&created))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::text(&format!("{}\n", created.path.display()))?;
    tell_allowed(global, &created.allowed);
    Ok(ExitCode::SUCCESS)
}

impl CreateArguments {
    fn into_command(self) -> Result<CreateKernelspec, Failure> {
        let kernels = self.kernels;
        Ok(CreateKernelspec {
            image: self.image,
            look: !self.no_look,
            pin: self.pin,
            folder: self.folder.folder,
            replace: self.replace,
            from: self.from,
            proxy: self.proxy,
            name: self.name,
            display_name: self.display_name,
            language: self.language,
            kernel: self.kernel,
            spark: kernels.spark.map(Into::into),
            executor_image: kernels.executor_image,
            environment: kernels.env.iter().map(|entry| assignment(entry)).collect::<Result<_, _>>()?,
            port_range: kernels.port_range,
            authorized_users: kernels.authorized_user,
            unauthorized_users: kernels.unauthorized_user,
            remote_hosts: kernels.remote_host,
            endpoint: kernels.endpoint,
            is_interrupted_by_message: kernels.interrupt_mode == InterruptMode::Message,
            allowed: self.allowed,
        })
    }
}

impl From<SparkFlag> for SparkMode {
    fn from(flag: SparkFlag) -> Self {
        match flag {
            SparkFlag::None => Self::None,
            SparkFlag::Lazy => Self::Lazy,
            SparkFlag::Eager => Self::Eager,
        }
    }
}

fn assignment(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Failure::new(ErrorKind::Usage, format!("`{text}` is not of the form NAME=VALUE"))),
    }
}

fn document(created: &CreatedKernelspec) -> serde_json::Value {
    let mut document = json!({
        "name": created.spec.name.as_str(),
        "path": created.path,
        "image": created.spec.image(),
        "digest": created.digest,
        "kernel_json": created.spec.document,
        "files": created.spec.files.keys().collect::<Vec<_>>(),
        "warnings": created.warnings,
    });
    let object = document.as_object_mut().expect("it is one");
    object.extend(allowed_json(&created.allowed).as_object().cloned().unwrap_or_default());
    document
}
