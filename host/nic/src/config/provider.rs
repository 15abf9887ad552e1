//! Which provider a config means, by name or by the one section that is there, and what it says of it.

use nic_core::diagnostic::Diagnostic;
use nic_core::document::child_pointer;

use super::problems::{Problems, invalid_value};
use super::yaml::Node;
use crate::clouds::{self, CLOUDS, Cloud, Support};
use crate::components;

/// Where a platform is, in the section of a provider that has no row in the table.
const PLACE: &str = "region";

/// The provider that is meant.
pub(super) fn provider(problems: &mut Problems<'_>) -> Option<String> {
    let root = problems.root;
    let present: Vec<&Cloud> = CLOUDS.iter().filter(|cloud| root.get(cloud.section).is_some()).collect();
    let given = problems.said("provider");
    let named = given.and_then(Node::text).map(str::to_owned);
    if given.is_some() && named.is_none() {
        problems.tell(invalid_value(format!("`provider` must be one name: {}", choices())), "/provider");
        return None;
    }
    let inferred = named.is_none();
    let provider = match (named, present.as_slice()) {
        (Some(named), _) => named,
        (None, []) => {
            assumed(problems);
            clouds::DEFAULT.to_owned()
        }
        (None, [only]) => only.provider.to_owned(),
        (None, several) => {
            problems.tell(unclear(several), &format!("/{}", several[1].section));
            return None;
        }
    };
    if let Some(gone) = CLOUDS.iter().find(|cloud| cloud.provider == provider || cloud.section == provider)
        && let Some(diagnostic) = removed(gone)
    {
        problems.tell(diagnostic, &if inferred { format!("/{}", gone.section) } else { "/provider".to_owned() });
        return None;
    }
    if let Some(meant) = clouds::of_section(&provider).filter(|cloud| cloud.provider != provider) {
        let detail = format!("`{provider}` is the section; the provider is called `{}`", meant.provider);
        let hint = format!("write `provider: {}`", meant.provider);
        problems.tell(invalid_value(detail).hint(hint), "/provider");
        return None;
    }
    for other in present.into_iter().filter(|other| is_unused(root, &provider, other.section)) {
        let detail = format!("`provider` is `{provider}`, so `{}` is not used", other.section);
        let diagnostic = Diagnostic::warning("CONFIG_SECTION_UNUSED", "A provider section is not used", detail)
            .hint(format!("remove it, or write `provider: {}` if that is meant", other.provider));
        problems.tell(diagnostic, &format!("/{}", other.section));
    }
    has_section(problems, &provider).then_some(provider)
}

/// Whether a section is another provider's. Two that have one component share their sections, where not each has its own.
pub(super) fn is_unused(root: &Node, provider: &str, section: &str) -> bool {
    let Some(other) = clouds::of_section(section).filter(|other| other.provider != provider) else { return false };
    clouds::of(provider)
        .is_none_or(|own| own.component != other.component || root.get(own.section).is_some_and(|node| !node.is_null()))
}

/// A section of somebody else's component says which provider is meant only to who knows the component.
fn assumed(problems: &mut Problems<'_>) {
    let is_in_table = |name: &str| clouds::of(name).is_some() || clouds::of_section(name).is_some();
    let sections = components::all().into_iter().map(|component| component.name);
    let Some(section) = sections.filter(|name| !is_in_table(name)).find(|name| problems.said(name).is_some()) else {
        return;
    };
    let meant = clouds::DEFAULT;
    let detail = format!("`provider` is not there, so `{meant}` is meant and `{section}` is not used");
    let diagnostic = Diagnostic::warning("CONFIG_SECTION_UNUSED", "A provider section is not used", detail);
    problems
        .tell(diagnostic.hint(format!("write `provider: {section}` if that is meant")), &child_pointer("", &section));
}

fn choices() -> String {
    clouds::providers().collect::<Vec<_>>().join(", ")
}

fn unclear(several: &[&Cloud]) -> Diagnostic {
    let sections: Vec<&str> = several.iter().map(|cloud| cloud.section).collect();
    let detail = format!("`provider` is not there, and there is more than one section: {}", sections.join(", "));
    let diagnostic = Diagnostic::error("CONFIG_PROVIDER_UNCLEAR", "Which provider is meant is unclear", detail);
    diagnostic.hint(format!("add `provider: {}`, or the one that is meant", clouds::EXAMPLE.provider))
}

fn removed(cloud: &Cloud) -> Option<Diagnostic> {
    let Support::Removed { title, when, last } = cloud.support else { return None };
    let detail = format!("{title} {when}");
    let diagnostic = Diagnostic::error("CONFIG_PROVIDER_REMOVED", "This provider was removed", detail)
        .hint(format!("choose another: {}", choices()))
        .hint(format!("what runs on {title} is managed, and destroyed, by Nebari {last} or older"));
    Some(diagnostic)
}

/// What a cloud is to make stands in its section. Without one nothing can be made, and the place to say so is where it is named.
fn has_section(problems: &mut Problems<'_>, provider: &str) -> bool {
    // What nothing here can make is told before what it would need. A cluster that exists needs no words: the current context is meant.
    let built = clouds::of(provider).filter(|cloud| cloud.support == Support::Built);
    let Some((section, place)) = built.and_then(|cloud| Some((cloud.section, cloud.place?))) else {
        return true;
    };
    if problems.said(section).is_some() {
        return true;
    }
    let there = problems.root.get(section).is_some();
    let (detail, pointer) = if there {
        (format!("`{section}` is there and empty"), format!("/{section}"))
    } else {
        (format!("the provider is `{provider}`, and there is no section `{section}`"), "/provider".to_owned())
    };
    let diagnostic = Diagnostic::error("SECTION_MISSING", "A config section is missing", detail)
        .hint(format!("add `{section}:` at the top level, with at least `{place}` below it"));
    problems.tell(diagnostic, &pointer);
    false
}

/// The key of the provider's section that says where the platform is.
fn place(provider: &str) -> &'static str {
    clouds::of(provider).and_then(|cloud| cloud.place).unwrap_or(PLACE)
}

/// Where the platform is, as the provider's section names it.
pub(super) fn region(root: &Node, provider: &str) -> Option<String> {
    root.get(clouds::section_of(provider))?.get(place(provider))?.text().map(str::to_owned)
}

/// Where that stands.
pub(super) fn region_pointer(provider: &str) -> String {
    format!("/{}/{}", clouds::section_of(provider), place(provider))
}

/// Where the config says which provider is meant: by its name, or by the one section that is there.
pub(super) fn pointer(root: &Node, provider: &str) -> String {
    let named = root.get("provider").is_some_and(|node| !node.is_null());
    let section = clouds::of(provider).map(|cloud| cloud.section);
    match section.filter(|section| !named && root.get(section).is_some()) {
        Some(section) => format!("/{section}"),
        None => "/provider".to_owned(),
    }
}
