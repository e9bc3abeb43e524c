//! A file on its way to an instance, in pieces, so that somebody can be told how far it is.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes sent at once.
const PIECE: usize = 64 * 1024;

/// Who is told how much went.
pub type Went = Box<dyn Fn(u64) + Send + Sync>;

/// What is left of a file to send.
pub struct Sending {
    rest: Bytes,
    gone: u64,
    went: Went,
}

impl Sending {
    /// All of it.
    pub fn new(file: Vec<u8>, went: Went) -> Self {
        Self { rest: file.into(), gone: 0, went }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = this.rest.split_to(PIECE.min(this.rest.len()));
        this.gone += piece.len() as u64;
        (this.went)(this.gone);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
