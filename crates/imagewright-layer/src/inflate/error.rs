//! What can be wrong with a deflate stream.

/// Why bytes are not the deflate stream they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// The stream goes on where there are no more bytes.
    #[error("the deflate stream ends too early")]
    Truncated,
    /// The stream ends before its bytes do.
    #[error("bytes follow the end of the deflate stream")]
    Trailing,
    /// A block is of the fourth type, which does not exist.
    #[error("a block is of a type that deflate does not have")]
    BlockType,
    /// The two copies of a stored block's length differ.
    #[error("a stored block contradicts itself about its length")]
    StoredLength,
    /// A block's codes are too many, too few, or no prefix code.
    #[error("a block has an impossible set of codes")]
    Codes,
    /// Bits that no symbol has, or a symbol that means nothing.
    #[error("a code stands for nothing")]
    Symbol,
    /// A match begins before the first byte.
    #[error("a distance reaches back before the first byte")]
    Distance,
    /// There is more, or less, than there should be.
    #[error("it does not inflate to {expected} bytes")]
    Size {
        /// The bytes there should be.
        expected: u64,
    },
}
