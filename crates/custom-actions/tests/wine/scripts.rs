//! Scripts run by those of Wine.

use std::time::Instant;

use reseat_custom_actions::WineHost;
use reseat_engine::{CustomActionHost, ScriptLanguage, ScriptSource, WindowsCall, WindowsCode};

use crate::{Ran, Served, scene};

fn script(language: ScriptLanguage, text: &str, function: Option<&str>) -> Option<Ran> {
    let (scene, _turn) = scene()?;
    let machine = scene.machine();
    let host = WineHost::new(&machine, scene.files.clone()).unwrap();
    let call = WindowsCall {
        action: "TestScript".to_owned(),
        code: WindowsCode::Script {
            language,
            source: ScriptSource::Text(text.to_owned()),
            function: function.map(str::to_owned),
            is_64_bit: true,
        },
        session_handle: 42,
    };
    let mut served = Served::new();
    let mut lines = Vec::new();
    let began = Instant::now();
    let result = host.run_windows(&call, &mut served, &mut |line| lines.push(line.to_owned()));
    Some(Ran { result, lines, served, time: began.elapsed() })
}

#[test]
fn scripts_see_the_session_and_what_they_return_is_a_result() {
    let jscript = "function Main() {
            Session.Property('SET') = Session.Property('GREETING') + '!';
            Property('BARE') = 'bare';
            var record = Session.Installer.CreateRecord(1);
            record.StringData(0) = 'Hello';
            if (Session.Message(0x04000000, record) != 1) return 3;
            return 1;
        }
        function Finished() { return 5; }";
    let Some(ran) = script(ScriptLanguage::JScript, jscript, Some("Main")) else { return };
    let ran = ran.expect_code(0);
    assert_eq!(ran.served.properties["SET"], "grüße☺!");
    assert_eq!(ran.served.properties["BARE"], "bare");
    assert!(ran.served.calls.contains(&"MsiCloseHandle".to_owned()), "{:?}", ran.served.calls);
    script(ScriptLanguage::JScript, jscript, Some("Finished")).unwrap().expect_code(259);
    let vbscript = "Function Main()
        Session.Property(\"SET\") = Session.Property(\"PLAIN\") & UCase(\"a\")
        Main = 2
        End Function";
    let ran = script(ScriptLanguage::VbScript, vbscript, Some("Main")).unwrap().expect_code(1602);
    assert_eq!(ran.served.properties["SET"], "café!A");
    let plain = "Session.Property(\"SET\") = 1 + 1";
    let ran = script(ScriptLanguage::VbScript, plain, None).unwrap().expect_code(0);
    assert_eq!(ran.served.properties["SET"], "2");
}

#[test]
fn an_error_in_a_script_is_named_with_its_line() {
    let text = "var a = 1;\nvar b = nothing.there;\n";
    let Some(ran) = script(ScriptLanguage::JScript, text, None) else { return };
    let ran = ran.expect_code(1603);
    assert!(ran.lines.iter().any(|line| line.starts_with("script error in line 2")), "{:?}", ran.lines);
    let ran = script(ScriptLanguage::VbScript, "x = 1\nIf Then", None).unwrap().expect_code(1603);
    assert!(ran.lines.iter().any(|line| line.starts_with("script error in line 2")), "{:?}", ran.lines);
    script(ScriptLanguage::JScript, "var a;", Some("Absent")).unwrap().expect_code(1603);
}
