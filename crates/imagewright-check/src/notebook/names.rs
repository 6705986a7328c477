//! How packages are called that bring a module, where they are not called like it.

/// Module, package of the Python index, and package of conda-forge where that is another one.
const NAMES: [(&str, &str, Option<&str>); 62] = [
    ("Bio", "biopython", None),
    ("Crypto", "pycryptodome", None),
    ("Cryptodome", "pycryptodomex", None),
    ("IPython", "ipython", None),
    ("MySQLdb", "mysqlclient", None),
    ("OpenSSL", "pyopenssl", None),
    ("PIL", "pillow", None),
    ("PyPDF2", "pypdf2", None),
    ("Xlib", "python-xlib", None),
    ("attr", "attrs", None),
    ("boto", "boto", None),
    ("bs4", "beautifulsoup4", None),
    ("cairo", "pycairo", None),
    ("cv2", "opencv-python-headless", Some("opencv")),
    ("community", "python-louvain", None),
    ("dateutil", "python-dateutil", None),
    ("docx", "python-docx", None),
    ("dotenv", "python-dotenv", None),
    ("duckdb", "duckdb", Some("python-duckdb")),
    ("faiss", "faiss-cpu", None),
    ("fitz", "pymupdf", None),
    ("git", "gitpython", None),
    ("github", "pygithub", None),
    ("gi", "pygobject", None),
    ("google.cloud.bigquery", "google-cloud-bigquery", None),
    ("google.cloud.storage", "google-cloud-storage", None),
    ("google.protobuf", "protobuf", None),
    ("googleapiclient", "google-api-python-client", None),
    ("grpc", "grpcio", None),
    ("haystack", "haystack-ai", None),
    ("igraph", "igraph", Some("python-igraph")),
    ("jose", "python-jose", None),
    ("jwt", "pyjwt", None),
    ("kafka", "kafka-python", None),
    ("kfp", "kfp", None),
    ("ldap", "python-ldap", None),
    ("magic", "python-magic", None),
    ("matplotlib", "matplotlib", None),
    ("mpl_toolkits", "matplotlib", None),
    ("mpl_toolkits.basemap", "basemap", None),
    ("osgeo", "gdal", None),
    ("pandas_profiling", "ydata-profiling", None),
    ("pkg_resources", "setuptools", None),
    ("pptx", "python-pptx", None),
    ("psycopg2", "psycopg2-binary", Some("psycopg2")),
    ("pylab", "matplotlib", None),
    ("pywt", "pywavelets", None),
    ("rest_framework", "djangorestframework", None),
    ("ruamel.yaml", "ruamel.yaml", None),
    ("serial", "pyserial", None),
    ("skimage", "scikit-image", None),
    ("sklearn", "scikit-learn", None),
    ("skopt", "scikit-optimize", None),
    ("slugify", "python-slugify", None),
    ("snowflake.connector", "snowflake-connector-python", None),
    ("tables", "tables", Some("pytables")),
    ("telegram", "python-telegram-bot", None),
    ("torch", "torch", Some("pytorch")),
    ("umap", "umap-learn", None),
    ("usb", "pyusb", None),
    ("yaml", "pyyaml", None),
    ("zmq", "pyzmq", None),
];

/// The packages that bring a module: that of the Python index, and conda's.
pub(super) fn packages(module: &str) -> (String, String) {
    let mut name = module;
    loop {
        if let Some((_, pip, conda)) = NAMES.iter().find(|(known, ..)| *known == name) {
            return ((*pip).to_owned(), conda.unwrap_or(pip).to_owned());
        }
        match name.rsplit_once('.') {
            Some((above, _)) => name = above,
            None => break,
        }
    }
    // Packages below a name that many share are called by the whole of it.
    let whole = if is_shared(module) { module.replace('.', "-") } else { name.to_owned() };
    let whole = whole.replace('_', "-").to_ascii_lowercase();
    (whole.clone(), whole)
}

/// Whether the first part of a name belongs to nobody alone.
pub(super) fn is_shared(module: &str) -> bool {
    ["google.", "azure.", "backports.", "zope.", "sphinxcontrib."]
        .iter()
        .any(|shared| module.starts_with(shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_lead_to_packages() {
        for (module, pip, conda) in [
            ("cv2", "opencv-python-headless", "opencv"),
            ("sklearn.svm", "scikit-learn", "scikit-learn"),
            ("torch.nn", "torch", "pytorch"),
            ("google.cloud.storage", "google-cloud-storage", "google-cloud-storage"),
            ("google.cloud.pubsub_v1", "google-cloud-pubsub-v1", "google-cloud-pubsub-v1"),
            ("azure.identity", "azure-identity", "azure-identity"),
            ("some_thing.inner", "some-thing", "some-thing"),
            ("pandas", "pandas", "pandas"),
        ] {
            assert_eq!(packages(module), (pip.to_owned(), conda.to_owned()), "{module}");
        }
        let mut names: Vec<_> = NAMES.iter().map(|(module, ..)| *module).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
    }
}
