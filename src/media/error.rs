//! Why a file cannot be used.

/// Why a file cannot be used. The texts complete a sentence that begins with the field's name.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The caller's file or address is of no use.
    #[error("{0}")]
    Invalid(String),
    /// It is larger than allowed, in bytes.
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    /// A program or service that would be needed is not there.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Too much is under way.
    #[error("has to wait: too many files are being worked on")]
    Busy,
    /// Something that is needed is down or full: the disk, the store, the operator's converter.
    #[error("could not be worked on now: {0}")]
    Unavailable(String),
    /// Not the caller's fault, and not of something that is down.
    #[error("could not be worked on: {0}")]
    Failed(String),
}

impl Error {
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid(reason.into())
    }
}

impl Error {
    /// What a [`super::Sink`] said when it was full.
    #[must_use]
    pub fn of_sink(error: &std::io::Error) -> Option<Self> {
        let full = error.get_ref()?.downcast_ref::<super::file::Full>()?;
        Some(Self::TooLarge(full.0))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::of_sink(&error).unwrap_or_else(|| Self::Unavailable(error.to_string()))
    }
}
