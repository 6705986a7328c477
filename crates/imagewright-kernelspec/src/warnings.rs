//! What will not work of a kernelspec, though nothing of it is wrong.

use crate::proxy::Proxy;
use crate::{NewKernelspec, SparkMode};

const SWARM: &str = "Spark in a service of Docker Swarm is alone in its container: workers elsewhere cannot reach a driver whose service has no \
                     published ports";
const DOCKER: &str =
    "Spark in a container of Docker is alone in it (`local[*]`): a master elsewhere cannot reach the driver";
const NO_RESOURCE: &str = "Enterprise Gateway's class for custom resources names none, and starts nothing by itself: put the class of your own that \
                           names one into `metadata.process_proxy.class_name`, and its template into `scripts/GROUP-VERSION.yaml.j2`";
const YARN: &str = "YARN ends a driver that makes no session of Spark for some minutes: let it begin with the kernel (`eager`)";
const CONDUCTOR: &str = "Conductor starts what its instance group says, so that must be for the image; and whoever asks for a kernel names \
                         KERNEL_SPARK_HOME and KERNEL_PYSPARK_PYTHON, or the kernelspec does";
const TOREE: &str = "the driver is Toree itself, by Enterprise Gateway's own launcher: the image needs its kernel image files";

impl NewKernelspec {
    /// What will not work, or not as one may think, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        let session = self.spark.is_some_and(|mode| mode != SparkMode::None);
        let submits = self.proxy.submits_to_spark(self.spark.is_some());
        let language = self.language.to_lowercase();
        let mut warnings = Vec::new();
        match self.proxy {
            Proxy::DockerSwarm if session => warnings.push(SWARM.to_owned()),
            Proxy::Docker if session => warnings.push(DOCKER.to_owned()),
            Proxy::CustomResource => warnings.push(NO_RESOURCE.to_owned()),
            Proxy::YarnCluster if self.spark != Some(SparkMode::Eager) => warnings.push(YARN.to_owned()),
            Proxy::Conductor if !self.says("KERNEL_SPARK_HOME") => warnings.push(CONDUCTOR.to_owned()),
            Proxy::Distributed if self.image.registry() == "docker.io" => warnings.push(format!(
                "each host pulls `{}` from the default registry: name your own registry where it is not there",
                self.image
            )),
            _ => {}
        }
        if submits && language == "scala" {
            warnings.push(TOREE.to_owned());
        } else if submits && !matches!(language.as_str(), "python" | "r") {
            warnings.push(format!(
                "Spark has no drivers for `{language}`: its kernels start with another process proxy"
            ));
        }
        warnings
    }

    fn says(&self, variable: &str) -> bool {
        self.environment.iter().any(|(name, _)| name == variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_not_work_is_told() {
        let warned = |proxy: Proxy, language: &str, spark: Option<SparkMode>| {
            let image = "registry.example/team/kernel:1".parse().unwrap();
            let new = NewKernelspec {
                spark,
                ..NewKernelspec::new("mine".parse().unwrap(), "Mine", language, image, proxy)
            };
            new.warnings()
        };
        for (proxy, language, spark, expected) in [
            (Proxy::Kubernetes, "python", None, vec![]),
            (Proxy::Kubernetes, "julia", None, vec![]),
            (Proxy::Kubernetes, "R", Some(SparkMode::Lazy), vec![]),
            (Proxy::Kubernetes, "Scala", Some(SparkMode::Lazy), vec![TOREE]),
            (Proxy::DockerSwarm, "python", Some(SparkMode::Lazy), vec![SWARM]),
            (Proxy::DockerSwarm, "python", Some(SparkMode::None), vec![]),
            (Proxy::Docker, "python", Some(SparkMode::Eager), vec![DOCKER]),
            (Proxy::CustomResource, "python", None, vec![NO_RESOURCE]),
            (Proxy::SparkOperator, "scala", None, vec![TOREE]),
            (Proxy::YarnCluster, "python", Some(SparkMode::Eager), vec![]),
            (Proxy::YarnCluster, "scala", Some(SparkMode::Lazy), vec![YARN, TOREE]),
            (Proxy::Conductor, "python", None, vec![CONDUCTOR]),
        ] {
            assert_eq!(warned(proxy, language, spark), expected, "{proxy} {language} {spark:?}");
        }
        let julia = warned(Proxy::SparkOperator, "julia", None);
        assert_eq!(julia, ["Spark has no drivers for `julia`: its kernels start with another process proxy"]);
    }
}
