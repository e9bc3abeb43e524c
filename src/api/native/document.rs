//! The OpenAPI document (3.1): what `#[utoipa::path]` says of each route, and what is true of all of them.
//!
//! Answers that every route has (no token, not now) are added here, so that a handler's description holds only its own.

use std::collections::BTreeMap;

use utoipa::PartialSchema;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, Info, OpenApiBuilder, Paths, Ref, RefOr, Required, Response, ResponseBuilder,
    Schema, ServerBuilder, Tag, tag::TagBuilder,
};

use super::problem::ProblemShape;
use super::request::PublicId;
use super::routes::Access;
use crate::model::api_token::Scope;

/// The name of the way to say who is asking.
const TOKEN: &str = "token";

const NOT_SO_FAR: &str = "The token's scopes do not go so far; the scope that is needed is named.";
const NOT_ADMIN: &str = "The token's scopes do not go so far, or its user does not administer the instance (any more).";

const ABOUT: &str = "What can be done on the pages of this instance can be done here. Requests and answers are JSON, but for files in and out. \
Every request carries an API token: `Authorization: Bearer addy_io_…`; a token is made on the page for access or with \
`postern token new`, and does as much as its scopes say: `alias:create` makes aliases and nothing else, `read` sees \
everything of its user but secrets, `write` changes everything but how \
one signs in, which is `account`, and `admin` administers the instance. Errors are problem documents (RFC 9457) that name the field and the \
fix. Lists come in pages: give the `next` of one as the `cursor` of the following request until it is null. Times are UTC \
(RFC 3339).";

/// What the document is made of.
#[derive(Default)]
pub struct Sketch {
    tags: Vec<Tag>,
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Sketch {
    pub(super) fn noun(&mut self, noun: &str, about: &str) {
        self.tags.push(TagBuilder::new().name(noun).description(Some(about)).build());
    }

    pub(super) fn operation(&mut self, path: &str, method: HttpMethod, operation: Operation) {
        self.paths.add_path_operation(path, vec![method], operation);
    }

    pub(super) fn schemas(&mut self, schemas: Vec<(String, RefOr<Schema>)>) {
        self.schemas.extend(schemas);
    }

    /// The document of an instance that is seen from outside at this address.
    pub fn document(mut self, public_url: &str) -> serde_json::Value {
        self.schemas.insert("Problem".to_owned(), ProblemShape::schema());
        self.schemas.insert("Id".to_owned(), PublicId::schema());
        let mut components = Components::new();
        components.schemas.extend(self.schemas);
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.bearer_format = Some("addy_io_ and 48 letters and digits".to_owned());
        components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
        let mut info = Info::new("Postern", env!("CARGO_PKG_VERSION"));
        info.description = Some(ABOUT.to_owned());
        let server = ServerBuilder::new().url(public_url).description(Some("This instance")).build();
        let document = OpenApiBuilder::new()
            .info(info)
            .servers(Some([server]))
            .paths(self.paths)
            .components(Some(components))
            .tags(Some(self.tags))
            .build();
        // Maps have texts for keys here: nothing can fail.
        serde_json::to_value(document).unwrap_or_default()
    }
}

/// A route's own description with all that is true of every one: its noun, who may, what is answered when it can't be done.
pub(super) fn complete(mut operation: Operation, path: &str, noun: &str, access: Access) -> Operation {
    let name = operation.operation_id.take().unwrap_or_default();
    operation.operation_id = Some(format!("{}_{name}", noun.to_lowercase().replace([' ', '-'], "_")));
    operation.tags = Some(vec![noun.to_owned()]);
    let scopes: &[&str] = match &access {
        Access::Needs(scope) => &[scope.as_str()],
        Access::Token => &[],
    };
    let forbidden = if matches!(access, Access::Needs(Scope::Admin)) { NOT_ADMIN } else { NOT_SO_FAR };
    operation.security = Some(vec![SecurityRequirement::new(TOKEN, scopes.iter().copied())]);
    let mut answers = vec![
        ("400", "The request can't be read: a query, a header or the body is malformed."),
        ("401", "There is no token in force in the request."),
        ("403", forbidden),
        ("503", "Not now; nothing was lost, try again."),
    ];
    if path.contains('{') {
        answers.push(("404", "There is no such thing, or it is another user's."));
    }
    if operation.request_body.is_some() {
        answers.push(("413", "The body is too large."));
        answers.push(("415", "The body is not announced as application/json."));
        answers.push(("422", "A value can't be used; the field and the fix are named."));
    }
    let responses = &mut operation.responses.responses;
    for (status, what) in answers {
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(what)));
    }
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            *response = problem(&response.description);
        }
    }
    operation
}

/// The same, for a route that does a thing once for a key.
pub(super) fn with_key(mut operation: Operation) -> Operation {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255)).build();
    let about = "A name for this request, made up by the client, best a random UUID. Asked again under the same name within 24 \
                 hours, the same request is answered as it was and nothing is done twice; another request is refused (422).";
    let parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(text))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
    let replayed = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"])).build()))
        .description(Some("Sent when this is the answer to an earlier request under the same key."))
        .build();
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            response.headers.insert("Idempotency-Replayed".to_owned(), RefOr::T(replayed.clone()));
        }
    }
    operation
}

fn problem(what: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(what).content("application/problem+json", content).build()
}
