//! The worker: takes due jobs from the database, has the engine score them, keeps the results. As many are on their way as
//! devices have room for; what waits, waits in the database, where urgent ones overtake it.
//!
//! ```text
//! INFO study{uid=1.2.3 role=production attempt=1}: uvid_server::jobs: scored milliseconds=812 outcome="scored"
//! ```
//!
//! Invariants: a result is kept exactly once (see [`crate::store`]); a job that could not be ended because the
//! database fails is tried again until it is; a study that makes the computation panic, or takes the process down with
//! it, or under which one device after the other fails, is given up after `jobs.attempts_max` attempts with
//! [`Reason::ModelFailed`]; objects are made of production's results alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};
use uvid_exam::{PackageId, Reason};

use crate::config::{Jobs, seconds};
use crate::engine::{Answer, Engine, Models, Place, Unusable};
use crate::metrics as names;
use crate::pipeline::Stages;
use crate::report::Report;
use crate::report::dicom::{Making, ResultObject};
use crate::report::json::ReportJson;
use crate::store::{Job, Made, Outcome, Role, Store, StoreError};

/// The longest wait before the queue is looked at again, whatever it said.
const POLL: Duration = Duration::from_secs(60);

/// The wait after the database failed.
const DATABASE_RETRY: Duration = Duration::from_secs(2);

/// Works until `stop`. Jobs of roles without a model wait.
pub async fn work(store: Store, engine: Engine, policy: Jobs, stop: CancellationToken) {
    let Some(models) = engine.models().cloned() else {
        return error!("no model is loaded; nothing will be scored");
    };
    for Unusable { name, code, problem, .. } in models.unusable() {
        error!(name, code, problem, "a shadow cannot be used; its jobs wait, the others go on");
    }
    for role in &store.policy().roles {
        if models.of(role).is_none() {
            store.set_aside(role.clone());
        }
    }
    let worker = Arc::new(Worker { store, engine, policy, models, stop });
    let mut running = JoinSet::new();
    while let Some(place) = worker.place().await {
        while let Some(ended) = running.try_join_next() {
            go_on_after(ended);
        }
        // A claim is never cancelled half-way: it would leave the job marked as running.
        match worker.store.claim().await {
            Ok(Some(job)) => {
                let span = info_span!("study", uid = %job.study, role = %job.role, attempt = job.attempt);
                let worker = Arc::clone(&worker);
                running.spawn(async move { worker.run(&job, place).await }.instrument(span));
            }
            Ok(None) => {
                drop(place);
                worker.wait(&mut running).await;
            }
            Err(error) => worker.database_failed(&error).await,
        }
    }
    while let Some(ended) = running.join_next().await {
        go_on_after(ended);
    }
}

/// A panic of one job is the worker's, as if there were no others.
fn go_on_after(ended: Result<(), JoinError>) {
    if let Err(panicked) = ended.map_err(JoinError::try_into_panic)
        && let Ok(panic) = panicked
    {
        std::panic::resume_unwind(panic);
    }
}

struct Worker {
    store: Store,
    engine: Engine,
    policy: Jobs,
    models: Arc<Models>,
    stop: CancellationToken,
}

impl Worker {
    /// Room for a job; `None` once the server stops.
    async fn place(&self) -> Option<Place> {
        let place = self.stop.run_until_cancelled(self.engine.place()).await?;
        place.inspect_err(|ended| error!(%ended, "nothing more is scored")).ok()
    }

    /// Until a job may be due: one that ends may make one so.
    async fn wait(&self, running: &mut JoinSet<()>) {
        let pause = match self.store.next_due().await {
            Ok(due) => due.unwrap_or(POLL).clamp(Duration::from_millis(1), POLL),
            Err(error) => return self.database_failed(&error).await,
        };
        tokio::select! {
            () = self.store.work() => {}
            () = tokio::time::sleep(pause) => {}
            Some(ended) = running.join_next() => go_on_after(ended),
            () = self.stop.cancelled() => {}
        }
    }

    async fn database_failed(&self, error: &StoreError) {
        error!(%error, "the database failed; trying again");
        tokio::select! {
            () = tokio::time::sleep(DATABASE_RETRY) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// One attempt at one study.
    async fn run(&self, job: &Job, mut place: Place) {
        let Some(package) = self.models.of(&job.role).map(|model| model.id()) else {
            error!("there is no model of this role; the study goes back to the queue");
            return self.again(job).await;
        };
        if job.attempt > self.policy.attempts_max {
            return self.give_up(job, package, self.crashed()).await;
        }
        if job.attempt == 1
            && job.role == Role::Production
            && let Some(because) = job.because
        {
            let urgent = if job.urgent { "yes" } else { "no" };
            counter!(names::DUE, "because" => because.name(), "urgent" => urgent).increment(1);
        }
        let start = Instant::now();
        let answer = tokio::select! {
            answer = place.score(job.role.clone(), job.objects.clone(), self.making(job)) => answer,
            () = self.stop.cancelled() => return self.abandon(job).await,
        };
        match answer {
            Ok(Answer::Report(report, objects)) => {
                let outcome = if report.outcome.is_ok() { Outcome::Scored } else { Outcome::NotScored };
                if report.outcome.as_ref().is_err_and(|reasons| reasons.contains(&Reason::SeveralPatients)) {
                    error!("the study's objects are of several patients; nothing is scored until they are sorted out");
                }
                self.keep(job, outcome, &report, objects, start).await;
            }
            Ok(Answer::Lost(lost)) => {
                counter!(names::LOST).increment(1);
                error!(%lost, "the data folder is damaged; a resend repairs it");
                self.again_or_give_up(job, package, Reason::ObjectLost).await;
            }
            Ok(Answer::Panicked) => {
                counter!(names::PANICS).increment(1);
                warn!("the computation panicked");
                self.again_or_give_up(job, package, self.crashed()).await;
            }
            Ok(Answer::Failed(fault)) => {
                error!(%fault, "too many devices failed under the study");
                self.again_or_give_up(job, package, self.crashed()).await;
            }
            Err(ended) => {
                error!(%ended, "the server stops; the study goes back to the queue");
                self.abandon(job).await;
                self.stop.cancel();
            }
        }
    }

    fn crashed(&self) -> Reason {
        Reason::ModelFailed(format!("{} attempts ended in a crash", self.policy.attempts_max))
    }

    async fn again_or_give_up(&self, job: &Job, package: &PackageId, because: Reason) {
        if job.attempt >= self.policy.attempts_max {
            self.give_up(job, package, because).await;
        } else {
            self.again(job).await;
        }
    }

    /// The end of a study that no attempt could score, until a resend or a new image starts it again.
    async fn give_up(&self, job: &Job, package: &PackageId, because: Reason) {
        warn!(attempts_max = self.policy.attempts_max, "the study is given up");
        let report = Report {
            study: Some(job.study.clone()),
            package: package.clone(),
            fates: Vec::new(),
            notes: Vec::new(),
            unreadable: Vec::new(),
            missing: Vec::new(),
            outcome: Err(vec![because]),
            stages: Stages::default(),
        };
        let objects = match self.making(job) {
            Some(making) => self.engine.objects_of(&job.role, &report, &job.objects, making).await,
            None => Vec::new(),
        };
        self.keep(job, Outcome::Failed, &report, objects, Instant::now()).await;
    }

    /// What is to be made of a job's result: of a shadow's, nothing.
    fn making(&self, job: &Job) -> Option<Making> {
        let results = &self.store.policy().results;
        let wanted = job.role == Role::Production && !(results.objects.is_empty() && job.supersedes.is_empty());
        wanted.then(|| Making {
            kinds: results.objects.iter().copied().collect(),
            language: results.language,
            uid_root: results.uid_root.clone(),
            at: results.now(),
            charsets: job.charsets.clone(),
            supersedes: job.supersedes.clone(),
        })
    }

    /// Keeps a result with what was made of it, however often the database has to be asked.
    async fn keep(&self, job: &Job, outcome: Outcome, report: &Report, objects: Vec<ResultObject>, start: Instant) {
        let flags = report.outcome.iter().flat_map(|scores| &scores.flags).filter(|flag| flag.flagged);
        let made = Made { objects, flagged: flags.map(|flag| flag.point.clone()).collect() };
        let json = match serde_json::to_string(&ReportJson::of(&job.study, report)) {
            Ok(json) => json,
            Err(error) => return error!(%error, "the report is no JSON; the study stays in the queue"),
        };
        let input_digest = job.input_digest(&report.package, &self.models.site(&job.role));
        while let Err(error) = self.store.finish_with(job, &input_digest, outcome, &json, &made).await {
            if self.stop.is_cancelled() {
                return;
            }
            self.database_failed(&error).await;
        }
        count(&job.role, outcome, report);
        info!(outcome = outcome.name(), milliseconds = start.elapsed().as_millis() as u64, "done");
    }

    async fn again(&self, job: &Job) {
        while let Err(error) = self.store.retry(job, seconds(self.policy.retry_seconds)).await {
            if self.stop.is_cancelled() {
                return;
            }
            self.database_failed(&error).await;
        }
    }

    async fn abandon(&self, job: &Job) {
        match self.store.abandon(job).await {
            Ok(()) => info!("back to the queue: the server stops"),
            Err(error) => warn!(%error, "the next start will return the study to the queue"),
        }
    }
}

fn count(role: &Role, outcome: Outcome, report: &Report) {
    let role = role.kind();
    counter!(names::STUDIES, "role" => role, "outcome" => outcome.name()).increment(1);
    for reason in report.outcome.as_ref().err().into_iter().flatten() {
        counter!(names::REASONS, "role" => role, "reason" => reason.code()).increment(1);
    }
    let Stages { read, assemble, prepare, predict } = report.stages;
    for (stage, took) in [("read", read), ("assemble", assemble), ("prepare", prepare), ("predict", predict)] {
        histogram!(names::STAGE_SECONDS, "role" => role, "stage" => stage).record(took.as_secs_f64());
    }
}
