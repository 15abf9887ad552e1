//! `Middleware`, `MiddlewareTCP`.

use serde_json::Value;

use super::schema::{alike, anything, flag, list, map, members, reference, text, whole, whole_or_text};
use super::services::service;

/// What is done to requests of HTTP.
pub(super) fn http() -> Value {
    members([
        ("addPrefix", members([("prefix", text())])),
        ("basicAuth", login()),
        ("buffering", buffering()),
        ("chain", members([("middlewares", list(reference()))])),
        ("circuitBreaker", circuit_breaker()),
        ("compress", members([("excludedContentTypes", list(text())), ("minResponseBodyBytes", whole())])),
        ("contentType", members([("autoDetect", flag())])),
        ("digestAuth", login()),
        ("errors", members([("query", text()), ("service", service([])), ("status", list(text()))])),
        ("forwardAuth", forward_auth()),
        ("headers", headers()),
        ("inFlightReq", members([("amount", whole()), ("sourceCriterion", source())])),
        ("ipAllowList", addresses()),
        ("ipWhiteList", addresses()),
        ("passTLSClientCert", members([("info", certificate()), ("pem", flag())])),
        ("plugin", map(anything())),
        ("rateLimit", rate_limit()),
        ("redirectRegex", members([("permanent", flag()), ("regex", text()), ("replacement", text())])),
        ("redirectScheme", members([("permanent", flag()), ("port", text()), ("scheme", text())])),
        ("replacePath", members([("path", text())])),
        ("replacePathRegex", members([("regex", text()), ("replacement", text())])),
        ("retry", members([("attempts", whole()), ("initialInterval", whole_or_text())])),
        ("stripPrefix", members([("forceSlash", flag()), ("prefixes", list(text()))])),
        ("stripPrefixRegex", members([("regex", list(text()))])),
    ])
}

/// What is done to connections of TCP.
pub(super) fn tcp() -> Value {
    let ranges = || members([("sourceRange", list(text()))]);
    members([("inFlightConn", members([("amount", whole())])), ("ipAllowList", ranges()), ("ipWhiteList", ranges())])
}

fn login() -> Value {
    members([("headerField", text()), ("realm", text()), ("removeHeader", flag()), ("secret", text())])
}

fn buffering() -> Value {
    let bytes = ["maxRequestBodyBytes", "maxResponseBodyBytes", "memRequestBodyBytes", "memResponseBodyBytes"];
    members(alike(&bytes, &whole()).into_iter().chain([("retryExpression", text())]))
}

fn circuit_breaker() -> Value {
    let times = ["checkPeriod", "fallbackDuration", "recoveryDuration"];
    members(alike(&times, &whole_or_text()).into_iter().chain([("expression", text())]))
}

fn forward_auth() -> Value {
    let tls =
        members([("caOptional", flag()), ("caSecret", text()), ("certSecret", text()), ("insecureSkipVerify", flag())]);
    members([
        ("address", text()),
        ("authRequestHeaders", list(text())),
        ("authResponseHeaders", list(text())),
        ("authResponseHeadersRegex", text()),
        ("tls", tls),
        ("trustForwardHeader", flag()),
    ])
}

fn headers() -> Value {
    let flags = [
        "accessControlAllowCredentials",
        "addVaryHeader",
        "browserXssFilter",
        "contentTypeNosniff",
        "forceSTSHeader",
        // As Nebari's definitions spell it.
        "forceSTSheader",
        "frameDeny",
        "isDevelopment",
        "sslForceHost",
        "sslRedirect",
        "sslTemporaryRedirect",
        "stsIncludeSubdomains",
        "stsPreload",
    ];
    let texts = [
        // Of Traefik 2.1, and still in Nebari's definitions.
        "accessControlAllowOrigin",
        "contentSecurityPolicy",
        "customBrowserXSSValue",
        "customFrameOptionsValue",
        "featurePolicy",
        "permissionsPolicy",
        "publicKey",
        "referrerPolicy",
        "sslHost",
    ];
    let lists = [
        "accessControlAllowHeaders",
        "accessControlAllowMethods",
        "accessControlAllowOriginList",
        "accessControlAllowOriginListRegex",
        "accessControlExposeHeaders",
        "allowedHosts",
        "hostsProxyHeaders",
    ];
    let maps = ["customRequestHeaders", "customResponseHeaders", "sslProxyHeaders"];
    let all = [
        alike(&flags, &flag()),
        alike(&texts, &text()),
        alike(&lists, &list(text())),
        alike(&maps, &map(text())),
        alike(&["accessControlMaxAge", "stsSeconds"], &whole()),
    ];
    members(all.into_iter().flatten())
}

/// By whom requests are counted.
fn source() -> Value {
    members([("ipStrategy", ip_strategy()), ("requestHeaderName", text()), ("requestHost", flag())])
}

fn ip_strategy() -> Value {
    members([("depth", whole()), ("excludedIPs", list(text()))])
}

fn addresses() -> Value {
    members([("ipStrategy", ip_strategy()), ("sourceRange", list(text()))])
}

fn rate_limit() -> Value {
    members([("average", whole()), ("burst", whole()), ("period", whole_or_text()), ("sourceCriterion", source())])
}

/// Which parts of a client's certificate are passed on.
fn certificate() -> Value {
    let person = ["commonName", "country", "domainComponent", "locality", "organization", "province", "serialNumber"];
    let subject = alike(&person, &flag()).into_iter().chain([("organizationalUnit", flag())]);
    let parts = ["notAfter", "notBefore", "sans", "serialNumber"];
    let people = [("issuer", members(alike(&person, &flag()))), ("subject", members(subject))];
    members(alike(&parts, &flag()).into_iter().chain(people))
}
