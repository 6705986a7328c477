//! A catalogue to begin with: images whose kernels Enterprise Gateway starts, and that run nodes of Elyra's pipelines.

use serde_json::Value;

use crate::{ImageType, Name, NewImage};

/// An image to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Starter {
    /// What it is called.
    pub name: &'static str,
    /// What people read.
    pub display_name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Where it runs.
    pub image_type: ImageType,
    /// What it is made of: an `image.yaml`.
    pub spec: &'static str,
}

/// The images to begin with.
pub const STARTERS: [Starter; 6] = [
    Starter {
        name: "pandas",
        display_name: "Pandas",
        description: "Python with pandas, matplotlib and scikit-learn.",
        image_type: ImageType::Universal,
        spec: include_str!("../../../../examples/starter/pandas.yaml"),
    },
    Starter {
        name: "pytorch",
        display_name: "PyTorch",
        description: "PyTorch, which computes on a GPU where there is one.",
        image_type: ImageType::Universal,
        spec: include_str!("../../../../examples/starter/pytorch.yaml"),
    },
    Starter {
        name: "tensorflow",
        display_name: "TensorFlow",
        description: "TensorFlow without a GPU.",
        image_type: ImageType::Cpu,
        spec: include_str!("../../../../examples/starter/tensorflow.yaml"),
    },
    Starter {
        name: "tensorflow-gpu",
        display_name: "TensorFlow with GPU",
        description: "TensorFlow with the libraries of CUDA.",
        image_type: ImageType::Gpu,
        spec: include_str!("../../../../examples/starter/tensorflow-gpu.yaml"),
    },
    Starter {
        name: "r",
        display_name: "R",
        description: "R with dplyr, tidyr, ggplot2 and data.table.",
        image_type: ImageType::Universal,
        spec: include_str!("../../../../examples/starter/r.yaml"),
    },
    Starter {
        name: "anaconda",
        display_name: "Anaconda",
        description: "What many know from Anaconda, of the packages of conda-forge.",
        image_type: ImageType::Universal,
        spec: include_str!("../../../../examples/starter/anaconda.yaml"),
    },
];

/// The tag of all of them.
const TAG: &str = "starter";

impl Starter {
    /// The entry of the catalogue.
    pub fn new_image(&self) -> NewImage {
        let spec: Value = serde_saphyr::from_str(self.spec).expect("what is compiled in was tested");
        let name: Name = self.name.parse().expect("what is compiled in was tested");
        NewImage {
            display_name: self.display_name.to_owned(),
            name: Some(name),
            description: Some(self.description.to_owned()),
            tags: [TAG.to_owned()].into(),
            image_type: self.image_type,
            reference: None,
            gpu_reference: None,
            pull_policy: None,
            pull_secret: None,
            owner: Default::default(),
            visibility: Default::default(),
            spec: Some(spec),
            base_pull_secret: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_an_entry_of_its_own() {
        let names: std::collections::BTreeSet<&str> = STARTERS.iter().map(|starter| starter.name).collect();
        assert_eq!(names.len(), STARTERS.len());
        for starter in STARTERS {
            let new = starter.new_image();
            let spec = new.spec.clone().unwrap();
            assert!(spec["kernel"].is_string() && spec["base"] == "bootstrap", "{spec:#}");
            let name = new.name.clone().unwrap();
            let now = jiff::Timestamp::UNIX_EPOCH;
            new.into_image(crate::ImageId::new("x"), name, None, now).unwrap();
        }
    }
}
