//! `reseat msiexec`, and a link named `msiexec`: Microsoft's own command line.

use std::path::Path;
use std::process::ExitCode;

use reseat_engine::Target;

use crate::arguments::{Global, Manner, Msiexec, Presented, Ui};
use crate::commands::install;
use crate::failure::Failure;
use crate::msiexec_line::{Action, CommandLine, Sequence};
use crate::prefix;

/// What `/?` prints.
const HELP: &str = "\
msiexec OPTION … [PROPERTY=VALUE …]

  /i, /package PACKAGE|PRODUCT-CODE        install, or change what is installed
  /x, /uninstall PACKAGE|PRODUCT-CODE      remove
  /f[poedcaumsv] PACKAGE|PRODUCT-CODE      repair; without letters omus
  /a PACKAGE [TARGETDIR=FOLDER]            copy the package, unpacked, to a folder to install it from
  /a IMAGE /p PATCH[;PATCH…]               patch such a copy
  /j[um] PACKAGE [/t TRANSFORMS] [/g LANGUAGE] [/c]   make known, to be installed on demand; u for this user, m for all
  /p, /update PATCH[;PATCH…]               apply patches; with /package to that product
  /uninstall PATCH[;PATCH…]                remove patches; with /package from that product
  /n PRODUCT-CODE                          the instance that is meant

  /q, /qn, /quiet     show and ask nothing          /qn+         the same, and say the end
  /qb                 progress and questions        /qb+         and say the end
  /qr, /qf            the same, and the actions of the package's own interface run; its dialogs are not shown
  /qb-, /passive      progress without questions    !            Ctrl-C does not end it (/qb!, /qb!-)
  /l[iwearucmopvx+!*] FILE, /log FILE               the verbose log; + keeps what the file holds
  /norestart  /promptrestart  /forcerestart         set REBOOT and REBOOTPROMPT

Not supported: /m, /y, /z. The exit codes are those of reseat: 0 success, 1 failure with the documented number
printed, 2 wrong usage, 10 success, and something has to be started again (3010).
";

/// Carries out a command line.
pub fn run(global: &Global, arguments: &Msiexec) -> Result<ExitCode, Failure> {
    let line = CommandLine::parse(&arguments.arguments).map_err(|reason| {
        Failure::documented(1639, reason).with_exit(2).with_hint("'msiexec /?' shows the options")
    })?;
    let interface = line.interface;
    let global = Global { quiet: global.quiet || interface.silent, ..global.clone() };
    let mut presented = Presented {
        ui: match interface.sequence {
            Sequence::Skipped => None,
            Sequence::Reduced => Some(Ui::Reduced),
            Sequence::Full => Some(Ui::Full),
        },
        manner: Manner {
            no_questions: interface.no_questions,
            no_cancel: interface.no_cancel,
            says_end: interface.says_end,
            appends_log: line.log.as_ref().is_some_and(|log| log.append),
        },
        ..Presented::default()
    };
    if let Some(log) = &line.log {
        presented.log = Some(prefix::locate(&global, Path::new(&log.file))?);
    }
    let mut properties = line.properties;
    let target = match line.action {
        Action::Help => {
            print!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        Action::Install(target) => named(&global, &target)?,
        Action::Uninstall(target) => {
            let instance = properties.iter().find(|(name, _)| name == "MSIINSTANCEGUID");
            let product = match (instance, named(&global, &target)?) {
                (Some((_, code)), _) => code.clone(),
                (None, Target::Product(code)) => code,
                (None, Target::Package(path)) => path.display().to_string(),
            };
            properties.push(("REMOVE".to_owned(), "ALL".to_owned()));
            Target::Product(product)
        }
        Action::Repair(flags, target) => {
            properties.push(("REINSTALL".to_owned(), "ALL".to_owned()));
            properties.push(("REINSTALLMODE".to_owned(), flags));
            named(&global, &target)?
        }
        Action::Administer(image, patch) => {
            let image = prefix::locate(&global, Path::new(&image))?;
            let mut request = install::request(&global, Target::Package(image), &[], &presented)?;
            request.properties = properties;
            request.properties.extend(patch.map(|patch| ("PATCH".to_owned(), patch)));
            return super::admin::administer(&global, request, &presented);
        }
        Action::Advertise(advertisement) => {
            let package = prefix::locate(&global, Path::new(&advertisement.package))?;
            properties.extend(install::advertisement(&package, advertisement));
            Target::Package(package)
        }
        Action::Patch(patches, product) => {
            return patch(&global, "PATCH", &patches, product, properties, &presented);
        }
        Action::RemovePatches(patches, product) => {
            return patch(&global, "MSIPATCHREMOVE", &patches, product, properties, &presented);
        }
    };
    let mut request = install::request(&global, target, &[], &presented)?;
    request.properties = properties;
    install::start(&global, &request, &presented)
}

fn patch(
    global: &Global,
    property: &str,
    patches: &str,
    product: Option<String>,
    properties: Vec<(String, String)>,
    presented: &Presented,
) -> Result<ExitCode, Failure> {
    let instance = properties.iter().find(|(name, _)| name == "MSIINSTANCEGUID").map(|it| it.1.clone());
    if let Some(Target::Package(package)) = product.as_deref().map(|it| named(global, it)).transpose()? {
        let mut request = install::request(global, Target::Package(package), &[], presented)?;
        request.properties = properties;
        request.properties.push((property.to_owned(), patches.to_owned()));
        return install::start(global, &request, presented);
    }
    install::patch_products(global, property, patches, product.or(instance), &properties, presented)
}

/// The package file or product that an option names.
fn named(global: &Global, text: &str) -> Result<Target, Failure> {
    if text.parse::<reseat_database::ProductCode>().is_ok() {
        return Ok(Target::Product(text.to_owned()));
    }
    Ok(Target::Package(prefix::locate(global, Path::new(text))?))
}
