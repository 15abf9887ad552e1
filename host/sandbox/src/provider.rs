//! A component as the core's port `Provider`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::document::{child_pointer, references};
use nic_core::error::{ChangeFailure, ProviderError};
use nic_core::kind::Description;
use nic_core::ports::{
    Answer, Call, Change, Context, CreatedSink, Facts, Locator, Outdated, Progress, Provider, Query, Target,
};
use nic_core::resource::{Observed, Record};
use nic_gate::Phase;
use nic_gate::grant::Grants;
use serde_json::Value;

use super::answers;
use super::bindings::types::Recorded;
use super::call::{Calling, Runner};
use super::code::Code;
use super::convert::{
    change_to_guest, context_text, data, desired_from_guest, diagnostics_from_guest, error_from_guest,
    facts_from_guest, facts_to_guest, json, locator_from_guest, observed_from_guest, outdated_to_guest,
    progress_from_guest, query_from_guest, query_to_guest, record_to_guest, target_to_guest, text,
};
use super::describe::{self, Audited, Refused};
use super::engine::Host;
use super::error::PluginError;
use super::exports::Exports;
use super::fault::Fault;
use super::granted;
use super::limits::MAX_DOCUMENT_BYTES;
use super::manifest::Manifest;
use super::progress::{self, Asked, Verb};
use super::schema::Schema;

/// A component that was loaded and audited.
pub struct ComponentProvider {
    pub(super) runner: Runner,
    exports: Exports,
    manifest: Manifest,
    digest: String,
    description: Description,
    schemas: BTreeMap<String, Schema>,
    /// Of its config sections.
    sections: BTreeMap<String, Schema>,
}

impl Host {
    /// Loads a component, which may do what is granted and nothing else that its manifest wants.
    ///
    /// # Errors
    /// [`PluginError`].
    pub async fn load(
        self: &Arc<Self>,
        manifest: Manifest,
        code: Code,
        granted: Grants,
    ) -> Result<Arc<ComponentProvider>, PluginError> {
        let digest = code.digest().to_owned();
        let runner = Runner {
            host: Arc::clone(self),
            pre: self.linked(&manifest.name, code).await?,
            name: manifest.name.as_str().into(),
            memory_bytes: manifest.memory_bytes(),
            grants: Arc::new(granted),
            identities: AtomicBool::new(false),
        };
        ComponentProvider::new(runner, manifest, digest).await.map(Arc::new)
    }
}

impl ComponentProvider {
    /// Asks the component who it is, and audits the answer.
    pub(super) async fn new(runner: Runner, manifest: Manifest, digest: String) -> Result<Self, PluginError> {
        let exports = Exports::find(&runner.pre);
        let failed = |error: ProviderError| match error.code() {
            "PLUGIN_INTERFACE_MISMATCH" => {
                PluginError::NotLinkable { name: manifest.name.clone(), why: error.to_string() }
            }
            _ => PluginError::DescribeFailed { name: manifest.name.clone(), error },
        };
        let all = exports.clone();
        let Some(meta) = exports.meta.clone() else { return Err(failed(missing(&runner, "meta", "describe"))) };
        let text = runner
            .run(Calling::without_context("describe"), move |store, instance| {
                Box::pin(async move {
                    all.check(&mut *store, instance)?;
                    meta.load(&mut *store, instance)?.call_describe(&mut *store).await
                })
            })
            .await
            .map_err(failed)?;
        let name = || manifest.name.clone();
        let audited = describe::audit(&manifest, &text).map_err(|refused| match refused {
            Refused::Unknown(what) => PluginError::NeedsNewerHost { name: name(), what },
            Refused::Broken(why) => PluginError::BadDescription { name: name(), why },
        })?;
        if let Some(what) = granted::ungranted(&runner.grants, &audited.description) {
            return Err(PluginError::NotGranted { name: name(), what });
        }
        let Audited { description, schemas, sections } = audited;
        Ok(Self { runner, exports, manifest, digest, description, schemas, sections })
    }

    /// What it says it is and wants.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it may do.
    pub fn grants(&self) -> &Grants {
        &self.runner.grants
    }

    /// From now on its changes may say who may do what, as far as that is granted: it came with NIC, or the user agreed.
    pub fn allow_identities(&self) {
        self.runner.identities.store(true, Ordering::Relaxed);
    }

    fn fault(&self, export: &'static str) -> impl Fn(Fault) -> ProviderError + '_ {
        move |fault| fault.error(&self.manifest.name, export)
    }

    /// What is observed, unless its document breaks the kind's own schema: that is no document to plan on.
    fn in_form(&self, observed: Observed, schema: Option<&Schema>) -> Observed {
        let Some(schema) = schema.filter(|_| observed.is_present()) else { return observed };
        let Some((pointer, sentence)) = schema.violations(&observed.document, false).into_iter().next() else {
            return observed;
        };
        let address = &observed.address;
        let why = format!("the document of `{address}` does not fit its schema at `{pointer}`: {sentence}");
        Observed::unreadable(address, self.fault("read")(Fault::Lie(why)))
    }

    fn interface<T: Clone>(&self, found: Option<&T>, interface: &str, export: &str) -> Result<T, ProviderError> {
        found.cloned().ok_or_else(|| missing(&self.runner, interface, export))
    }

    /// A section that breaks its schema is shown to nobody but `validate`, which may say it better.
    fn fits(&self, config: &Value) -> Result<(), ProviderError> {
        let found = self.violations(config);
        if found.is_empty() { Ok(()) } else { Err(ProviderError::Invalid(found)) }
    }

    /// Where the config breaks the schemas of its sections.
    fn violations(&self, config: &Value) -> Vec<Diagnostic> {
        let sections = self
            .sections
            .iter()
            .filter_map(|(name, schema)| Some((name, schema, config.get(name).filter(|section| !section.is_null())?)));
        let found = sections.flat_map(|(name, schema, section)| {
            let broken = schema.violations(section, false).into_iter();
            broken.map(move |(pointer, sentence)| {
                let pointer = format!("{}{pointer}", child_pointer("", name));
                let detail = format!("`{}`: {sentence}", pointer.trim_start_matches('/').replace('/', "."));
                let told = Diagnostic::error("CONFIG_INVALID_VALUE", "A value is not allowed", detail);
                Diagnostic { pointer: Some(pointer), ..told.hint("`nic config schema` shows what is allowed there") }
            })
        });
        found.collect()
    }

    fn context(&self, call: &Call) -> String {
        context_text(&call.context, &self.description.name)
    }

    /// Its own records: what other providers recorded is not its business.
    fn records(&self, call: &Call) -> Vec<Recorded> {
        // What was deposed is on its way out and nobody's to show.
        let own = |r: &&Record| r.address.provider() == self.description.name && r.deposed.is_none();
        call.records.iter().filter(own).map(record_to_guest).collect()
    }

    async fn change(
        &self,
        verb: Verb,
        call: &Call,
        change: &Change,
        operation: Option<&Value>,
        sink: Option<Arc<dyn CreatedSink>>,
    ) -> Result<Progress, ChangeFailure> {
        let export = verb.name();
        let Some(schema) = self.schemas.get(&change.kind) else {
            let what = format!("does not describe the kind `{}` that `{export}` is asked for", change.kind);
            return Err(self.runner.error("KIND_UNKNOWN", &what).into());
        };
        let raw_schema =
            self.description.kinds.iter().find(|kind| kind.kind == change.kind).map_or(&Value::Null, |k| &k.schema);
        let lifecycle = self.interface(self.exports.lifecycle.as_ref(), "lifecycle", export)?;
        let context = self.context(call);
        let guest_change = change_to_guest(change);
        let operation = operation.map(text);
        self.runner.lowered(export, &[&context, &guest_change, &operation]);
        let calling = Calling {
            address: Some(change.address.clone()),
            kind: Some(change.kind.as_str().into()),
            deadline: Some(change.deadline),
            sink,
            // A poll may only look: what changes things is asked for by its own name.
            ..Calling::new(export, if verb == Verb::Poll { Phase::Read } else { Phase::Change }, call)
        };
        let told = calling.told.clone();
        let answer = self.runner.run(calling, move |store, instance| {
            Box::pin(async move {
                let guest = lifecycle.load(&mut *store, instance)?;
                match verb {
                    Verb::Create => guest.call_create(&mut *store, &context, &guest_change).await,
                    Verb::Update => guest.call_update(&mut *store, &context, &guest_change).await,
                    Verb::Delete => guest.call_delete(&mut *store, &context, &guest_change).await,
                    Verb::Poll => {
                        guest.call_poll(&mut *store, &context, &guest_change, &operation.unwrap_or_default()).await
                    }
                }
            })
        });
        let answer = answer.await;
        let told = told.get();
        let asked = Asked { verb, change, told: told.as_deref(), schema: (raw_schema, schema) };
        let blamed = |error: ProviderError| ChangeFailure { error, remote_id: told.clone() };
        match answer {
            Err(error) => Err(blamed(error)),
            Ok(Err(failure)) => {
                let error = error_from_guest(failure.error);
                let failure = progress::failure(&asked, error, failure.remote_id);
                Err(failure.unwrap_or_else(|fault| blamed(self.fault(export)(fault))))
            }
            Ok(Ok(progress)) => progress_from_guest(progress)
                .and_then(|progress| progress::audit(&asked, progress))
                .map_err(|fault| blamed(self.fault(export)(fault))),
        }
    }
}

fn missing(runner: &Runner, interface: &str, export: &str) -> ProviderError {
    runner
        .error("PLUGIN_INTERFACE_MISSING", &format!("does not export `nic:plugin/{interface}`, which `{export}` needs"))
}

fn each<T, U>(values: Vec<T>, convert: impl Fn(T) -> Result<U, Fault>) -> Result<Vec<U>, Fault> {
    values.into_iter().map(convert).collect()
}

#[async_trait]
impl Provider for ComponentProvider {
    fn description(&self) -> &Description {
        &self.description
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    async fn validate(&self, call: &Call, config: &Value) -> Result<Vec<Diagnostic>, ProviderError> {
        let planning = self.interface(self.exports.planning.as_ref(), "planning", "validate")?;
        let sections = config;
        let (context, config) = (self.context(call), text(config));
        self.runner.lowered("validate", &[&context, &config]);
        let answer = self.runner.run(Calling::new("validate", Phase::Pure, call), move |store, instance| {
            Box::pin(async move {
                planning.load(&mut *store, instance)?.call_validate(&mut *store, &context, &config).await
            })
        });
        let mut found = match answer.await?.map(diagnostics_from_guest).map_err(error_from_guest) {
            Ok(found) | Err(ProviderError::Invalid(found)) => found,
            Err(error) => return Err(error),
        };
        if !found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            found.extend(self.violations(sections));
        }
        Ok(found)
    }

    async fn desired(&self, call: &Call, config: &Value, facts: &Facts) -> Result<Answer, ProviderError> {
        use super::bindings::planning::Answer as GuestAnswer;

        let planning = self.interface(self.exports.planning.as_ref(), "planning", "desired")?;
        self.fits(config)?;
        let (context, config, facts) = (self.context(call), text(config), facts_to_guest(facts));
        self.runner.lowered("desired", &[&context, &config, &facts]);
        let answer = self.runner.run(Calling::new("desired", Phase::Pure, call), move |store, instance| {
            Box::pin(async move {
                planning.load(&mut *store, instance)?.call_desired(&mut *store, &context, &config, &facts).await
            })
        });
        let answer = match answer.await?.map_err(error_from_guest)? {
            GuestAnswer::Ready(resources) => each(resources, desired_from_guest).map(Answer::Ready),
            GuestAnswer::Need(queries) => each(queries, query_from_guest).map(Answer::Need),
        };
        let answer =
            answer.and_then(|answer| answers::desired(&self.description, answer)).map_err(self.fault("desired"))?;
        granted::objects(&self.runner.grants, &answer)?;
        granted::references(&self.description, &answer)?;
        Ok(answer)
    }

    async fn lookup(&self, call: &Call, queries: Vec<Query>) -> Result<Facts, ProviderError> {
        let discovery = self.interface(self.exports.discovery.as_ref(), "discovery", "lookup")?;
        let (context, asked) = (self.context(call), queries.iter().map(query_to_guest).collect::<Vec<_>>());
        self.runner.lowered("lookup", &[&context, &asked]);
        let answer = self.runner.run(Calling::new("lookup", Phase::Read, call), move |store, instance| {
            Box::pin(
                async move { discovery.load(&mut *store, instance)?.call_lookup(&mut *store, &context, &asked).await },
            )
        });
        let facts = answer.await?.map_err(error_from_guest)?;
        facts_from_guest(facts).and_then(|facts| answers::facts(&queries, facts)).map_err(self.fault("lookup"))
    }

    async fn read(&self, call: &Call, targets: Vec<Target>) -> Result<Vec<Observed>, ProviderError> {
        let discovery = self.interface(self.exports.discovery.as_ref(), "discovery", "read")?;
        let (context, asked) = (self.context(call), targets.iter().map(target_to_guest).collect::<Vec<_>>());
        self.runner.lowered("read", &[&context, &asked]);
        let answer = self.runner.run(Calling::new("read", Phase::Read, call), move |store, instance| {
            Box::pin(
                async move { discovery.load(&mut *store, instance)?.call_read(&mut *store, &context, &asked).await },
            )
        });
        let observed = answer.await?.map_err(error_from_guest)?;
        let observed = each(observed, observed_from_guest)
            .and_then(|observed| answers::read(&self.manifest.name, &targets, observed))
            .map_err(self.fault("read"))?;
        let schemas = targets.iter().map(|target| self.schemas.get(&target.kind));
        Ok(observed.into_iter().zip(schemas).map(|(observed, schema)| self.in_form(observed, schema)).collect())
    }

    async fn discover(&self, call: &Call) -> Result<Vec<Observed>, ProviderError> {
        let discovery = self.interface(self.exports.discovery.as_ref(), "discovery", "discover")?;
        let (context, records) = (self.context(call), self.records(call));
        self.runner.lowered("discover", &[&context, &records]);
        let answer = self.runner.run(Calling::new("discover", Phase::Read, call), move |store, instance| {
            Box::pin(async move {
                discovery.load(&mut *store, instance)?.call_discover(&mut *store, &context, &records).await
            })
        });
        let observed = answer.await?.map_err(error_from_guest)?;
        each(observed, observed_from_guest)
            .and_then(|observed| answers::discovered(&self.description, observed))
            .map_err(self.fault("discover"))
    }

    async fn preflight(&self, call: &Call, config: &Value, summary: &Value) -> Result<Vec<Diagnostic>, ProviderError> {
        let discovery = self.interface(self.exports.discovery.as_ref(), "discovery", "preflight")?;
        let (context, config, summary) = (self.context(call), text(config), text(summary));
        self.runner.lowered("preflight", &[&context, &config, &summary]);
        let answer = self.runner.run(Calling::new("preflight", Phase::Read, call), move |store, instance| {
            Box::pin(async move {
                discovery.load(&mut *store, instance)?.call_preflight(&mut *store, &context, &config, &summary).await
            })
        });
        answer.await?.map(diagnostics_from_guest).map_err(error_from_guest)
    }

    async fn create(
        &self,
        call: &Call,
        change: &Change,
        sink: Arc<dyn CreatedSink>,
    ) -> Result<Progress, ChangeFailure> {
        self.change(Verb::Create, call, change, None, Some(sink)).await
    }

    async fn update(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure> {
        self.change(Verb::Update, call, change, None, None).await
    }

    async fn delete(&self, call: &Call, change: &Change) -> Result<Progress, ChangeFailure> {
        self.change(Verb::Delete, call, change, None, None).await
    }

    async fn poll(&self, call: &Call, change: &Change, operation: &Value) -> Result<Progress, ChangeFailure> {
        self.change(Verb::Poll, call, change, Some(operation), None).await
    }

    async fn cluster(&self, call: &Call, config: &Value) -> Result<Option<Locator>, ProviderError> {
        let access = self.interface(self.exports.access.as_ref(), "access", "cluster")?;
        let sections = config;
        let (context, config, records) = (self.context(call), text(config), self.records(call));
        self.runner.lowered("cluster", &[&context, &config, &records]);
        let calling = Calling { locates: true, ..Calling::new("cluster", Phase::Pure, call) };
        let answer = self.runner.run(calling, move |store, instance| {
            Box::pin(async move {
                access.load(&mut *store, instance)?.call_cluster(&mut *store, &context, &config, &records).await
            })
        });
        let locator = answer.await?.map_err(error_from_guest)?;
        let locator = locator.map(locator_from_guest).transpose().map_err(self.fault("cluster"))?;
        locator
            .map(|locator| granted::locator(&self.runner.grants, sections, call.context.region.as_deref(), locator))
            .transpose()
    }

    async fn outputs(&self, call: &Call, config: &Value) -> Result<Value, ProviderError> {
        let planning = self.interface(self.exports.planning.as_ref(), "planning", "outputs")?;
        let (context, config, records) = (self.context(call), text(config), self.records(call));
        self.runner.lowered("outputs", &[&context, &config, &records]);
        let answer = self.runner.run(Calling::new("outputs", Phase::Pure, call), move |store, instance| {
            Box::pin(async move {
                planning.load(&mut *store, instance)?.call_outputs(&mut *store, &context, &config, &records).await
            })
        });
        let outputs = answer.await?.map_err(error_from_guest)?;
        let outputs = data(&outputs, "the outputs").map_err(self.fault("outputs"))?;
        if outputs.is_object() {
            Ok(outputs)
        } else {
            Err(self.fault("outputs")(Fault::Bad("the outputs are not an object".to_owned())))
        }
    }

    async fn upgrade_document(&self, context: &Context, outdated: &Outdated<'_>) -> Result<Value, ProviderError> {
        let meta = self.interface(self.exports.meta.as_ref(), "meta", "upgrade-document")?;
        let document = outdated_to_guest(outdated);
        let address = Some(outdated.address.clone());
        let calling = Calling { address, ..Calling::within("upgrade-document", Phase::Pure, context) };
        let context = context_text(context, &self.description.name);
        self.runner.lowered("upgrade-document", &[&context, &document]);
        let answer = self.runner.run(calling, move |store, instance| {
            Box::pin(async move {
                meta.load(&mut *store, instance)?.call_upgrade_document(&mut *store, &context, &document).await
            })
        });
        let upgraded = answer.await?.map_err(error_from_guest)?;
        let blame = self.fault("upgrade-document");
        let upgraded = json(&upgraded, "the upgraded document", MAX_DOCUMENT_BYTES).map_err(&blame)?;
        let referenced = references(&upgraded).map_err(|error| blame(Fault::Bad(error.to_string())))?;
        match referenced.first() {
            Some(address) => Err(blame(Fault::Lie(format!("a recorded document refers to `{address}`")))),
            None => Ok(upgraded),
        }
    }

    fn check_document(&self, kind: &str, document: &Value, partial: bool) -> Vec<(String, String)> {
        match self.schemas.get(kind) {
            Some(schema) => schema.violations(document, partial),
            None => vec![(String::new(), format!("`{}` does not describe the kind `{kind}`", self.manifest.name))],
        }
    }
}
