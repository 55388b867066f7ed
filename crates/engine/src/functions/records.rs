//! The functions about records (page `record-processing-functions.md`).

use reseat_database::Stream;
use reseat_database::record::{Field, FieldError, NULL_INTEGER, Record};
use reseat_machine::WindowsPath;

use super::arguments::{Answer, Arguments, done, returns, values};
use super::code::Code;
use super::general::General;
use super::handles::Object;
use super::{FunctionAnswer, Value};

/// Most of a stream that is read at once, in bytes.
const LONGEST_READ: usize = 32 << 20;

/// Carries out a function about records.
pub fn call(general: &mut General<'_>, name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    Some(match name {
        "MsiCreateRecord" => create(general, arguments),
        "MsiRecordGetFieldCount" => {
            record(general, arguments).and_then(|record| returns(record.len().try_into().unwrap_or(i32::MAX)))
        }
        "MsiRecordIsNull" => is_null(general, arguments),
        "MsiRecordDataSize" => with_field(general, arguments, |record, field| {
            returns(record.data_size(field).try_into().unwrap_or(i32::MAX))
        }),
        "MsiRecordGetInteger" => {
            with_field(general, arguments, |record, field| returns(record.integer(field)))
        }
        "MsiRecordGetString" => with_field(general, arguments, text),
        "MsiRecordSetInteger" => set(general, arguments, |arguments| {
            Ok(match arguments.int(2)? {
                NULL_INTEGER => Field::Null,
                number => Field::Integer(number),
            })
        }),
        "MsiRecordSetString" => set(general, arguments, |arguments| {
            Ok(arguments.text(2)?.map_or(Field::Null, |text| Field::Text(text.to_owned())))
        }),
        "MsiRecordSetStream" => set_stream(general, arguments),
        "MsiRecordReadStream" => read_stream(general, arguments),
        "MsiRecordClearData" => record(general, arguments).and_then(|record| {
            record.clear();
            done()
        }),
        _ => return None,
    })
}

fn create(general: &mut General<'_>, arguments: Arguments<'_>) -> Answer {
    let fields = u16::try_from(arguments.int(0)?).map_err(|_| Code::INVALID_PARAMETER)?;
    let handle = general.handles.add(Object::Record(Box::new(Record::new(fields))))?;
    Ok(FunctionAnswer { code: handle, values: Vec::new() })
}

fn record<'g>(general: &'g mut General<'_>, arguments: Arguments<'_>) -> Result<&'g mut Record, Code> {
    general.handles.record(arguments.handle(0)?)
}

fn with_field(
    general: &mut General<'_>,
    arguments: Arguments<'_>,
    read: impl FnOnce(&mut Record, usize) -> Answer,
) -> Answer {
    let record = record(general, arguments)?;
    // A field that cannot be there is one that is not there.
    read(record, arguments.int(1)?.try_into().unwrap_or(usize::MAX))
}

fn is_null(general: &mut General<'_>, arguments: Arguments<'_>) -> Answer {
    with_field(general, arguments, |record, field| returns(record.is_null(field).into()))
}

fn text(record: &mut Record, field: usize) -> Answer {
    match record.field(field) {
        None => Err(Code::INVALID_PARAMETER),
        Some(Field::Stream(_)) => Err(Code::INVALID_DATATYPE),
        Some(_) => values([record.text(field).into()]),
    }
}

fn set(
    general: &mut General<'_>,
    arguments: Arguments<'_>,
    value: impl FnOnce(Arguments<'_>) -> Result<Field, Code>,
) -> Answer {
    let record = record(general, arguments)?;
    let field = usize::try_from(arguments.int(1)?).map_err(|_| Code::INVALID_FIELD)?;
    record.set(field, value(arguments)?).map_err(|_| Code::INVALID_FIELD)?;
    done()
}

/// A null path in place of a file begins the stream again.
fn set_stream(general: &mut General<'_>, arguments: Arguments<'_>) -> Answer {
    let machine = general.machine;
    let record = record(general, arguments)?;
    let field = usize::try_from(arguments.int(1)?).map_err(|_| Code::INVALID_PARAMETER)?;
    let Some(path) = arguments.text(2)?.filter(|path| !path.is_empty()) else {
        record.rewind_stream(field).map_err(|_| Code::INVALID_PARAMETER)?;
        return done();
    };
    if record.field(field).is_none() || field == 0 {
        return Err(Code::INVALID_PARAMETER);
    }
    let path = WindowsPath::parse(path).map_err(|_| Code::BAD_PATHNAME)?;
    let path = machine.unix_path(&path).map_err(|_| Code::BAD_PATHNAME)?;
    if !path.is_file() {
        return Err(Code::BAD_PATHNAME);
    }
    let stream = Stream::open_file(&path).map_err(|_| Code::ACCESS_DENIED)?;
    record.set(field, Field::Stream(stream)).map_err(|_| Code::INVALID_PARAMETER)?;
    done()
}

fn read_stream(general: &mut General<'_>, arguments: Arguments<'_>) -> Answer {
    let record = record(general, arguments)?;
    let field = arguments.index(1)?;
    let wrong = |error| match error {
        FieldError::NoStream { .. } => Code::INVALID_DATATYPE,
        FieldError::Absent { .. } => Code::INVALID_PARAMETER,
        FieldError::Storage(_) | FieldError::Read { .. } => Code::FUNCTION_FAILED,
    };
    if arguments.is_null(2) {
        let left = record.stream_left(field).map_err(wrong)?;
        return values([i32::try_from(left).unwrap_or(i32::MAX).into()]);
    }
    let length = arguments.index(2)?.min(LONGEST_READ);
    values([Value::Bytes(record.read_stream(field, length).map_err(wrong)?)])
}
