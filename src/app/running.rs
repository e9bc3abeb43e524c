//! A running instance: listeners open, workers at work, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::build::{self, Controls, Environment};
use super::node::Identity;
use super::{StartError, housekeeping, listeners, node};
use crate::api;
use crate::config::Config;
use crate::delivery::{self, Queue};
use crate::model::Private;
use crate::service::broker::Broker;
use crate::service::setup;
use crate::smtp::listener::{Door, Entrance};
use crate::storage;
use crate::web::{self, health::Readiness};

/// A running instance. It is ended with [`Running::stop`]; its tasks do not end by dropping it.
#[derive(Debug)]
pub struct Running {
    /// What everything works with.
    pub broker: Broker,
    /// The queue's workers.
    pub queue: Queue,
    /// Where mail is taken.
    pub smtp: Vec<SocketAddr>,
    /// Where users hand in mail after STARTTLS.
    pub submission: Vec<SocketAddr>,
    /// Where they do over TLS.
    pub submissions: Vec<SocketAddr>,
    /// Where pages are served.
    pub http: SocketAddr,
    /// Where the first account is made, while there is none.
    pub setup_link: Option<Private<String>>,
    readiness: Readiness,
    controls: Controls,
    _identity: Identity,
}

/// How long the database may take to close.
const CLOSING: Duration = Duration::from_secs(10);

/// Builds and starts everything; returns once every listener is open.
pub async fn start(config: &Config, environment: &Environment) -> Result<Running, StartError> {
    let checked = config.check()?;
    let identity = node::identify(&config.instance.data_dir, &*environment.clock, &environment.chance)?;
    let controls = Controls::default();
    let mut doors = Vec::new();
    for (entrance, setting, addresses) in [
        (Entrance::Exchange, "smtp.listen", &config.smtp.listen),
        (Entrance::Submission, "smtp.submission", &config.smtp.submission),
        (Entrance::Submissions, "smtp.submissions", &config.smtp.submissions),
    ] {
        for address in addresses {
            doors.push((entrance, listeners::open(setting, *address)?));
        }
    }
    let http = listeners::open("http.listen", config.http.listen)?;
    let (broker, shared) = build::broker(config, &checked, environment, &identity, &controls).await?;
    broker.measure_free_space().await;
    build::enter_domains(&broker.desk, &checked.domains).await?;
    build::make_keys(&broker).await?;
    let setup_link = setup_link(&broker).await.map_err(|error| StartError::database(&error))?;
    let queue = Queue::new(broker.clone(), config.outbound.workers);
    register(&broker).await.map_err(|error| StartError::database(&error))?;
    queue.recover().await.map_err(|error| StartError::database(&error))?;
    let readiness = readiness(&broker, doors.len() + 1);
    let mut running = Running {
        broker: broker.clone(),
        queue: queue.clone(),
        smtp: Vec::new(),
        submission: Vec::new(),
        submissions: Vec::new(),
        http: address(&http)?,
        setup_link,
        readiness: readiness.clone(),
        controls: controls.clone(),
        _identity: identity,
    };
    running.watch_storage();
    running.guarded(housekeeping::run(broker.clone(), shared, controls.soft.clone()));
    running.guarded(queue.run(controls.soft.clone()));
    running.guarded(delivery::webhook::run(broker.clone(), controls.soft.clone()));
    let apis = api::router(readiness.clone(), broker.clone()).layer(axum::middleware::map_response(web::headers::secure));
    let document = api::native::document(&broker.rules.public_url);
    running.serve_http(http, web::site(readiness.clone(), broker.clone(), &document).merge(apis));
    readiness.listening();
    if let Some(listen) = config.metrics.listen {
        running.serve_metrics(listeners::open("metrics.listen", listen)?)?;
    }
    let door = Door::new(
        &config.smtp,
        checked.hostname.as_str(),
        Arc::new(broker),
        Arc::clone(&environment.clock),
        controls.work.clone(),
    )
    .map_err(|error| {
        StartError::new(error.to_string(), "check that the files exist and hold a PEM certificate chain and its key")
    })?;
    for (entrance, listener) in doors {
        let list = match entrance {
            Entrance::Exchange => &mut running.smtp,
            Entrance::Submission => &mut running.submission,
            Entrance::Submissions => &mut running.submissions,
        };
        list.push(address(&listener)?);
        running.guarded(door.clone().run_as(entrance, listener, controls.soft.clone(), controls.hard.clone()));
        readiness.listening();
    }
    Ok(running)
}

/// Enters this start of the node: from here on leases of its earlier starts are void.
async fn register(broker: &Broker) -> Result<(), storage::Error> {
    let (node, hostname, now) = (broker.node.clone(), broker.rules.hostname.to_string(), broker.now());
    broker.storage().write(move |tx| Box::pin(async move { storage::node::register(tx, &node, &hostname, now).await })).await
}

async fn setup_link(broker: &Broker) -> Result<Option<Private<String>>, storage::Error> {
    let secret = setup::open(&broker.desk).await?;
    Ok(secret.map(|secret| Private::new(setup::link(&broker.rules.public_url, &secret))))
}

fn readiness(broker: &Broker, listeners: usize) -> Readiness {
    let broker = broker.clone();
    Readiness::new(listeners, move || {
        let broker = broker.clone();
        async move {
            match broker.storage().read().await {
                Ok(mut tx) => storage::clock::now(&mut tx).await.is_ok(),
                Err(_) => false,
            }
        }
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::new(format!("a listener has no address: {error}"), "see the message"))
}

impl Running {
    /// Runs a loop that must not end before the shutdown: if it does (or panics), the instance stops.
    fn guarded(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (fatal, soft) = (self.controls.fatal.clone(), self.controls.soft.clone());
        self.controls.work.spawn(async move {
            let guard = fatal.drop_guard();
            work.await;
            if soft.is_cancelled() {
                guard.disarm();
            } else {
                tracing::error!("a task that must run has ended; stopping");
            }
        });
    }

    /// A database that failed for good takes the process down: nothing more can be promised.
    fn watch_storage(&self) {
        let (failure, fatal, soft) =
            (self.broker.storage().watch_failure(), self.controls.fatal.clone(), self.controls.soft.clone());
        self.controls.work.spawn(async move {
            tokio::select! {
                () = failure.cancelled() => fatal.cancel(),
                () = soft.cancelled() => {}
            }
        });
    }

    fn serve_http(&self, listener: TcpListener, router: axum::Router) {
        let soft = self.controls.soft.clone();
        // Failed logins are counted by where they come from.
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        self.guarded(async move {
            if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(soft.cancelled_owned()).await {
                tracing::error!(%error, "the web server failed");
            }
        });
    }

    fn serve_metrics(&self, listener: TcpListener) -> Result<(), StartError> {
        let handle = crate::telemetry::metrics::install(&self.controls.work, self.controls.soft.clone())
            .map_err(|error| StartError::new(format!("metrics.listen: {error}"), "set it up once a process"))?;
        self.serve_http(listener, web::metrics::router(move || handle.render()));
        Ok(())
    }

    /// Resolves when something that must not fail has failed.
    pub async fn failed(&self) {
        self.controls.fatal.cancelled().await;
    }

    /// Stops in order. What has not finished after `grace` is cut off; nothing accepted is lost by that.
    pub async fn stop(self, grace: Duration) {
        self.readiness.stopping();
        self.controls.soft.cancel();
        self.broker.outbound.close();
        wait_for(&self.controls.work, grace).await;
        self.controls.hard.cancel();
        wait_for(&self.controls.work, Duration::from_secs(5)).await;
        if let Err(error) = self.broker.ledger.flush(self.broker.storage()).await {
            tracing::warn!(%error, "the last counts could not be written");
        }
        if tokio::time::timeout(CLOSING, self.broker.storage().close()).await.is_err() {
            tracing::warn!("the database did not close in time");
        }
        wait_for(&self.controls.writer, Duration::from_secs(5)).await;
    }

    /// Cuts everything off now, as the second signal does.
    pub fn cut_off(&self) {
        self.controls.soft.cancel();
        self.controls.hard.cancel();
    }

    /// The token that cuts everything off.
    pub(super) fn hard(&self) -> tokio_util::sync::CancellationToken {
        self.controls.hard.clone()
    }
}

async fn wait_for(tasks: &TaskTracker, deadline: Duration) {
    tasks.close();
    if tokio::time::timeout(deadline, tasks.wait()).await.is_err() {
        tracing::warn!(tasks = tasks.len(), "some work did not end in time");
    }
}
