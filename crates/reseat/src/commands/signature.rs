//! `reseat signature`: who signed a package, and whether that holds.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use reseat_database::Database;
use reseat_signature::{Certificate, ChainError, PackageSignature, SignatureError, Store};
use serde::Serialize;

use crate::arguments::Global;
use crate::arguments::package::Signature;
use crate::failure::{Failure, with_causes};
use crate::{output, package_file, progress};

/// What is found out about a signature.
#[derive(Debug, Default, Serialize)]
struct Findings {
    signed: bool,
    signer: Option<Signer>,
    /// What the digest is computed with.
    digest: Option<&'static str>,
    /// Whether the package is still what was signed.
    content_is_intact: Option<bool>,
    /// Whether the signature belongs to the signer's key.
    signature_is_valid: Option<bool>,
    timestamp: Option<Timestamp>,
    /// From the signer to a trusted certificate.
    chain: Option<Vec<String>>,
    /// Whether the chain holds; null when no store was given.
    chain_holds: Option<bool>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Signer {
    subject: String,
    issuer: String,
    serial: String,
    fingerprint: String,
    valid_from: String,
    valid_until: String,
}

#[derive(Debug, Serialize)]
struct Timestamp {
    time: String,
    service: String,
}

/// Shows the signature of a package.
pub fn run(global: &Global, arguments: &Signature) -> Result<ExitCode, Failure> {
    let path = &arguments.package;
    let store = arguments.store.as_deref().map(read_store).transpose()?;
    let database = package_file::open(global, path)?;
    let findings = examine(global, path, &database, store.as_ref())?;
    let holds = findings.signed && findings.problems.is_empty();
    let code = if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output::write(code, |out| {
        if global.json {
            return output::write_json(&findings, out);
        }
        let text = output::labelled(&lines(&findings));
        std::io::Write::write_all(out, text.as_bytes())
    })
}

/// The signer of a package in a few words, without checking anything; nothing when it is unsigned.
pub fn signer(database: &Database) -> Option<String> {
    match PackageSignature::of(database) {
        Ok(None) => None,
        Ok(Some(Ok(signature))) => Some(signature.signed.to_string()),
        Ok(Some(Err(error))) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

fn read_store(path: &Path) -> Result<Store, Failure> {
    let text = std::fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Store::from_pem(&String::from_utf8_lossy(&text)).map_err(|error| Failure::about(path, &error))
}

fn examine(
    global: &Global,
    path: &Path,
    database: &Database,
    store: Option<&Store>,
) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let signature = PackageSignature::of(database).map_err(|error| Failure::about(path, &error))?;
    let Some(signature) = signature else { return Ok(findings) };
    findings.signed = true;
    let signature = match signature {
        Ok(signature) => signature,
        Err(error) => {
            findings.add(&error);
            return Ok(findings);
        }
    };
    findings.digest = signature.signed.covered_digest().ok().map(|(algorithm, _)| algorithm.name());
    let bar = progress::bytes(global, package_file::stream_bytes(database));
    let intact = signature.is_intact_with(&mut |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    match intact.map_err(|error| Failure::about(path, &error))? {
        Ok(intact) => {
            findings.content_is_intact = Some(intact);
            if !intact {
                findings.problems.push("the package was changed after it was signed".to_owned());
            }
        }
        Err(error) => findings.add(&error),
    }
    findings.signature_is_valid =
        Some(signature.signed.verify().map_err(|error| findings.add(&error)).is_ok());
    let timestamp = signature.signed.timestamp().unwrap_or_else(|error: SignatureError| {
        findings.problems.push(format!("timestamp: {}", with_causes(&error)));
        None
    });
    match signature.signed.signer() {
        Err(error) => findings.add(&error),
        Ok(certificate) => {
            findings.signer = Some(described(certificate));
            if let Some(store) = store {
                // Without a timestamp the signature holds as long as its certificates are valid.
                let time = timestamp.as_ref().map_or_else(jiff::Timestamp::now, |timestamp| timestamp.time);
                let chain = store.chain(certificate, signature.signed.certificates(), time);
                findings.chain_holds = Some(chain.is_ok());
                findings.chain = chain.map_err(|error: ChainError| findings.add(&error)).ok();
            }
        }
    }
    findings.timestamp =
        timestamp.map(|timestamp| Timestamp { time: timestamp.time.to_string(), service: timestamp.service });
    Ok(findings)
}

impl Findings {
    fn add(&mut self, error: &(dyn Error + 'static)) {
        let problem = with_causes(error);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

fn described(certificate: &Certificate) -> Signer {
    Signer {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        serial: certificate.serial.clone(),
        fingerprint: certificate.fingerprint(),
        valid_from: certificate.not_before.to_string(),
        valid_until: certificate.not_after.to_string(),
    }
}

fn lines(findings: &Findings) -> Vec<(&'static str, String)> {
    if !findings.signed {
        return vec![("Signature", "none, the package is unsigned".to_owned())];
    }
    let mut lines = Vec::new();
    if let Some(signer) = &findings.signer {
        lines.push(("Signer", output::one_line(&signer.subject)));
        lines.push(("Issuer", output::one_line(&signer.issuer)));
        lines.push((
            "Certificate",
            format!("{}, valid from {} until {}", signer.fingerprint, signer.valid_from, signer.valid_until),
        ));
    }
    let said = |value: Option<bool>, yes: &str, no: &str| match value {
        Some(true) => yes.to_owned(),
        Some(false) => no.to_owned(),
        None => "not checked".to_owned(),
    };
    let digest = findings.digest.unwrap_or("unknown digest");
    let content = said(findings.content_is_intact, "as signed", "CHANGED after it was signed");
    lines.push(("Content", format!("{content} ({digest})")));
    lines.push(("Signature", said(findings.signature_is_valid, "valid", "NOT VALID")));
    let timestamp = findings.timestamp.as_ref();
    let timestamp =
        timestamp.map(|timestamp| format!("{} by {}", timestamp.time, output::one_line(&timestamp.service)));
    lines.push(("Timestamp", timestamp.unwrap_or_else(|| "none".to_owned())));
    let chain = said(findings.chain_holds, "holds", "DOES NOT HOLD");
    let chain = match &findings.chain {
        Some(subjects) => format!("{chain}: {}", output::one_line(&subjects.join(" <- "))),
        None if findings.chain_holds.is_none() => "not checked, no store was given (--store)".to_owned(),
        None => chain,
    };
    lines.push(("Chain", chain));
    lines.extend(findings.problems.iter().map(|problem| ("Problem", output::one_line(problem))));
    lines
}
