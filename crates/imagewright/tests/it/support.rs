//! What the tests here share.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::image::TinyImage;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_imagewright");

/// Surroundings with an empty store.
pub(crate) fn context() -> TestContext {
    TestContext::new(PROGRAM)
}

/// Surroundings with a store that holds one small image, `demo/tiny:1`.
pub(crate) fn context_with_image() -> TestContext {
    let context = context();
    tiny_image().write_layout(&context.work().join("tiny"), "demo/tiny:1").unwrap();
    drop(context.run(["image", "import", "oci:tiny"]).success());
    context
}

/// An image that holds a text.
pub(crate) fn tiny_image() -> TinyImage {
    TinyImage::default().file("etc/motd", "hello\n")
}
