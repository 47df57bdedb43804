//! Deliveries of results to destinations.
//!
//! ```text
//!              sent       (of a destination that commits)      committed
//! pending ----------> sent ------> awaiting-commitment ----------------> delivered
//!   |  ^ ^              ^ request failed |        |
//!   |  | |              +----------------+        | no answer in time, or not committed
//!   |  | +----------------------------------------+
//!   |  +-- not now: after a while, doubled with every failure, for ever
//!   +--> refused      the destination will never take it; visible, and sent again when a person says so
//!   +--> cancelled    a later result has taken its place, or a person says so
//! ```
//!
//! A delivery of a destination that the configuration does not have any more is *orphaned*: it waits, visibly, until the
//! destination is there again or somebody cancels it.
//!
//! What survives what: everything is in the database, so a restart goes on where the process ended. Before the first byte
//! of an object leaves, it is on disk that the destination may have it; a process that dies before the answer is kept
//! sends it again, under the same SOP Instance UID, which a PACS takes as the same object. Likewise the Transaction UID
//! of a request to commit is on disk before the request, so that its answer is known whenever it comes.
//!
//! Each destination has a task of its own, and waits by itself while it cannot be reached: one that is down holds up no
//! other. A task sleeps until something is due or has changed.
//!
//! ```text
//! INFO uvid_server::outbox: delivery destination="pacs" sent=4 refused=0 not_now=0
//! WARN uvid_server::outbox: the destination cannot be reached destination="pacs" problem="..." seconds=5.0
//! ```

mod channel;
mod status;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use metrics::counter;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{self, Config, Destination, seconds};
use crate::dimse::scu::{Commitment, ScuError, ToStore};
use crate::metrics as names;
use crate::store::{Errand, Outgoing, Said, Store, StoreError};

pub use channel::{Channel, Deliver};
pub use status::said;

/// The wait after the database failed.
const DATABASE_RETRY: Duration = Duration::from_secs(2);

/// Delivers until `stop`. `answers` are those to requests to commit that come on associations of the nodes' own.
pub async fn run(store: Store, config: &Config, answers: mpsc::Receiver<Commitment>, stop: CancellationToken) {
    let channels = config.destinations.iter().filter_map(|destination| {
        let channel = Channel::of(config, destination).inspect_err(|problem| {
            error!(destination = destination.name, %problem, "the destination cannot be used; its deliveries wait");
        });
        Some((destination.clone(), channel.ok()?))
    });
    deliver(store, channels.collect(), answers, stop).await;
}

/// Delivers to these destinations until `stop`.
pub async fn deliver<D: Deliver>(
    store: Store,
    channels: Vec<(Destination, D)>,
    answers: mpsc::Receiver<Commitment>,
    stop: CancellationToken,
) {
    let mut tasks = JoinSet::new();
    tasks.spawn(listen(store.clone(), answers, stop.clone()));
    for (destination, channel) in channels {
        let policy = store.policy().outbox.clone();
        let courier = Courier { store: store.clone(), destination, channel, policy, failures: 0 };
        tasks.spawn(courier.run(stop.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

/// Takes answers to requests to commit.
async fn listen(store: Store, mut answers: mpsc::Receiver<Commitment>, stop: CancellationToken) {
    while let Some(Some(commitment)) = stop.run_until_cancelled(answers.recv()).await {
        let policy = store.policy().outbox.clone();
        let transaction = commitment.transaction.as_str();
        match store.committed(&commitment, |attempts| backoff(&policy, attempts)).await {
            Ok(0) => info!(transaction, "an answer to no request to commit that is open"),
            Ok(deliveries) => info!(transaction, deliveries, failed = commitment.failed.len(), "a node has committed"),
            Err(error) => error!(%error, transaction, "an answer is lost; the objects will be sent again"),
        }
    }
}

/// The wait after so many failures, from 1: doubled with each, and between half of it and all of it, so that servers
/// that failed together do not come back together.
fn backoff(policy: &config::Outbox, failures: u32) -> Duration {
    let doubled =
        policy.retry_seconds * 2_f64.powi(i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX).min(64));
    let chance = RandomState::new().hash_one(failures) as f64 / u64::MAX as f64;
    seconds(doubled.min(policy.retry_seconds_max) * (0.5 + chance / 2.0))
}

/// Who goes to one destination.
struct Courier<D> {
    store: Store,
    destination: Destination,
    channel: D,
    policy: config::Outbox,
    /// Attempts in a row at which the destination could not be reached.
    failures: u32,
}

/// What is done after an errand.
enum After {
    /// The next one.
    Go,
    /// Nothing, until there is news or this time is over.
    Rest(Option<Duration>),
    /// Nothing for this time, whatever the news; a person may end it.
    Pause(Duration),
}

impl<D: Deliver> Courier<D> {
    async fn run(mut self, stop: CancellationToken) {
        let mut news = self.store.outbox_news();
        while !stop.is_cancelled() {
            // Looked at before the errand is asked for, so that nothing that comes meanwhile is overlooked.
            let hurries = *news.borrow_and_update();
            // What is cut off here was written down as sent, maybe, and is sent again.
            let Some(after) = stop.run_until_cancelled(self.errand()).await else { return };
            let rest = async {
                match after {
                    After::Go => {}
                    After::Rest(None) => changed(&mut news).await,
                    After::Rest(Some(time)) => drop(tokio::time::timeout(time, changed(&mut news)).await),
                    After::Pause(time) => {
                        let hurry = async {
                            while *news.borrow_and_update() == hurries {
                                changed(&mut news).await
                            }
                        };
                        if tokio::time::timeout(time, hurry).await.is_ok() {
                            self.failures = 0;
                        }
                    }
                }
            };
            stop.run_until_cancelled(rest).await;
        }
    }

    async fn errand(&mut self) -> After {
        let done = match self.store.errand(&self.destination).await {
            Ok(Errand::Send(objects)) => self.send(objects).await,
            Ok(Errand::Commit { transaction, objects }) => self.commit(&transaction, &objects).await,
            Ok(Errand::Wait(time)) => Ok(After::Rest(time)),
            Err(error) => Err(error),
        };
        done.unwrap_or_else(|error| {
            error!(%error, destination = self.destination.name, "the database failed; trying again");
            After::Pause(DATABASE_RETRY)
        })
    }

    async fn send(&mut self, objects: Vec<Outgoing>) -> Result<After, StoreError> {
        let (present, mut said) = self.read(objects).await?;
        let (objects, files): (Vec<Outgoing>, Vec<ToStore>) = present.into_iter().unzip();
        let mut broken = None;
        if !files.is_empty() {
            match self.channel.store(&files).await {
                Ok(answers) => {
                    broken = answers.iter().find_map(|answer| unreachable(answer.as_ref().err()?));
                    // An object of which nothing was said is one that may be there.
                    let silent =
                        std::iter::repeat_with(|| Err(ScuError::Protocol("nothing was said of it".to_owned())));
                    said.extend(objects.into_iter().zip(answers.into_iter().chain(silent).map(status::said)));
                }
                Err(error) => {
                    broken = Some(error.to_string());
                    said.extend(objects.into_iter().map(|object| (object, status::no_association(&error))));
                }
            }
        }
        let policy = &self.policy;
        self.store.sent_were(&self.destination, &said, |attempts| backoff(policy, attempts)).await?;
        self.tell(&said);
        Ok(self.reached(broken))
    }

    /// The files of objects. What is not there any more can never be sent.
    async fn read(
        &self,
        objects: Vec<Outgoing>,
    ) -> Result<(Vec<(Outgoing, ToStore)>, Vec<(Outgoing, Said)>), StoreError> {
        let files = self.store.objects().clone();
        let read = tokio::task::spawn_blocking(move || {
            let (mut present, mut lost) = (Vec::new(), Vec::new());
            for object in objects {
                let (sop_class, sop_instance) = (object.sop_class.clone(), object.sop_instance.clone());
                match files.read(&object.digest) {
                    Ok(bytes) => present.push((object, ToStore { sop_class, sop_instance, bytes })),
                    Err(error) => {
                        error!(%sop_instance, %error, "a result is lost");
                        lost.push((object, Said::Refused("its bytes are lost or damaged".to_owned())));
                    }
                }
            }
            (present, lost)
        });
        read.await.map_err(|_| StoreError::Interrupted)
    }

    async fn commit(&mut self, transaction: &str, objects: &[Outgoing]) -> Result<After, StoreError> {
        let named: Vec<_> = objects.iter().map(|o| (o.sop_class.clone(), o.sop_instance.clone())).collect();
        let policy = &self.policy;
        let broken = match self.channel.commit(transaction, &named).await {
            Ok(Some(answer)) => {
                // Whose transaction it is, is known here better than to the node.
                let answer = Commitment { transaction: transaction.to_owned(), ..answer };
                self.store.committed(&answer, |attempts| backoff(policy, attempts)).await?;
                None
            }
            Ok(None) => None,
            Err(error) => {
                let attempts = objects.iter().map(|object| object.attempts).max().unwrap_or(0).saturating_add(1);
                warn!(destination = self.destination.name, %error, "the destination could not be asked to commit");
                self.store.not_asked(transaction, &error.to_string(), backoff(policy, attempts)).await?;
                unreachable(&error)
            }
        };
        Ok(self.reached(broken))
    }

    /// After an errand on which the destination was reached, or was not.
    fn reached(&mut self, broken: Option<String>) -> After {
        let Some(problem) = broken else {
            self.failures = 0;
            return After::Go;
        };
        self.failures = self.failures.saturating_add(1);
        let pause = backoff(&self.policy, self.failures);
        let (destination, seconds) = (&self.destination.name, pause.as_secs_f64());
        warn!(destination, problem, seconds, "the destination cannot be reached");
        After::Pause(pause)
    }

    fn tell(&self, said: &[(Outgoing, Said)]) {
        let destination = &self.destination.name;
        let (mut refused, mut not_now) = (0, 0);
        for (object, said) in said {
            let result = match said {
                Said::Taken => "taken",
                Said::NotNow(problem) => {
                    not_now += 1;
                    warn!(destination, sop_instance = %object.sop_instance, problem, "a result was not taken; again later");
                    "not-now"
                }
                Said::NotSent(_) => {
                    not_now += 1;
                    "not-sent"
                }
                Said::Refused(problem) => {
                    refused += 1;
                    warn!(destination, sop_instance = %object.sop_instance, problem, "a result is refused for good");
                    "refused"
                }
            };
            counter!(names::SENT, "destination" => destination.clone(), "result" => result).increment(1);
        }
        info!(destination, sent = said.len() - refused - not_now, refused, not_now, "delivery");
    }
}

/// Why a destination cannot be reached, if that is what went wrong.
fn unreachable(error: &ScuError) -> Option<String> {
    match error {
        ScuError::Unreachable(_) | ScuError::Rejected(_) | ScuError::Protocol(_) => Some(error.to_string()),
        ScuError::NoContext(_) | ScuError::Status { .. } => None,
    }
}

/// Resolves at the next news; never, when nobody is left to tell any.
async fn changed(news: &mut watch::Receiver<u64>) {
    if news.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_doubled_up_to_its_limit() {
        let policy = config::Outbox { retry_seconds: 5.0, retry_seconds_max: 600.0, ..config::Outbox::default() };
        for (failures, most) in [(0, 5.0), (1, 5.0), (2, 10.0), (5, 80.0), (8, 600.0), (u32::MAX, 600.0)] {
            let wait = backoff(&policy, failures).as_secs_f64();
            assert!((most / 2.0..=most).contains(&wait), "{failures}: {wait}");
        }
    }
}
