//! The functions about features and components (pages `working-with-features-and-components.md` and those of the
//! functions). States have the numbers of INSTALLSTATE; costs are in units of 512 bytes.

use std::collections::{BTreeMap, BTreeSet};

use reseat_package::{Feature, FeatureAttributes, FeatureComponent, InstallState, Text};

use super::Value;
use super::arguments::{Answer, Arguments, done, values};
use super::code::Code;
use crate::actions::costing;
use crate::session::Session;

/// A function that works on a session alone.
pub type SessionFunction = fn(&mut Session<'_, '_>, Arguments<'_>) -> Answer;

/// Bytes in a unit of cost.
const UNIT: u64 = 512;

/// The function of this name, if it is one about features and components.
pub fn function(name: &str) -> Option<SessionFunction> {
    Some(match name {
        "MsiGetFeatureState" => feature_state,
        "MsiSetFeatureState" => set_feature_state,
        "MsiSetFeatureAttributes" => set_feature_attributes,
        "MsiGetFeatureInfo" => feature_info,
        "MsiGetComponentState" => component_state,
        "MsiSetComponentState" => set_component_state,
        "MsiSetInstallLevel" => set_install_level,
        "MsiGetFeatureValidStates" => valid_states,
        "MsiGetFeatureCost" => feature_cost,
        "MsiEnumComponentCosts" => component_costs,
        _ => return None,
    })
}

/// Answers with the state that it has and the one that it gets.
fn feature_state(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let name = arguments.name(1)?;
    let selection = session.selection.as_ref().ok_or(Code::INVALID_HANDLE_STATE)?;
    let state = selection.feature(name).ok_or(Code::UNKNOWN_FEATURE)?;
    values([state.installed.number().into(), state.action.number().into()])
}

fn component_state(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let name = arguments.name(1)?;
    let selection = session.selection.as_ref().ok_or(Code::INVALID_HANDLE_STATE)?;
    let state = selection.component(name).ok_or(Code::UNKNOWN_COMPONENT)?;
    values([state.installed.number().into(), state.action.number().into()])
}

/// The states that can be asked for.
fn wanted(arguments: Arguments<'_>, place: usize) -> Result<InstallState, Code> {
    let state = InstallState::from_number(arguments.int(place)?).ok_or(Code::INVALID_PARAMETER)?;
    match state {
        InstallState::Unknown
        | InstallState::Advertised
        | InstallState::Absent
        | InstallState::Local
        | InstallState::Source
        | InstallState::Default => Ok(state),
        _ => Err(Code::INVALID_PARAMETER),
    }
}

fn set_feature_state(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let (name, state) = (arguments.name(1)?, wanted(arguments, 2)?);
    let selection = session.selection.as_ref().ok_or(Code::INVALID_HANDLE_STATE)?;
    selection.feature(name).ok_or(Code::UNKNOWN_FEATURE)?;
    session.feature_requests.push((name.to_owned(), state));
    decide(session)
}

fn set_component_state(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let (name, state) = (arguments.name(1)?, wanted(arguments, 2)?);
    let selection = session.selection.as_ref().ok_or(Code::INVALID_HANDLE_STATE)?;
    selection.component(name).ok_or(Code::UNKNOWN_COMPONENT)?;
    session.component_requests.insert(name.to_owned(), state);
    decide(session)
}

fn decide(session: &mut Session<'_, '_>) -> Answer {
    costing::decide(session).map_err(|error| {
        tracing::debug!("{error}");
        Code::FUNCTION_FAILED
    })?;
    done()
}

/// A level of 0 or less keeps the level and decides anew.
fn set_install_level(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let level = arguments.int(1)?;
    if level > 32767 {
        return Err(Code::INVALID_PARAMETER);
    }
    if level > 0 {
        session.set_property("INSTALLLEVEL", &level.to_string());
    }
    if is_costed(session) { decide(session) } else { done() }
}

fn is_costed(session: &Session<'_, '_>) -> bool {
    session.selection.as_ref().is_some_and(|selection| selection.features().next().is_some())
}

/// Before CostFinalize only. The bits are those of INSTALLFEATUREATTRIBUTE, each twice that of the Feature table but for
/// the first.
fn set_feature_attributes(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let (name, bits) = (arguments.name(1)?, arguments.int(2)?);
    if session.selection.is_none() || is_costed(session) {
        return Err(Code::FUNCTION_FAILED);
    }
    let rows = session.package.rows::<Feature>().map_err(|_| Code::FUNCTION_FAILED)?;
    let row = rows.find(name).ok_or(Code::UNKNOWN_FEATURE)?;
    let disallow_absent = row.attributes.0 & FeatureAttributes::UI_DISALLOW_ABSENT.0;
    const UNSUPPORTED: i32 = 0x20;
    let attributes = (bits & 0x1E) >> 1;
    let unsupported = if bits & UNSUPPORTED != 0 { FeatureAttributes::NO_UNSUPPORTED_ADVERTISE.0 } else { 0 };
    let query = "UPDATE `Feature` SET `Attributes` = ? WHERE `Feature` = ?";
    let parameters = [(attributes | disallow_absent | unsupported).into(), name.into()];
    session.database_mut().execute(query, &parameters).map_err(|_| Code::FUNCTION_FAILED)?;
    done()
}

/// Answers with attributes, title and description. The attributes are the double of what the Feature table has; 1 stands
/// for a feature that favours its local files.
fn feature_info(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let rows = session.package.rows::<Feature>().map_err(|_| Code::FUNCTION_FAILED)?;
    let row = rows.find(arguments.name(1)?).ok_or(Code::UNKNOWN_FEATURE)?;
    const FAVORED: i32 = 0b111;
    let local = i32::from(row.attributes.0 & FAVORED == 0);
    let text = |text: &Option<Text>| Value::from(text.as_deref().unwrap_or_default());
    values([Value::Int(row.attributes.0 << 1 | local), text(&row.title), text(&row.description)])
}

/// Answers with a bit for each state that the feature may be in: 1 shifted by the state's number.
fn valid_states(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let name = arguments.name(1)?;
    let rows = session.package.rows::<Feature>().map_err(|_| Code::FUNCTION_FAILED)?;
    let row = rows.find(name).ok_or(Code::UNKNOWN_FEATURE)?;
    if session.selection.is_none() {
        return Err(Code::INVALID_HANDLE_STATE);
    }
    let has = |attribute| row.attributes.has(attribute);
    let bit = |state: InstallState, is_valid: bool| if is_valid { 1 << state.number() } else { 0 };
    let bits = bit(InstallState::Local, true)
        | bit(InstallState::Source, has(FeatureAttributes::FAVOR_SOURCE))
        | bit(InstallState::Absent, !has(FeatureAttributes::UI_DISALLOW_ABSENT))
        | bit(InstallState::Advertised, !has(FeatureAttributes::DISALLOW_ADVERTISE));
    values([Value::Int(bits)])
}

/// What bringing components into a state costs; removing gives something back.
fn cost(session: &Session<'_, '_>, components: &BTreeSet<String>, state: InstallState) -> Result<i64, Code> {
    let selection = session.selection.as_ref().ok_or(Code::INVALID_HANDLE_STATE)?;
    let mut units = 0_i64;
    for file in selection.files().iter().filter(|file| components.contains(&*file.row.component)) {
        let is_there =
            selection.component(&file.row.component).is_some_and(|state| state.installed.is_present());
        let size = i64::try_from(file.row.bytes().div_ceil(UNIT)).unwrap_or(i64::MAX);
        units = units.saturating_add(match state {
            InstallState::Local | InstallState::Default if !is_there => size,
            InstallState::Absent | InstallState::Advertised | InstallState::Source if is_there => -size,
            _ => 0,
        });
    }
    Ok(units)
}

/// An amount as the functions give it.
fn shown(units: i64) -> Value {
    Value::Int(units.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
}

/// The tree: 0 the feature alone, 1 with those beneath it, 2 with those above it.
fn feature_cost(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let (name, tree, state) = (arguments.name(1)?, arguments.int(2)?, wanted(arguments, 3)?);
    let failed = |_| Code::FUNCTION_FAILED;
    let features = session.package.rows::<Feature>().map_err(failed)?;
    features.find(name).ok_or(Code::UNKNOWN_FEATURE)?;
    if !is_costed(session) {
        return Err(Code::INVALID_HANDLE_STATE);
    }
    let parents: BTreeMap<&str, Option<&str>> =
        features.iter().map(|row| (&*row.feature, row.parent.as_deref())).collect();
    // Costing has checked that the features are a tree.
    let above = |feature: &'_ str| {
        let first = parents.get_key_value(feature).map(|(feature, _)| *feature);
        std::iter::successors(first, |feature| parents.get(*feature).copied().flatten())
            .map(str::to_owned)
            .take(features.len())
            .collect::<Vec<String>>()
    };
    let chosen: BTreeSet<String> = match tree {
        0 => BTreeSet::from([name.to_owned()]),
        1 => parents
            .keys()
            .filter(|feature| above(feature).iter().any(|parent| parent == name))
            .map(|feature| (*feature).to_owned())
            .collect(),
        2 => above(name).into_iter().collect(),
        _ => return Err(Code::INVALID_PARAMETER),
    };
    let members = session.package.rows::<FeatureComponent>().map_err(failed)?;
    let components = members.iter().filter(|row| chosen.contains(&*row.feature));
    let components = components.map(|row| row.component.to_string()).collect();
    values([shown(cost(session, &components, state)?)])
}

/// Answers with the volume, its cost and the temporary cost. There is one volume: what this machine has for C.
fn component_costs(session: &mut Session<'_, '_>, arguments: Arguments<'_>) -> Answer {
    let name = arguments.text(1)?.unwrap_or_default();
    let (index, state) = (arguments.index(2)?, wanted(arguments, 3)?);
    let selection = session.selection.as_ref().ok_or(Code::INVALID_HANDLE_STATE)?;
    if !is_costed(session) {
        return Err(Code::INVALID_HANDLE_STATE);
    }
    if !name.is_empty() && selection.component(name).is_none() {
        return Err(Code::UNKNOWN_COMPONENT);
    }
    if index > 0 {
        return Err(Code::NO_MORE_ITEMS);
    }
    let components = BTreeSet::from([name.to_owned()]);
    values(["C:".into(), shown(cost(session, &components, state)?), Value::Int(0)])
}
