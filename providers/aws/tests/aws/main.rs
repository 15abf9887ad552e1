//! The provider's tests, in one binary: each one that uses the AWS SDK compiles what it uses of it.

mod answers;
mod calls;
mod fits;

mod addons;
mod boundary;
mod classic;
mod cloud;
mod design;
mod design_cloud;
mod iam;
mod leftovers;
mod limits;
mod machines;
mod matrix;
mod networks;
mod node_labels;
mod partitions;
mod placeholders;
mod preflight;
mod services;
mod tags;
mod updates;
mod upgrades;
mod validate;
