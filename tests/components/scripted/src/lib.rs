//! A provider whose config says what to do, for boundary tests.
