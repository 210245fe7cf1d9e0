//! What a gateway that is written in Python says.

use super::{Read, invalid, wrong_type};
use jiff::Timestamp;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::money::Money;
use ticketing_core::domain::payment::{Captured, Checkout, DisputeNews, DisputeStage, Observation};
use ticketing_core::domain::refund::ListedRefund;
use ticketing_core::gateway::{Fetched, FetchedRefund, WebhookEvent, WebhookSubject};

impl Read for Checkout {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let url: String = value.getattr(intern!(py, "url"))?.extract()?;
        let access_code: Option<String> = value.getattr(intern!(py, "access_code"))?.extract()?;
        Ok(Self::new(url).with_access_code(access_code))
    }
}

impl Read for Captured {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let amount = Read::read(&value.getattr(intern!(py, "amount"))?)?;
        let requested: Option<Money> = Read::read(&value.getattr(intern!(py, "requested"))?)?;
        let mode = Read::read(&value.getattr(intern!(py, "mode"))?)?;
        let paid_at: Option<Timestamp> = Read::read(&value.getattr(intern!(py, "paid_at"))?)?;
        let gateway_id: Option<String> = value.getattr(intern!(py, "gateway_id"))?.extract()?;
        Ok(Self::new(amount, mode).with_requested(requested).with_paid_at(paid_at).with_gateway_id(gateway_id))
    }
}

impl Read for Fetched {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let captured: Option<Captured> = Read::read(&value.getattr(intern!(py, "captured"))?)?;
        let observation = value.getattr(intern!(py, "observation"))?;
        let name = observation.cast::<PyString>().map_err(|_| wrong_type("an Observation", &observation))?.to_cow()?;
        let captured = || captured.ok_or_else(|| PyTypeError::new_err("captured must be set for a success"));
        let observation = match name.as_ref() {
            "success" => Observation::Success(captured()?),
            "mismatched" => Observation::Mismatched(captured()?),
            "open" => Observation::Open,
            "processing" => Observation::Processing,
            "failed" => Observation::Failed,
            "reversed" => Observation::Reversed,
            "disputed" => Observation::Disputed,
            "not_found" => Observation::NotFound,
            _ => Observation::Unrecognised,
        };
        let raw_status: String = value.getattr(intern!(py, "raw_status"))?.extract()?;
        Ok(Self::new(observation, raw_status))
    }
}

impl Read for FetchedRefund {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let gateway_id: Option<String> = value.getattr(intern!(py, "gateway_id"))?.extract()?;
        let status = Read::read(&value.getattr(intern!(py, "status"))?)?;
        let raw_status: String = value.getattr(intern!(py, "raw_status"))?.extract()?;
        Ok(Self::new(status, raw_status).with_gateway_id(gateway_id))
    }
}

impl Read for ListedRefund {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let gateway_id: String = value.getattr(intern!(py, "gateway_id"))?.extract()?;
        let amount = Read::read(&value.getattr(intern!(py, "amount"))?)?;
        let status = Read::read(&value.getattr(intern!(py, "status"))?)?;
        let raw_status: String = value.getattr(intern!(py, "raw_status"))?.extract()?;
        let key: Option<Reference> = Read::read(&value.getattr(intern!(py, "key"))?)?;
        Ok(Self::new(gateway_id, amount, status, raw_status).with_keys(key.into_iter().collect::<Vec<_>>()))
    }
}

impl Read for DisputeNews {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let id: String = value.getattr(intern!(py, "id"))?.extract()?;
        let stage = value.getattr(intern!(py, "stage"))?;
        let stage = stage.cast::<PyString>().map_err(|_| wrong_type("a DisputeStage", &stage))?.to_cow()?;
        let stage = DisputeStage::from_name(&stage)
            .ok_or_else(|| invalid(py, "stage", format!("must be open, won or lost (got {stage:?})")))?;
        let amount: Option<Money> = Read::read(&value.getattr(intern!(py, "amount"))?)?;
        Ok(Self::new(id, stage).with_amount(amount))
    }
}

impl Read for WebhookEvent {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let about = value.getattr(intern!(py, "about"))?;
        let reported: Option<Fetched> = Read::read(&value.getattr(intern!(py, "reported"))?)?;
        let dispute: Option<DisputeNews> = Read::read(&value.getattr(intern!(py, "dispute"))?)?;
        let about =
            match about.cast::<PyString>().map_err(|_| wrong_type("a WebhookSubject", &about))?.to_cow()?.as_ref() {
                "charge" => WebhookSubject::Charge(reported.unwrap_or(Fetched::new(Observation::Unrecognised, ""))),
                "refund" => WebhookSubject::Refund,
                "dispute" => {
                    WebhookSubject::Dispute(dispute.unwrap_or_else(|| DisputeNews::new("", DisputeStage::Open)))
                }
                _ => WebhookSubject::Other,
            };
        let dedupe_key: String = value.getattr(intern!(py, "dedupe_key"))?.extract()?;
        let kind: String = value.getattr(intern!(py, "kind"))?.extract()?;
        let reference: Option<Reference> = Read::read(&value.getattr(intern!(py, "reference"))?)?;
        Ok(Self::new(dedupe_key, kind, about).with_reference(reference))
    }
}
