//! The page: gate and inbox side by side, on a listener of its own.
//!
//! One template, rendered whole; the script fetches it again when the event stream says that something happened. Without
//! JavaScript it reloads by itself. Nothing comes from outside the program, and the policy in `guard.rs` says so.

mod guard;
mod samples;
pub mod timeline;
pub mod view;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt};
use tokio::net::TcpListener;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Error;
use super::letters::{self, Sender};
use super::scene::Scene;
use crate::model::Address;
use crate::model::alias::AliasState;

#[derive(Debug, Clone)]
struct Stage {
    scene: Scene,
    stop: CancellationToken,
}

/// Opens the page on `listen`; returns where it listens.
pub async fn serve(listen: SocketAddr, scene: Scene, tasks: &TaskTracker, stop: CancellationToken) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let router = router(scene, stop.clone());
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
            tracing::error!(%error, "the page's server failed");
        }
    });
    Ok(address)
}

fn router(scene: Scene, stop: CancellationToken) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/events", get(events))
        .route("/send/{domain}", post(send))
        .route("/hand-out/{domain}", post(hand_out))
        .route("/answer/{number}", post(answer))
        .route("/forge/{domain}", post(forge))
        .route("/kill/{domain}", post(kill))
        .route("/revive/{domain}", post(revive))
        .route("/letters", get(samples::page))
        .route("/letters/{number}/html", get(samples::html))
        .route("/page.css", get(async || file("text/css; charset=utf-8", include_str!("../static/page.css"))))
        .route("/page.js", get(async || file("text/javascript; charset=utf-8", include_str!("../static/page.js"))))
        .route("/icon.svg", get(async || file("image/svg+xml", include_str!("../static/icon.svg"))))
        .with_state(Stage { scene, stop })
        .layer(middleware::from_fn(guard::guard))
}

async fn page(State(stage): State<Stage>) -> Result<Html<String>, Failure> {
    let page = view::Page::new(&stage.scene.facts().await?);
    page.render().map(Html).map_err(|error| Failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// One event for each change at the gate or in the inbox, and one at the beginning.
async fn events(State(stage): State<Stage>) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let gate = WatchStream::new(stage.scene.journal().changes());
    let inbox = WatchStream::new(stage.scene.shelf().arrivals());
    let changes = futures_util::stream::select(gate, inbox).map(|version| Ok(sse::Event::default().data(version.to_string())));
    Sse::new(changes.take_until(stage.stop.cancelled_owned())).keep_alive(KeepAlive::default())
}

async fn send(State(stage): State<Stage>, Path(domain): Path<String>) -> Result<Redirect, Failure> {
    stage.scene.send(known(&domain)?).await?;
    Ok(Redirect::to("/"))
}

/// The form of a site that asks for its customer's address.
#[derive(Debug, serde::Deserialize)]
struct Customer {
    address: String,
}

async fn hand_out(
    State(stage): State<Stage>,
    Path(domain): Path<String>,
    Form(customer): Form<Customer>,
) -> Result<Redirect, Failure> {
    let no_address = |_| Failure(StatusCode::UNPROCESSABLE_ENTITY, "address: this is no address; copy it whole".into());
    let address = Address::parse(customer.address.trim()).map_err(no_address)?;
    stage.scene.hand_out(known(&domain)?, address).await?;
    Ok(Redirect::to("/"))
}

async fn answer(State(stage): State<Stage>, Path(number): Path<u64>) -> Result<Redirect, Failure> {
    let shelf = stage.scene.shelf().all();
    let mail = shelf.iter().find(|mail| mail.number == number && mail.reverse().is_some());
    let mail = mail.ok_or_else(|| Failure(StatusCode::NOT_FOUND, "This mail can't be answered.".into()))?;
    stage.scene.answer(mail).await?;
    Ok(Redirect::to("/"))
}

async fn forge(State(stage): State<Stage>, Path(domain): Path<String>) -> Result<Redirect, Failure> {
    let mail = stage.scene.latest(known(&domain)?);
    let mail = mail.ok_or_else(|| Failure(StatusCode::NOT_FOUND, "This site has sent nothing that could be answered.".into()))?;
    stage.scene.forge(&mail).await?;
    Ok(Redirect::to("/"))
}

async fn kill(State(stage): State<Stage>, Path(domain): Path<String>) -> Result<Redirect, Failure> {
    stage.scene.set_state(known(&domain)?, AliasState::Killed).await?;
    Ok(Redirect::to("/"))
}

async fn revive(State(stage): State<Stage>, Path(domain): Path<String>) -> Result<Redirect, Failure> {
    stage.scene.set_state(known(&domain)?, AliasState::Active).await?;
    Ok(Redirect::to("/"))
}

fn known(domain: &str) -> Result<&'static Sender, Failure> {
    letters::sender(domain).ok_or_else(|| Failure(StatusCode::NOT_FOUND, "There is no such site here.".into()))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind)], text)
}

/// An answer that is no page, in plain text.
struct Failure(StatusCode, String);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, format!("{error} ({})", error.hint()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}
