//! From a link to its archive: what it stands for, planned once for all of its downloads.

use std::{ops::Range, sync::Arc};

use http::{
    HeaderMap,
    header::{IF_MATCH, IF_NONE_MATCH, RANGE},
};

use crate::{
    api::{
        Connection, NotModified, Outcome, Problem, Refusal, RequestId, State,
        condition::{self, Asked as Condition},
        ledger::Ledger,
    },
    archive,
    descriptor::{self, Descriptor},
    limits, links, plan,
};

/// A link that is being used: what it stands for, under the limits of whoever made it.
pub(super) struct Asked {
    pub(super) caller: Caller,
    pub(super) descriptor: Descriptor,
    client: limits::Client,
    facts: Option<plan::Facts>,
    is_expired: bool,
    limits: archive::Limits,
    pub(super) token: links::Token,
}

/// The request that uses it.
pub(super) type Caller = (RequestId, Connection);

/// An archive that has begun, or a part of it.
pub(super) struct Begun {
    pub(super) archive: archive::Archive,
    pub(super) forecast: archive::Forecast,
    /// The bytes of the archive, where not all of them are meant.
    pub(super) window: Option<Range<u64>>,
}

impl Asked {
    /// Finds a link that can still be used: after its time only to go on with a download that began.
    pub(super) async fn find(
        state: &State,
        token: links::Token,
        headers: &HeaderMap,
        caller: Caller,
    ) -> Result<Asked, Problem> {
        let links::Found { facts, fault, is_expired, record } = state.links.find(&token).await?;
        // After its time a download can be gone on with, and nothing else be begun.
        if is_expired && (facts.is_none() || !headers.contains_key(RANGE)) {
            return Err(Problem::link_not_found());
        }
        let client = state.limits.restore(&record.client_id, &record.tier_name);
        let descriptor = parse(&record.descriptor, &client, state)?;
        // Of an archive that may leave sources out a later download can be whole, and none is made of parts.
        if let Some(fault) = fault.filter(|_| !descriptor.skips()) {
            return Err(Problem::of_fault(fault));
        }
        let limits = archive::Limits { size: client.tier.archive_size.0 };
        let mut link = Asked { caller, client, descriptor, facts, is_expired, limits, token };
        // Conditions are about an archive that is planned.
        if link.facts.is_none()
            && [RANGE, IF_MATCH, IF_NONE_MATCH].iter().any(|name| headers.contains_key(name))
        {
            link.freeze(state).await?;
        }
        Ok(link)
    }

    /// Takes a place for an archive of whoever made the link; all requests for the link share one.
    ///
    /// # Errors
    /// When all places are taken, and none by this link.
    pub(super) fn admit(&self, state: &State) -> Result<limits::Permit, limits::Error> {
        state.limits.admit_link(&self.client, &self.token.record_name())
    }

    /// Holds the request's conditions against the archive, as far as it is planned; the tag where the client has it.
    ///
    /// # Errors
    /// When the client means another archive, or what lies behind its end.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<Option<NotModified>, Problem> {
        let Some(facts) = &self.facts else { return Ok(None) };
        let forecast = archive::foretell(self.descriptor.clone(), self.limits, facts.clone())?;
        match (condition::asked(headers, forecast.divisible()), forecast) {
            (Condition::Known, archive::Forecast { etag: Some(etag), .. }) => Ok(Some(NotModified { etag })),
            (Condition::Unsatisfiable, archive::Forecast { length: Some(length), .. }) => {
                Err(Problem::range_not_satisfiable(length))
            }
            (Condition::Other, _) => Err(Problem::precondition_failed()),
            (Condition::Whole, _) if self.is_expired => Err(Problem::link_not_found()),
            (Condition::Part(window), _) if self.is_expired && window.start == 0 => {
                Err(Problem::link_not_found())
            }
            (Condition::Known | Condition::Part(_) | Condition::Unsatisfiable | Condition::Whole, _) => {
                Ok(None)
            }
        }
    }

    /// Begins the archive, or the part of it that is asked for, where that costs little enough.
    pub(super) async fn start(
        self,
        state: &State,
        headers: &HeaderMap,
        book: Arc<links::Book>,
    ) -> Result<Begun, Refusal> {
        if let (Some(facts), true) = (&self.facts, headers.contains_key(RANGE)) {
            let planned = state.archives.replan(self.descriptor.clone(), self.limits, facts.clone())?;
            let seen = book.seen().await;
            if let Condition::Part(window) = condition::asked(headers, planned.forecast.divisible())
                && planned.reread(&window, &seen).is_some_and(|bytes| bytes <= state.links.reread_limit())
            {
                let forecast = planned.forecast.clone();
                let archive = planned.start_part(window.clone(), Arc::new(Ledger(book)), seen).await?;
                return Ok(Begun { archive, forecast, window: Some(window) });
            }
        }
        if self.is_expired {
            return Err(links::Error::NotFound.into());
        }
        let planned = self.plan(state).await?;
        let forecast = planned.forecast.clone();
        let archive = planned.start(Some(Arc::new(Ledger(book)))).await?;
        Ok(Begun { archive, forecast, window: None })
    }

    /// What the archive's headers will tell.
    pub(super) async fn foretell(mut self, state: &State) -> Result<archive::Forecast, Problem> {
        if self.facts.is_none() {
            self.freeze(state).await?;
        }
        let facts = self.facts.unwrap_or_default();
        Ok(archive::foretell(self.descriptor, self.limits, facts)?)
    }

    /// Plans the archive, without beginning it. What stands in its way is told as of a download: there may be none after
    /// this answer.
    async fn freeze(&mut self, state: &State) -> Result<(), Problem> {
        let _permit = self.admit(state)?;
        match self.frozen(state).await {
            Ok(facts) => self.facts = Some(facts),
            Err(refusal) => {
                let mut outcome = self.outcome();
                if let Ok((download, book)) = self.begin(state).await {
                    outcome.tell(download, book);
                }
                outcome.note_refusal(&refusal);
                return Err(refusal.into());
            }
        }
        Ok(())
    }

    async fn frozen(&self, state: &State) -> Result<plan::Facts, Refusal> {
        let probed = state.archives.probe(self.descriptor.clone(), self.limits, None).await?;
        Ok(state.links.freeze(&self.token, probed.facts()).await?)
    }

    /// What is to be said of the archive.
    pub(super) fn outcome(&self) -> Outcome {
        let (id, connection) = self.caller.clone();
        Outcome::new(id, self.descriptor.entries.len(), connection)
    }

    /// Begins a download of the link.
    ///
    /// # Errors
    /// When the link has ended since it was found, or its state is out of reach.
    pub(super) async fn begin(
        &self,
        state: &State,
    ) -> Result<(links::Download, Arc<links::Book>), links::Error> {
        let (download, book) = state.links.begin(&self.token, self.descriptor.entries.len()).await?;
        Ok((download, Arc::new(book)))
    }

    async fn plan(self, state: &State) -> Result<archive::Planned, Refusal> {
        let Asked { descriptor, facts, limits, token, .. } = self;
        let is_frozen = facts.is_some();
        let probed = state.archives.probe(descriptor, limits, facts).await?;
        let facts = match is_frozen {
            true => probed.facts().clone(),
            // Another request may have been first: then its facts hold.
            false => state.links.freeze(&token, probed.facts()).await?,
        };
        Ok(probed.plan(facts)?)
    }
}

/// Reads a descriptor under the limits of a client.
pub(super) fn parse(document: &[u8], client: &limits::Client, state: &State) -> Result<Descriptor, Problem> {
    let limits = descriptor::Limits { files: client.tier.files };
    Ok(Descriptor::parse(document, limits, &state.policy)?)
}
