//! The pure core of NIC: values, diff, plan, engine. No runtime, no disk, no network.
