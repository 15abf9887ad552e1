//! `aws.ecr-repository`: a container registry's repository.

use aws_sdk_ecr::types::{ImageScanningConfiguration, Repository, Tag};
use futures::future::{join, join_all};
use nic_sdk::description::{self, CreateSafety};
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::change::{document, failure, gone, remote_id};
use nic_sdk::kit::settle::{complete, poll, settle};
use nic_sdk::kit::{Found, Kind, LabelEdits, Labelled, Scope, Settles, named};
use nic_sdk::report;
use nic_sdk::schema::{boolean, map, object, string};
use nic_sdk::types::{Change, Observation, Progress, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{Cloud, answered, from_aws};
use crate::tags::{Tags, visible};

/// The kind.
pub struct EcrRepository;

/// Its document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    /// What images are tagged with to be pushed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry_id: Option<String>,
    scan_on_push: bool,
    tags: Tags,
}

/// One call of an update.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    ScanOnPush(bool),
}

impl Labelled for Document {
    fn labels(&self) -> &Tags {
        &self.tags
    }
}

impl Kind for EcrRepository {
    type Cloud = Cloud;

    fn describe() -> description::Kind {
        description::Kind::new(
            super::ECR_REPOSITORY,
            "ECR repository",
            "cloud.registries[]",
            CreateSafety::Named,
            schema(),
        )
        .protected()
        .time_limits(300, 300, 300)
        .read_batch(100)
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        join_all(targets.iter().map(|target| async move {
            let seen = match (target.remote_id.as_deref(), target.document.get("name").and_then(Value::as_str)) {
                (Some(arn), _) => Self::look(cloud, arn).await,
                (None, Some(name)) => by_name(cloud, name).await,
                (None, None) => Ok(None),
            };
            match seen {
                Ok(Some(found)) => named::observe(cloud, target, &found.id, &found.labels, &found.document),
                Ok(None) => Observation::absent(&target.address),
                Err(error) => Observation::unreadable(&target.address, error),
            }
        }))
        .await
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: Document = document(&change.document)?;
        let tags = to_ecr(&cloud.marks.mark(&desired.tags, &change.address))?;
        let request = cloud.ecr().create_repository().repository_name(&desired.name).set_tags(Some(tags));
        let request = request.image_scanning_configuration(scanning(desired.scan_on_push));
        let made = answered(request.send().await.map_err(from_aws)?.repository, "repository")?;
        let arn = answered(made.repository_arn.clone(), "ARN of the repository")?;
        report::created(&arn).map_err(failure(&arn))?;
        // The request said all of it.
        let document =
            Document { arn: Some(arn.clone()), url: made.repository_uri, registry_id: made.registry_id, ..desired };
        complete::<Self>(cloud, change, Found::new(arn, Tags::new(), document)).await
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<Self>(cloud, change, remote_id(change)?).await
    }

    /// Never by force: as long as there are images in it, somebody may need them.
    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let name = name_of(remote_id(change)?)?;
        let answer = cloud.ecr().delete_repository().repository_name(name).send().await.map_err(from_aws);
        gone(change, answer.map_err(|error| told_of_images(name, error)))
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        poll::<Self>(cloud, change, &operation).await
    }
}

impl Settles for EcrRepository {
    type Cloud = Cloud;
    type Document = Document;
    type Step = Step;

    /// The ARN names the repository, so its tags are asked for at the same time.
    async fn look(cloud: &Cloud, arn: &str) -> Result<Option<Found<Document>>, Error> {
        let (shown, tags) = join(described(cloud, name_of(arn)?), tags(cloud, arn)).await;
        match shown? {
            Some(shown) => Ok(Some(found(&shown, tags?))),
            None => Ok(None),
        }
    }

    fn steps(observed: &Document, desired: &Document, scope: &Scope<'_>) -> Vec<Step> {
        let differs = observed.scan_on_push != desired.scan_on_push && scope.touches("/scan_on_push");
        differs.then_some(Step::ScanOnPush(desired.scan_on_push)).into_iter().collect()
    }

    async fn take(cloud: &Cloud, arn: &str, step: Step) -> Result<(), Error> {
        let Step::ScanOnPush(on) = step;
        let request = cloud.ecr().put_image_scanning_configuration().repository_name(name_of(arn)?);
        request.image_scanning_configuration(scanning(on)).send().await.map_err(from_aws).map(|_| ())
    }

    async fn edit_labels(cloud: &Cloud, arn: &str, edits: &LabelEdits) -> Result<(), Error> {
        if !edits.set.is_empty() {
            let tags = to_ecr(&edits.set)?;
            cloud.ecr().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.map_err(from_aws)?;
        }
        if !edits.remove.is_empty() {
            let keys = edits.remove.iter().cloned().collect();
            cloud.ecr().untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await.map_err(from_aws)?;
        }
        Ok(())
    }
}

/// What to do about images is the user's to decide.
fn told_of_images(name: &str, error: Error) -> Error {
    match error {
        Error::Remote { code, message, .. } if code == "RepositoryNotEmptyException" => Error::Other {
            code: "REPOSITORY_NOT_EMPTY".to_owned(),
            message: format!("the repository `{name}` still holds images, so it is kept: {message}"),
            detail: json!({ "hints": [
                "keep what is needed elsewhere, delete the images in the ECR console or with `aws ecr batch-delete-image`, and run again",
                format!("or delete it with all its images: `aws ecr delete-repository --force --repository-name {name}`, and run again"),
            ] }),
        },
        other => other,
    }
}

/// `name` of `arn:aws:ecr:<region>:<account>:repository/<name>`; a name may hold slashes itself.
fn name_of(arn: &str) -> Result<&str, Error> {
    let name = arn.starts_with("arn:").then(|| arn.split_once(":repository/")).flatten().map(|(_, name)| name);
    name.ok_or_else(|| Error::other("REMOTE_ID_INVALID", format!("`{arn}` is not the ARN of an ECR repository")))
}

fn scanning(on: bool) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder().scan_on_push(on).build()
}

fn to_ecr(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect::<Result<_, _>>().map_err(|error| Error::other("REQUEST_INVALID", error.to_string()))
}

async fn described(cloud: &Cloud, name: &str) -> Result<Option<Repository>, Error> {
    match cloud.ecr().describe_repositories().repository_names(name).send().await.map_err(from_aws) {
        Ok(answer) => Ok(answer.repositories.unwrap_or_default().into_iter().next()),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn tags(cloud: &Cloud, arn: &str) -> Result<Tags, Error> {
    match cloud.ecr().list_tags_for_resource().resource_arn(arn).send().await.map_err(from_aws) {
        Ok(answer) => {
            let tags = answer.tags.unwrap_or_default();
            Ok(tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
        }
        Err(error) if error.is_not_found() => Ok(Tags::new()),
        Err(error) => Err(error),
    }
}

async fn by_name(cloud: &Cloud, name: &str) -> Result<Option<Found<Document>>, Error> {
    let Some(shown) = described(cloud, name).await? else { return Ok(None) };
    let tags = tags(cloud, shown.repository_arn().unwrap_or_default()).await?;
    Ok(Some(found(&shown, tags)))
}

fn found(shown: &Repository, tags: Tags) -> Found<Document> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let scanning = shown.image_scanning_configuration();
    let document = Document {
        name: shown.repository_name().unwrap_or_default().to_owned(),
        arn: owned(shown.repository_arn()),
        url: owned(shown.repository_uri()),
        registry_id: owned(shown.registry_id()),
        scan_on_push: scanning.is_some_and(ImageScanningConfiguration::scan_on_push),
        tags: visible(&tags),
    };
    Found::new(shown.repository_arn().unwrap_or_default(), tags, document)
}

/// The JSON Schema of the document.
fn schema() -> Value {
    object()
        .required("name", string().immutable().natural_name())
        .optional("arn", string().computed())
        .optional("url", string().computed())
        .optional("registry_id", string().computed())
        .required("scan_on_push", boolean())
        .required("tags", map(string()))
        .build()
}
