//! Configs that are wrong.

use anyhow::{Result, ensure};
use nic_tests::configs::LEAST;
use nic_tests::golden::shown;
use nic_tests::nic::Workspace;
use nic_tests::schemas::conforms;

use super::said::{is_as_read, refused};

const HEAD: &str = "project_name: my-nebari\nprovider: aws\n";

/// Each with its name, its text, and the code that is told first.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "not_yaml",
        "project_name: my-nebari\namazon_web_services:\n  availability_zones: [us-west-2a, us-west-2b\n  region: us-west-2\n",
        "CONFIG_NOT_YAML",
    ),
    ("not_a_map", "- project_name: my-nebari\n- provider: aws\n", "CONFIG_NOT_A_MAP"),
    ("empty", "# nothing yet\n", "CONFIG_MISSING_KEY"),
    ("no_project_name", "# a fragment\nexisting:\n  kube_context: minikube\n", "CONFIG_MISSING_KEY"),
    ("bad_project_name", "project_name: 123invalidproject\n", "CONFIG_INVALID_VALUE"),
    (
        "wrong_type",
        "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n  availability_zones: us-west-2a\n  node_groups:\n    general: {instance: m5.2xlarge, min_nodes: one, max_nodes: 1}\n",
        "VALUE_TYPE",
    ),
    ("provider_of_wrong_type", "project_name: my-nebari\nprovider: [aws, gcp]\n", "CONFIG_INVALID_VALUE"),
    (
        "misspelt_section",
        "project_name: my-nebari\nprovider: aws\namazon_web_service:\n  region: us-west-2\n",
        "SECTION_MISSING",
    ),
    (
        "misspelt_key",
        "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  regoin: us-west-2\n  node_groups:\n    general: {instnce: m5.2xlarge, max_nodes: 1}\n",
        "REGION_REQUIRED",
    ),
    (
        "both_spellings",
        "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n  node_groups:\n    general:\n      instance: m5.2xlarge\n      min_nodes: 1\n      min_size: 2\n",
        "CONFIG_ALIAS_CONFLICT",
    ),
    ("section_missing", HEAD, "SECTION_MISSING"),
    ("section_empty", "project_name: my-nebari\nprovider: aws\namazon_web_services:\n", "SECTION_MISSING"),
    (
        "section_of_another_provider",
        "project_name: my-nebari\nprovider: aws\nazure:\n  region: Central US\n",
        "SECTION_MISSING",
    ),
    (
        "section_doubled",
        "project_name: my-nebari\namazon_web_services:\n  region: us-west-2\namazon_web_services:\n  region: us-east-1\n",
        "CONFIG_NOT_YAML",
    ),
    (
        "two_sections_and_no_provider",
        "project_name: my-nebari\namazon_web_services:\n  region: us-west-2\nazure:\n  region: Central US\n",
        "CONFIG_PROVIDER_UNCLEAR",
    ),
    ("section_as_provider", "project_name: my-nebari\nprovider: amazon_web_services\n", "CONFIG_INVALID_VALUE"),
    ("misspelt_provider", "project_name: my-nebari\nprovider: exsiting\n", "PROVIDER_NOT_AVAILABLE"),
    ("provider_removed", "project_name: my-nebari\nprovider: do\n", "CONFIG_PROVIDER_REMOVED"),
    (
        "provider_removed_by_its_section",
        "project_name: my-nebari\ndigital_ocean:\n  region: nyc3\n",
        "CONFIG_PROVIDER_REMOVED",
    ),
    ("region_malformed", "project_name: my-nebari\namazon_web_services:\n  region: us_west_2\n", "REGION_INVALID"),
    ("lock_misspelt", "project_name: my-nebari\nprevent_deploy: maybe\n", "CONFIG_INVALID_VALUE"),
    (
        "merge_doubled",
        "x-small: &small {instance: m5.large}\nx-limits: &limits {max_nodes: 4}\nproject_name: my-nebari\namazon_web_services:\n  region: us-west-2\n  node_groups:\n    user:\n      <<: *small\n      <<: *limits\n",
        "CONFIG_NOT_YAML",
    ),
    ("second_document", "project_name: my-nebari\nprovider: existing\n---\nproject_name: other\n", "CONFIG_NOT_YAML"),
    ("tab", "project_name: my-nebari\namazon_web_services:\n\tregion: us-west-2\n", "CONFIG_NOT_YAML"),
    (
        "unknown_tag",
        "project_name: my-nebari\namazon_web_services:\n  region: us-west-2\n  eks_kms_arn: !vault kms/key\n",
        "CONFIG_NOT_YAML",
    ),
    ("nul", "project_name: my-nebari\nexisting:\n  kube_context: \"a\0b\"\n", "CONFIG_NOT_YAML"),
    (
        "byte_order_mark_inside",
        "project_name: my-nebari\nexisting:\n  kube_context: \u{feff}minikube\n",
        "CONFIG_NOT_YAML",
    ),
    (
        "numbers_out_of_range",
        "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n  node_groups:\n    general: {instance: m5.2xlarge, min_nodes: -1, max_nodes: 99999999999999999999, spot: 2}\n",
        "VALUE_TYPE",
    ),
    (
        "null_for_a_text",
        "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n  tags: {Team: null, Owner: }\n",
        "VALUE_TYPE",
    ),
    (
        "looks_like_a_region",
        "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us\u{2013}west\u{2013}2\n",
        "REGION_INVALID",
    ),
    (
        "storage_of_another_provider",
        "project_name: my-nebari\nprovider: existing\nstorage:\n  type: efs\n",
        "STORAGE_TYPE_INVALID",
    ),
    (
        "long_line",
        "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n  node_groups: {general: {instance: m5.2xlarge, min_nodes: 1, max_nodes: 1}, user: {instance: m5.xlarge, min_nodes: zero, max_nodes: 5}, worker: {instance: m5.xlarge, max_nodes: 5}}\n",
        "VALUE_TYPE",
    ),
    ("qhub", "qhub_version: 0.4.5\nproject_name: my-qhub\nprovider: aws\n", "CONFIG_QHUB"),
    ("another_tool", "project_name: my-nebari\ncluster:\n  name: c\n  nodes: [a, b]\n", "CONFIG_OTHER_LAYOUT"),
];

/// `validate` says what is wrong at its place; its document has `valid` and `errors` beside the error.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_config_is_told_at_its_place() -> Result<()> {
    let workspace = Workspace::new()?;
    for (name, text, code) in WRONG {
        workspace.config(text)?;
        refused(&workspace, &format!("config_{name}"), &["validate"], (1, code)).await?;
        let document = workspace.run(&["validate", "--format", "json"]).await?.json()?;
        conforms(&document, "validate.json")?;
        for error in document["errors"].as_array().into_iter().flatten() {
            let details = &error["details"];
            ensure!(
                details["file"] == "nebari-config.yaml" && details["line"].is_u64(),
                "{name}: no place in {error:#}"
            );
        }
        ensure!(workspace.read("nebari-config.yaml")? == *text, "{name}: the config was changed");
    }
    Ok(())
}

/// A config that cannot be read at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_is_not_there_or_no_text_is_told_with_its_path() -> Result<()> {
    let workspace = Workspace::new()?;
    refused(&workspace, "config_not_found", &["validate"], (2, "CONFIG_NOT_FOUND")).await?;
    std::fs::create_dir(workspace.path().join("platform"))?;
    refused(&workspace, "config_a_directory", &["plan", "-f", "platform"], (2, "CONFIG_NOT_READABLE")).await?;
    std::fs::write(
        workspace.path().join("nebari-config.yaml"),
        b"project_name: my-nebari\ndomain: caf\xe9.example.com\n",
    )?;
    refused(&workspace, "config_not_utf8", &["validate"], (1, "CONFIG_NOT_YAML")).await?;
    // As a shell of Windows writes it, and the same without the mark that says so.
    let wide: Vec<u8> = "project_name: my-nebari\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [[&[0xff_u8, 0xfe][..], &wide].concat(), wide] {
        std::fs::write(workspace.path().join("nebari-config.yaml"), bytes)?;
        refused(&workspace, "config_utf16", &["validate"], (1, "CONFIG_NOT_YAML")).await?;
    }
    Ok(())
}

/// What editors and generators write besides is no reason to refuse a config.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_is_read_as_editors_and_generators_write_it() -> Result<()> {
    let workspace = Workspace::new()?;
    let plain = "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n  node_groups:\n    general: &general {instance: m5.2xlarge, min_nodes: 1, max_nodes: 1}\n    user: {<<: [*general, {min_nodes: 2, spot: yes}], max_nodes: 4}\n";
    workspace.config(plain)?;
    let expected = workspace.ok(&["validate"]).await?;
    for text in [
        format!("\u{feff}{plain}"),
        format!("---\n\u{feff}{plain}"),
        format!("{plain}...\n"),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
    ] {
        workspace.config(&text)?;
        let ran = workspace.ok(&["validate"]).await?;
        ensure!((&ran.stdout, &ran.stderr) == (&expected.stdout, &expected.stderr), "{text:?}: {}", ran.said());
    }
    Ok(())
}

/// What is only odd is told as a warning, and stops nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_odd_is_a_warning() -> Result<()> {
    let workspace = Workspace::new()?;
    workspace.config(
        "project_name: my-nebari\nprovider: aws\ndomian: my.example.com\ntheir_plugin: {a: b}\namazon_web_services:\n  region: us-west-2\n  \
         tag: {team: data}\n  node_groups:\n    general: {instance: m5.2xlarge, max_node: 1}\ngoogle_cloud_platform:\n  project: p\n",
    )?;
    let text = workspace.ok(&["validate"]).await?;
    let json = workspace.ok(&["validate", "--format", "json"]).await?;
    conforms(&json.json()?, "validate.json")?;
    let all = [
        shown(&workspace, &["validate"], &text)?,
        shown(&workspace, &["validate", "--format", "json"], &json)?,
        shown(&workspace, &["validate", "--quiet"], &workspace.ok(&["validate", "--quiet"]).await?)?,
    ];
    is_as_read("config_warnings", &all.join("\n"));
    Ok(())
}

/// A bucket that Nebari would make for its own state has to have a name that S3 takes; one that nobody makes has none.
#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_bucket_that_nobody_makes_is_no_matter() -> Result<()> {
    let workspace = Workspace::new()?;
    for (state, told) in [("", true), ("{type: remote}", true), ("{type: local}", false), ("{type: existing}", false)] {
        workspace.config(&format!(
            "project_name: my_nebari\nprovider: aws\nterraform_state: {state}\namazon_web_services:\n  region: us-west-2\n"
        ))?;
        let ran = workspace.ok(&["validate", "--format", "json"]).await?;
        ensure!(ran.json()?["warnings"].to_string().contains("BUCKET_NAME_INVALID") == told, "{state}: {}", ran.said());
        ensure!(ran.stderr.contains("BUCKET_NAME_INVALID") == told, "{state}: {}", ran.said());
    }
    Ok(())
}

/// Keys and values with characters that are not shown, or look like others, are told with their place.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_it_looks_like_is_a_warning() -> Result<()> {
    let workspace = Workspace::new()?;
    workspace.config(
        "project_name: my-nebari\nn\u{430}mespace: prod\namazon_web_services:\n  region: us-west-2\n  tags:\n    Te\u{200b}am: data\n    Site: \
         \u{201c}Graz\u{201d}\n    Unit: a\u{a0}b\n    Gruppe: Küche\ntheme:\n  welcome: a\u{a0}b\n",
    )?;
    let ran = workspace.run(&["validate"]).await?;
    is_as_read("config_look_alikes", &shown(&workspace, &["validate"], &ran)?);
    Ok(())
}

/// `prevent_deploy` keeps its promise before anything is asked of a cloud.
#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_the_config_forbids_does_not_begin() -> Result<()> {
    let workspace = Workspace::new()?;
    workspace.config("project_name: my-nebari\nprevent_deploy: true\n")?;
    refused(&workspace, "config_prevents_deploy", &["deploy"], (1, "DEPLOY_PREVENTED")).await?;
    ensure!(!workspace.stage().exists(), "something was begun");
    Ok(())
}

/// A command line that is not understood, in the form that it asks for.
#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_command_line_is_told_with_the_nearest() -> Result<()> {
    let workspace = Workspace::new()?;
    let mut all = Vec::new();
    for arguments in
        [&["plna"][..], &["plan", "--ouput", "x"], &["plan", "--target", "vpc"], &["plan", "--lock-timeout", "soon"]]
    {
        let with_json = [arguments, &["--format", "json"]].concat();
        let (text, json) = (workspace.run(arguments).await?, workspace.run(&with_json).await?);
        ensure!(
            text.code == 2 && json.code == 2 && json.json()?["error"]["code"] == "USAGE_INVALID",
            "{}",
            json.said()
        );
        conforms(&json.json()?, "error.json")?;
        all.extend([shown(&workspace, arguments, &text)?, shown(&workspace, &with_json, &json)?]);
    }
    is_as_read("usage", &all.join("\n"));
    Ok(())
}

/// `<(...)` of a shell is a pipe. One into which nobody writes is not waited for without end.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_is_a_config_when_somebody_writes_into_it() -> Result<()> {
    let workspace = Workspace::new()?;
    workspace.config(LEAST)?;
    let slowly =
        "\"$0\" validate -f <(sleep 0.3; head -n 2 nebari-config.yaml; sleep 0.3; tail -n +3 nebari-config.yaml)";
    let ran = workspace.run_under(&["bash", "-c", slowly], &[]).await?;
    ensure!(ran.code == 0 && ran.stdout.contains("valid"), "{}", ran.said());
    // What belongs to it stands where the shell is, and not beside the pipe.
    let status = "\"$0\" status -f <(cat nebari-config.yaml)";
    let ran = workspace.run_under(&["bash", "-c", status], &[]).await?;
    ensure!(
        ran.code == 2 && ran.said().contains("`.nebari/stages/02-infrastructure/nic-state.json`"),
        "{}",
        ran.said()
    );

    rustix::fs::mkfifoat(rustix::fs::CWD, workspace.path().join("pipe"), rustix::fs::Mode::RWXU)?;
    tokio::try_join!(
        refused(&workspace, "config_pipe", &["validate", "-f", "pipe"], (2, "CONFIG_NOT_READABLE")),
        refused(&workspace, "plan_pipe", &["deploy", "--plan", "pipe"], (2, "PLAN_NOT_READABLE")),
    )?;
    refused(&workspace, "config_endless", &["validate", "-f", "/dev/zero"], (2, "CONFIG_NOT_READABLE")).await
}
