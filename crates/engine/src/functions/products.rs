//! The functions about what is installed (page `installer-function-reference.md`), which need no handle.

use reseat_database::{ComponentId, ProductCode, UpgradeCode};
use reseat_machine::products::{
    self, FeatureState, InstallContext, InstalledProduct, component_clients, installed_products,
    related_products,
};
use reseat_machine::{Machine, Registry, WindowsPath, file_version};
use reseat_package::InstallState;

use super::arguments::{Answer, Arguments, returns, values};
use super::code::Code;
use super::{FunctionAnswer, Value};

/// Carries out a function about what is installed.
pub fn call(machine: &Machine, name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    let function = match name {
        "MsiGetProductInfo" => product_info,
        "MsiQueryProductState" => product_state,
        "MsiEnumProducts" => enum_products,
        "MsiEnumRelatedProducts" => enum_related_products,
        "MsiEnumFeatures" => enum_features,
        "MsiQueryFeatureState" => feature_state,
        "MsiEnumComponents" => enum_components,
        "MsiEnumClients" => enum_clients,
        "MsiGetComponentPath" => component_path,
        "MsiLocateComponent" => locate_component,
        "MsiIsProductElevated" => is_elevated,
        "MsiGetProductCode" => product_of_component,
        "MsiGetFileVersion" => return Some(version_of_file(machine, arguments)),
        // Another installation cannot begin within this one (page `functions-not-for-use-in-custom-actions.md`).
        "MsiInstallProduct"
        | "MsiConfigureProduct"
        | "MsiConfigureProductEx"
        | "MsiReinstallProduct"
        | "MsiConfigureFeature"
        | "MsiReinstallFeature"
        | "MsiApplyPatch" => {
            return Some(Err(Code::INSTALL_ALREADY_RUNNING));
        }
        _ => return None,
    };
    Some(machine.registry().map_err(|_| Code::FUNCTION_FAILED).and_then(|it| function(it, arguments)))
}

fn code<T: std::str::FromStr>(arguments: Arguments<'_>, place: usize) -> Result<T, Code> {
    arguments.name(place)?.parse().map_err(|_| Code::INVALID_PARAMETER)
}

fn product(registry: &Registry, arguments: Arguments<'_>) -> Result<InstalledProduct, Code> {
    products::product(registry, code::<ProductCode>(arguments, 0)?).ok_or(Code::UNKNOWN_PRODUCT)
}

/// The item that an index asks for, as texts.
fn item<T>(items: Vec<T>, index: usize, text: impl FnOnce(&T) -> Vec<Value>) -> Answer {
    values(text(items.get(index).ok_or(Code::NO_MORE_ITEMS)?))
}

/// The attributes that the page of MsiGetProductInfo names.
fn product_info(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let product = product(registry, arguments)?;
    let attribute = arguments.name(1)?;
    let version_part =
        |shift: u32, mask: u32| product.version_number.map(|number| ((number >> shift) & mask).to_string());
    let uninstall = |name: &str| {
        let key = products::user_data_product_key(registry, product.context, product.code);
        let value = registry.value(&key.join("InstallProperties"), name)?;
        value.as_text().map(str::to_owned).or_else(|| Some(value.as_dword()?.to_string()))
    };
    let text = match attribute {
        "ProductName" | "InstalledProductName" => Some(product.name.clone()),
        "VersionString" => product.version.clone(),
        "Version" => product.version_number.map(|number| number.to_string()),
        "VersionMajor" => version_part(24, 0xFF),
        "VersionMinor" => version_part(16, 0xFF),
        "Publisher" => product.publisher.clone(),
        "Language" => product.language.map(|number| number.to_string()),
        "PackageCode" => product.package_code.map(|code| code.to_string()),
        "PackageName" => product.package_name.clone(),
        "Transforms" => product.transforms.clone(),
        "LocalPackage" => product.local_package.clone(),
        "InstallDate" => product.install_date.clone(),
        "InstallLocation" => product.install_location.clone(),
        "InstallSource" => product.install_source.clone(),
        "InstanceType" => Some(u8::from(product.instance).to_string()),
        "AssignmentType" => Some(u8::from(product.context == InstallContext::PerMachine).to_string()),
        "State" => Some(InstallState::Default.number().to_string()),
        "ProductID" | "RegCompany" | "RegOwner" | "HelpLink" | "HelpTelephone" | "URLInfoAbout"
        | "URLUpdateInfo" => uninstall(attribute),
        "ProductIcon" => uninstall("DisplayIcon"),
        "AuthorizedLUAApp" => Some("0".to_owned()),
        _ => return Err(Code::UNKNOWN_PROPERTY),
    };
    values([text.unwrap_or_default().into()])
}

fn product_state(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let code = code::<ProductCode>(arguments, 0)?;
    let state = match products::product(registry, code) {
        Some(product) if product.advertised => InstallState::Advertised,
        Some(_) => InstallState::Default,
        None => InstallState::Unknown,
    };
    returns(state.number())
}

fn enum_products(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let index = arguments.index(0)?;
    item(installed_products(registry), index, |product| vec![product.code.to_string().into()])
}

/// The second argument is reserved.
fn enum_related_products(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let upgrade = code::<UpgradeCode>(arguments, 0)?;
    let index = arguments.index(2)?;
    item(related_products(registry, upgrade), index, |code| vec![code.to_string().into()])
}

fn enum_features(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let product = product(registry, arguments)?;
    let index = arguments.index(1)?;
    item(product.features.clone(), index, |(feature, _)| {
        let (_, parent) = products::feature_components(registry, product.code, product.context, feature);
        vec![feature.as_str().into(), parent.unwrap_or_default().into()]
    })
}

fn feature_state(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let code = code::<ProductCode>(arguments, 0)?;
    let feature = arguments.name(1)?;
    let Some(product) = products::product(registry, code) else {
        return returns(InstallState::Unknown.number());
    };
    let state = product.features.iter().find(|(name, _)| name == feature).map(|(_, state)| *state);
    returns(match state {
        Some(FeatureState::Installed) => InstallState::Local.number(),
        Some(FeatureState::Advertised) => InstallState::Advertised.number(),
        Some(FeatureState::Absent) => InstallState::Absent.number(),
        None => InstallState::Unknown.number(),
    })
}

fn enum_components(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let index = arguments.index(0)?;
    let mut components: Vec<ComponentId> = Vec::new();
    for product in installed_products(registry) {
        let of_product = products::components_of(registry, product.code, product.context);
        components.extend(of_product.into_iter().map(|(component, _)| component));
    }
    components.sort_unstable();
    components.dedup();
    item(components, index, |component| vec![component.to_string().into()])
}

fn enum_clients(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let component = code::<ComponentId>(arguments, 0)?;
    let index = arguments.index(1)?;
    let clients = component_clients(registry, component);
    if clients.is_empty() {
        return Err(Code::UNKNOWN_COMPONENT);
    }
    item(clients, index, |client| {
        // The permanent client has a code of zeros.
        let code = client
            .product
            .map_or_else(|| "{00000000-0000-0000-0000-000000000000}".to_owned(), |code| code.to_string());
        vec![code.into()]
    })
}

/// The path is an output, the state is returned.
fn component_path(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let product = code::<ProductCode>(arguments, 0)?;
    let component = code::<ComponentId>(arguments, 1)?;
    path_of(registry, Some(product), component)
}

fn locate_component(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    path_of(registry, None, code::<ComponentId>(arguments, 0)?)
}

fn path_of(registry: &Registry, product: Option<ProductCode>, component: ComponentId) -> Answer {
    let clients = component_clients(registry, component);
    let wanted = clients.into_iter().find(|client| product.is_none() || client.product == product);
    let Some(client) = wanted else { return returns(InstallState::Unknown.number()) };
    let code = InstallState::Local.number() as u32;
    Ok(FunctionAnswer { code, values: vec![client.key_path.into()] })
}

fn is_elevated(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    product(registry, arguments)?;
    values([Value::Int(1)])
}

fn product_of_component(registry: &Registry, arguments: Arguments<'_>) -> Answer {
    let clients = component_clients(registry, code::<ComponentId>(arguments, 0)?);
    let product = clients.into_iter().find_map(|client| client.product).ok_or(Code::UNKNOWN_COMPONENT)?;
    values([product.to_string().into()])
}

/// Version and languages of a file; a file without a version is ERROR_FILE_INVALID.
fn version_of_file(machine: &Machine, arguments: Arguments<'_>) -> Answer {
    let path = WindowsPath::parse(arguments.name(0)?).map_err(|_| Code::INVALID_PARAMETER)?;
    let file = machine.open_file(&path).map_err(|_| Code::FILE_NOT_FOUND)?;
    let found = file_version::read(&file).map_err(|_| Code::ACCESS_DENIED)?.ok_or(Code::FILE_INVALID)?;
    let languages: Vec<String> = found.languages.iter().map(u16::to_string).collect();
    values([found.version.to_string().into(), languages.join(",").into()])
}
