//! Routes together with what they are described by: a path and a method are said once, in `#[utoipa::path]`, so that the
//! document at `/openapi.json` and the router can't disagree.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};

use super::document::{self, Sketch};
use crate::model::api_token::Scope;
use crate::service::broker::Broker;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A token with this scope; `write` includes those of mail.
    Needs(Scope),
    /// Any token in force.
    Token,
}

/// What the routes of a noun are gathered in.
pub struct Routes {
    router: Router<Broker>,
    sketch: Sketch,
    noun: &'static str,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("noun", &self.noun).finish_non_exhaustive()
    }
}

impl Routes {
    /// None yet.
    pub fn new() -> Self {
        Self { router: Router::new(), sketch: Sketch::default(), noun: "" }
    }

    /// What follows is about this noun.
    pub fn noun(mut self, noun: &'static str, about: &'static str) -> Self {
        self.noun = noun;
        self.sketch.noun(noun, about);
        self
    }

    /// A handler and the description `#[utoipa::path]` made of it: `.on::<__path_list, _, _>(access, list)`.
    pub fn on<P, H, T>(self, access: Access, handler: H) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        H: Handler<T, Broker>,
        T: 'static,
    {
        self.add::<P, H, T>(access, handler, |operation| operation)
    }

    /// The same for a handler that makes a thing once for an `Idempotency-Key`.
    pub fn once<P, H, T>(self, access: Access, handler: H) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        H: Handler<T, Broker>,
        T: 'static,
    {
        self.add::<P, H, T>(access, handler, document::with_key)
    }

    fn add<P, H, T>(mut self, access: Access, handler: H, more: impl Fn(Operation) -> Operation) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        H: Handler<T, Broker>,
        T: 'static,
    {
        let path = P::path();
        let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
        P::schemas(&mut schemas);
        for method in P::methods() {
            self.router = self.router.route(&path, on(filter(&method), handler.clone()));
            let operation = more(document::complete(P::operation(), &path, self.noun, access));
            self.sketch.operation(&path, method, operation);
        }
        self.sketch.schemas(schemas);
        self
    }

    /// The router, and what the document is made of.
    pub fn finish(self) -> (Router<Broker>, Sketch) {
        (self.router, self.sketch)
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}
