//! `nic:plugin/cloud-http`: requests to the cloud, signed by the host.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::task::Poll;

use nic_core::error::{NO_ROOM_LEFT, ProviderError};
use nic_gate::{Admitted, Bounds, CloudRequest, Full, Gate, Phase, Refusal, breaks_the_phase, name_of};
use wasmtime::component::Resource;

use crate::bindings::cloud_http::{Host, HostInFlight, Request, Response};
use crate::bindings::types::Error;
use crate::in_flight::InFlight;
use crate::limits::{MAX_IN_FLIGHT, MAX_REQUEST_BYTES, MAX_REQUEST_HEAD_BYTES};
use crate::store::GuestState;

/// Remembers a request that an honest provider would not have made: its call fails whatever it makes of the refusal.
fn note(offence: &OnceLock<ProviderError>, error: &ProviderError) {
    if breaks_the_phase(error) {
        // The first one is told.
        let _ = offence.set(error.clone());
    }
}

/// Whether a request may be made. What is too long is not taken apart.
fn admitted(gate: &Gate, bounds: &Bounds, request: Request) -> Result<Admitted, ProviderError> {
    if bounds.phase == Phase::Pure {
        return Err(Refusal::Pure(name_of(&request.method, &request.url)).into());
    }
    if request.body.len() > MAX_REQUEST_BYTES {
        let message = format!("the body has {} bytes; at most {MAX_REQUEST_BYTES} are sent", request.body.len());
        return Err(ProviderError::other("REQUEST_TOO_LARGE", message));
    }
    let texts = [&request.credential, &request.scheme, &request.scheme_parameters, &request.service_id, &request.url];
    let headers = request.headers.iter().flat_map(|(name, value)| [name, value]);
    let bytes: usize = texts.into_iter().chain(headers).map(String::len).sum();
    if bytes > MAX_REQUEST_HEAD_BYTES {
        let message =
            format!("the request has {bytes} bytes beside its body; at most {MAX_REQUEST_HEAD_BYTES} are sent");
        return Err(ProviderError::other("REQUEST_TOO_LARGE", message));
    }
    let scheme_parameters = serde_json::from_str(&request.scheme_parameters)
        .map_err(|_| Refusal::malformed("`scheme-parameters` is not JSON"))?;
    let request = CloudRequest {
        credential: request.credential,
        scheme: request.scheme,
        scheme_parameters,
        service_id: request.service_id,
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
    };
    Ok(gate.admit(bounds, request)?)
}

impl GuestState {
    /// What refuses a request does so here, before anything is spawned: a guest that drops what it started has had its answer by then, and its
    /// offence is noted.
    fn begin(&mut self, request: Request) -> Result<InFlight, ProviderError> {
        self.service.lowering = None;
        let service = &self.service;
        let admitted =
            admitted(&service.gate, &service.bounds, request).inspect_err(|error| note(&service.offence, error))?;
        if service.in_flight >= MAX_IN_FLIGHT {
            let message = format!("{MAX_IN_FLIGHT} requests are on their way");
            return Err(ProviderError::other("TOO_MANY_REQUESTS_IN_FLIGHT", message));
        }
        let (mut sending, mut held) = (service.room.begin(), service.room.begin());
        sending.add(admitted.bytes()).map_err(|full| match full {
            Full::Own => {
                let message = "what else is on its way fills the room that there is for requests and answers";
                ProviderError::other("REQUEST_TOO_LARGE", message)
            }
            Full::All => {
                let message = "what is on its way for others fills the room that there is for requests and answers";
                ProviderError::other(NO_ROOM_LEFT, message)
            }
        })?;
        let (gate, bounds, limit) = (service.gate.clone(), service.bounds.clone(), service.times.cloud_request);
        let task = tokio::spawn(async move {
            let answer = tokio::time::timeout(limit, gate.send(&bounds, admitted, &mut held)).await;
            // The request is gone.
            drop(sending);
            let late =
                || Err(ProviderError::TimedOut(format!("the cloud did not answer within {} s", limit.as_secs())));
            Ok((answer.unwrap_or_else(|_| late())?, held))
        });
        self.service.in_flight += 1;
        Ok(InFlight::new(task))
    }

    async fn end(&mut self, mut request: InFlight) -> Result<Response, ProviderError> {
        self.service.in_flight -= 1;
        self.service.lowering = None;
        let (response, held) = request.wait().await?;
        self.service.lowering = Some(held);
        let (status, headers, body) = (response.status, response.headers, response.body);
        Ok(Response { status, headers, body, extra: "{}".to_owned() })
    }
}

impl HostInFlight for GuestState {
    async fn drop(&mut self, request: Resource<InFlight>) -> wasmtime::Result<()> {
        self.table.delete(request)?;
        self.service.in_flight -= 1;
        Ok(())
    }
}

impl Host for GuestState {
    async fn start(&mut self, request: Request) -> wasmtime::Result<Result<Resource<InFlight>, Error>> {
        match self.begin(request) {
            Ok(request) => Ok(Ok(self.table.push(request)?)),
            Err(error) => Ok(Err(self.refusal(error))),
        }
    }

    async fn wait_any(&mut self, requests: Vec<Resource<InFlight>>) -> wasmtime::Result<u32> {
        self.service.lowering = None;
        if requests.is_empty() {
            return Err(wasmtime::format_err!("`wait-any` was asked to wait for nothing"));
        }
        poll_fn(|context| {
            for (index, request) in requests.iter().enumerate() {
                match self.table.get_mut(request).map(|request| request.poll(context)) {
                    Ok(Poll::Ready(())) => return Poll::Ready(u32::try_from(index).map_err(Into::into)),
                    Ok(Poll::Pending) => {}
                    Err(error) => return Poll::Ready(Err(error.into())),
                }
            }
            Poll::Pending
        })
        .await
    }

    async fn finish(&mut self, request: Resource<InFlight>) -> wasmtime::Result<Result<Response, Error>> {
        let request = self.table.delete(request)?;
        let response = self.end(request).await;
        Ok(self.answer(response))
    }

    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        let response = match self.begin(request) {
            Ok(request) => self.end(request).await,
            Err(error) => Err(error),
        };
        Ok(self.answer(response))
    }
}
