//! A provider whose config says what to do, for the tests of the boundary.
//!
//! Left alone it is an honest provider of *things* in a small cloud that the test serves. Scripted, it denies, traps, loops,
//! lies and steals in one named place, so that a test shows what the host makes of it.
//!
//! # Config
//!
//! ```yaml
//! scripted:
//!   endpoint: "http://127.0.0.1:1234"   # where the test serves the things
//!   region: us-west-2                   # that of the platform: what is signed for AWS goes there
//!   scheme: none                        # how requests are signed: none, bearer
//!   facts: [zone]                       # asked in `lookup`; the answer is the thing's `value_from_fact`
//!   resources:
//!     - name: a
//!       kind: thing                     # thing (tagged), named, token: how a create is made safe
//!       value: 1                        # any JSON, references included
//!       value_from: {resource: b, path: /id}
//!       value_from_fact: zone
//!       list: [x, y]                    # a set
//!       tags: {k: v}
//!       depends_on: [b]
//!       external: false
//!       on:                             # what to do in an operation on this resource
//!         create: [{do: pend, polls: 3, after_ms: 50}]
//!         read: [{do: lie, how: unknown-address}]
//!   objects:                            # Kubernetes objects, declared as they are
//!     greeting: {apiVersion: v1, kind: ConfigMap, metadata: {name: greeting, namespace: default}}
//!   cluster: {kind: kubeconfig, parameters: {context: test}}  # [te, st] is `test` too, a name that stands nowhere in the config
//!   note: x                             # its schema says that it is no secret
//!   in:                                 # what to do in a call that is not about one resource
//!     desired: loop                     # short for [{do: loop}]
//! ```
//!
//! The sections `security` and `certificate` are declared too, with schemas that say that nothing in them is secret.
//!
//! `on` knows `read`, `create`, `update`, `delete` and `poll`; `in` knows `validate`, `desired`, `outputs`, `lookup`, `discover`,
//! `preflight` and `cluster`. `describe` is given no config, so nothing can be scripted there. A step acts before the
//! operation has its effect, or after it with `when: after` (a trap after the thing was made is a lost answer). The
//! behaviours are the modules of [`behaviour`], one each.
//!
//! The script of a resource travels in its document (attribute `script`), since that is all that later calls are given:
//! `create`, `update` and `poll` see the script of the config, `read` that of the baseline once there is one, `delete` that of
//! the last known document. Editing a script is therefore an update like any other.
//!
//! What a behaviour found out (`deny other-host: denied: ...`) is a log line, and an element of the computed attribute
//! `findings` where there is an observation to put it in.
//!
//! # The cloud of things
//!
//! JSON over HTTP, served by the test at `endpoint`. A thing is
//! `{"id", "name", "value", "list", "tags", "owner", "counter", "status"}`; `counter` is the cloud's own, `status` may be absent or
//! `ready`, `failed`, or any other word while the thing is changing.
//!
//! | request | answer |
//! |---|---|
//! | `POST /things` with `{"name", "value", "list", "tags", "owner", "token", "unique"}` | 201 and the thing. `unique` is `nothing`, `name` (409 when the name is taken) or `token` (the same token gives the same thing again) |
//! | `GET /things/<id>` | 200 and the thing, or 404 |
//! | `GET /things?owner=<owner>`, `GET /things?name=<name>`, `GET /things?prefix=<start of owner>` | 200 and `[thing, ...]` |
//! | `PUT /things/<id>` with `{"value", "list", "tags"}` | 200 and the thing, or 404 |
//! | `DELETE /things/<id>` | 204, or 404 |
//! | `GET /facts/<name>` | 200 and any JSON |
//!
//! `owner` is `<lineage>/<address>`. An error is `{"code", "message"}`; 401 and 403, 404, 409 and 429 (with `retry-after` in
//! seconds) become the boundary's `denied`, `not-found`, `conflict` and `throttled`, everything else `remote`.

pub mod behaviour;
mod provider;
mod script;
mod section;
mod server;
mod thing;

pub use provider::Scripted;

nic_sdk::register_provider!(Scripted, manifest = include_str!("../manifest.json"));
