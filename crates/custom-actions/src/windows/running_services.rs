//! Services of a Wine that runs: what else has to stop when some do, and in which order.

use reseat_restart_manager::WineService;

/// These services and all that run and cannot run without one of them, each before what it needs itself.
pub(super) fn stop_order(services: &[WineService], names: &[String]) -> Vec<String> {
    let mut order = Vec::new();
    let mut seen = Vec::new();
    for name in names {
        visit(services, name, &mut seen, &mut order);
    }
    order
}

/// Each name is visited once, so that services that need each other end it too.
fn visit(services: &[WineService], name: &str, seen: &mut Vec<String>, order: &mut Vec<String>) {
    if seen.iter().any(|it| it.eq_ignore_ascii_case(name)) {
        return;
    }
    seen.push(name.to_owned());
    let needs_it = |it: &&WineService| it.needs.iter().any(|needed| needed.eq_ignore_ascii_case(name));
    for dependent in services.iter().filter(|it| it.process.is_some()).filter(needs_it) {
        visit(services, &dependent.name, seen, order);
    }
    order.push(name.to_owned());
}

/// The services that run in other processes and cannot run without one of these.
pub(super) fn dependents(services: &[WineService], names: &[String]) -> Vec<String> {
    let mut found = stop_order(services, names);
    found.retain(|it| !names.iter().any(|name| name.eq_ignore_ascii_case(it)));
    found
}

/// These services, each behind those of them that it needs.
pub(super) fn start_order(services: &[WineService], names: &[String]) -> Vec<String> {
    // None of them may run now, and that one needs another is so all the same.
    let named = |it: &&WineService| names.iter().any(|name| name.eq_ignore_ascii_case(&it.name));
    let mut rest: Vec<&WineService> = services.iter().filter(named).collect();
    let mut order: Vec<String> = Vec::new();
    while !rest.is_empty() {
        let waits = |it: &WineService| {
            it.needs.iter().any(|needed| rest.iter().any(|other| other.name.eq_ignore_ascii_case(needed)))
        };
        // Those that need each other start as they come.
        let next = rest.iter().position(|it| !waits(it)).unwrap_or_default();
        order.push(rest.remove(next).name.clone());
    }
    let is_unknown = |name: &&String| !order.iter().any(|it| it.eq_ignore_ascii_case(name));
    let unknown: Vec<String> = names.iter().filter(is_unknown).cloned().collect();
    order.extend(unknown);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use reseat_restart_manager::UniqueProcess;

    fn service(name: &str, runs: bool, needs: &[&str]) -> WineService {
        let process = runs.then_some(UniqueProcess { pid: 7, start_time: 1 });
        let needs = needs.iter().map(|it| (*it).to_owned()).collect();
        WineService { name: name.to_owned(), process, needs }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn what_needs_a_service_stops_before_it_and_starts_behind_it() {
        let services = [
            service("Third", true, &["SECOND", "First"]),
            service("Second", true, &["first"]),
            service("First", true, &[]),
            service("Idle", false, &["First"]),
            service("Other", true, &[]),
        ];
        assert_eq!(stop_order(&services, &names(&["First"])), ["Third", "Second", "First"]);
        assert_eq!(dependents(&services, &names(&["First", "Third"])), ["Second"]);
        assert_eq!(
            start_order(&services, &names(&["Third", "First", "Second"])),
            ["First", "Second", "Third"]
        );
        assert_eq!(start_order(&services, &names(&["Gone", "First"])), ["First", "Gone"]);
    }

    #[test]
    fn services_that_need_each_other_are_each_stopped_and_started_once() {
        let services = [service("One", true, &["Two"]), service("Two", true, &["One", "Two"])];
        assert_eq!(stop_order(&services, &names(&["One"])), ["Two", "One"]);
        assert_eq!(start_order(&services, &names(&["One", "Two"])), ["One", "Two"]);
    }
}
