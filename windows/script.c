/* Request S: runs a script with the engines for JScript and VBScript that Wine has. */
#include "script.h"

#include <activscp.h>

struct object_library objects;

static const GUID jscript = {0xf414c260, 0x6ac0, 0x11cf, {0xb6, 0xd1, 0, 0xaa, 0, 0xbb, 0xbb, 0x58}};
static const GUID vbscript = {0xb54f3741, 0x5b07, 0x11cf, {0xa4, 0xb0, 0, 0xaa, 0, 0x4a, 0x55, 0xe8}};
static const IID engine_id = {0xbb1a2ae1, 0xa4f9, 0x11cf, {0x8f, 0x20, 0, 0x80, 0x5f, 0x2c, 0xd0, 0x64}};
#ifdef _WIN64
static const IID parser_id = {0xc7ef7658, 0xe1ee, 0x480e, {0x97, 0xea, 0xd5, 0x2c, 0xb4, 0xd7, 0x6d, 0x17}};
#else
static const IID parser_id = {0xbb1a2ae2, 0xa4f9, 0x11cf, {0x8f, 0x20, 0, 0x80, 0x5f, 0x2c, 0xd0, 0x64}};
#endif

static IDispatch *session;
/* The engine says so when a script fails. */
static int failed;

static int load(void)
{
    HMODULE ole = LoadLibraryW(L"ole32.dll");
    HMODULE automation = LoadLibraryW(L"oleaut32.dll");
    if (!ole || !automation)
        return 0;
    objects.initialize = (void *)GetProcAddress(ole, "CoInitialize");
    objects.create_instance = (void *)GetProcAddress(ole, "CoCreateInstance");
    objects.new_text = (void *)GetProcAddress(automation, "SysAllocStringLen");
    objects.free_text = (void *)GetProcAddress(automation, "SysFreeString");
    objects.change_type = (void *)GetProcAddress(automation, "VariantChangeType");
    objects.clear = (void *)GetProcAddress(automation, "VariantClear");
    return objects.initialize && objects.create_instance && objects.new_text && objects.free_text && objects.change_type &&
           objects.clear;
}

/* ---- the site: what the engine asks of us ---- */

static HRESULT WINAPI site_query(IActiveScriptSite *self, REFIID id, void **out)
{
    /* The script's site has one face; others are not needed. */
    static const IID site_id = {0xdb01a1e3, 0xa42b, 0x11cf, {0x8f, 0x20, 0, 0x80, 0x5f, 0x2c, 0xd0, 0x64}};
    const unsigned char *a = (const unsigned char *)id, *b = (const unsigned char *)&site_id;
    *out = self;
    for (unsigned i = 0; i < sizeof site_id; i++)
        if (a[i] != b[i])
            *out = NULL;
    return *out ? S_OK : E_NOINTERFACE;
}

static ULONG WINAPI site_reference(IActiveScriptSite *self)
{
    (void)self;
    return 2;
}

static HRESULT WINAPI site_locale(IActiveScriptSite *self, LCID *out)
{
    (void)self;
    *out = LOCALE_USER_DEFAULT;
    return S_OK;
}

static HRESULT WINAPI site_item(IActiveScriptSite *self, const WCHAR *name, DWORD wanted, IUnknown **item, ITypeInfo **type)
{
    (void)self, (void)name;
    if (wanted & SCRIPTINFO_ITYPEINFO && type)
        *type = NULL;
    if (wanted & SCRIPTINFO_IUNKNOWN) {
        session->lpVtbl->AddRef(session);
        *item = (IUnknown *)session;
    }
    return S_OK;
}

static HRESULT WINAPI site_version(IActiveScriptSite *self, BSTR *out)
{
    (void)self, (void)out;
    return E_NOTIMPL;
}

static HRESULT WINAPI site_ended(IActiveScriptSite *self, const VARIANT *result, const EXCEPINFO *exception)
{
    (void)self, (void)result, (void)exception;
    return S_OK;
}

static HRESULT WINAPI site_state(IActiveScriptSite *self, SCRIPTSTATE state)
{
    (void)self, (void)state;
    return S_OK;
}

static WCHAR *add_text(WCHAR *to, const WCHAR *end, const WCHAR *text)
{
    while (text && *text && to < end)
        *to++ = *text++;
    *to = 0;
    return to;
}

static WCHAR *add_number(WCHAR *to, uint32_t number)
{
    WCHAR digits[12];
    int count = 0;
    do
        digits[count++] = (WCHAR)('0' + number % 10);
    while (number /= 10);
    while (count)
        *to++ = digits[--count];
    *to = 0;
    return to;
}

static HRESULT WINAPI site_error(IActiveScriptSite *self, IActiveScriptError *error)
{
    (void)self;
    WCHAR text[512];
    WCHAR *to = text;
    EXCEPINFO exception = {0};
    DWORD context;
    ULONG line = 0;
    LONG column = 0;
    failed = 1;
    error->lpVtbl->GetExceptionInfo(error, &exception);
    error->lpVtbl->GetSourcePosition(error, &context, &line, &column);
    to = add_text(to, text + 480, L"script error in line ");
    to = add_number(to, line + 1);
    to = add_text(to, text + 480, L", column ");
    to = add_number(to, (uint32_t)column + 1);
    to = add_text(to, text + 480, L": ");
    add_text(to, text + 500, exception.bstrDescription ? exception.bstrDescription : L"it cannot be said which");
    send_line(text);
    objects.free_text(exception.bstrSource);
    objects.free_text(exception.bstrDescription);
    objects.free_text(exception.bstrHelpFile);
    return S_OK;
}

static HRESULT WINAPI site_enter(IActiveScriptSite *self)
{
    (void)self;
    return S_OK;
}

static IActiveScriptSiteVtbl site_table = {site_query, site_reference, site_reference, site_locale, site_item, site_version,
                                           site_ended, site_state, site_error, site_enter, site_enter};
static IActiveScriptSite site = {&site_table};

/* What a function of a script returns, as an action's result (page return-values-of-jscript-and-vbscript-custom-actions.md). */
static uint32_t result_of(const VARIANT *value)
{
    static const uint32_t results[] = {ERROR_FUNCTION_NOT_CALLED, ERROR_SUCCESS, ERROR_INSTALL_USEREXIT, ERROR_INSTALL_FAILURE,
                                       ERROR_INSTALL_SUSPEND, ERROR_NO_MORE_ITEMS};
    VARIANT number = {0};
    if (value->vt == VT_EMPTY)
        return ERROR_SUCCESS;
    if (FAILED(objects.change_type(&number, value, 0, VT_I4)))
        return ERROR_INSTALL_FAILURE;
    return number.lVal >= 0 && number.lVal < 6 ? results[number.lVal] : ERROR_INSTALL_FAILURE;
}

static HRESULT call_function(IActiveScript *engine, WCHAR *name, uint32_t *result)
{
    IDispatch *script = NULL;
    DISPID number;
    DISPPARAMS none = {0};
    VARIANT value = {0};
    static const IID nothing;
    HRESULT status = engine->lpVtbl->GetScriptDispatch(engine, NULL, &script);
    if (SUCCEEDED(status))
        status = script->lpVtbl->GetIDsOfNames(script, &nothing, &name, 1, 0, &number);
    if (FAILED(status))
        send_line(L"the script has no such function");
    else
        status = script->lpVtbl->Invoke(script, number, &nothing, 0, DISPATCH_METHOD, &none, &value, NULL, NULL);
    if (SUCCEEDED(status))
        *result = result_of(&value);
    objects.clear(&value);
    return status;
}

void run_script(struct rest *request)
{
    uint32_t handle = get_u32(request);
    uint32_t language = get_u8(request);
    WCHAR *text = get_text(request);
    WCHAR *function = get_text(request);
    IActiveScript *engine = NULL;
    IActiveScriptParse *parser = NULL;
    uint32_t result = ERROR_SUCCESS;
    HRESULT status;
    if (request->failed || !load_proxies() || !load()) {
        send_failed(ERROR_INVALID_DATA, L"script");
        return;
    }
    failed = 0;
    session = new_session(handle);
    objects.initialize(NULL);
    status = objects.create_instance(language == 'v' ? &vbscript : &jscript, NULL, CLSCTX_INPROC_SERVER, &engine_id,
                                     (void **)&engine);
    if (FAILED(status)) {
        send_failed((uint32_t)status, language == 'v' ? L"VBScript" : L"JScript");
        return;
    }
    status = engine->lpVtbl->SetScriptSite(engine, &site);
    if (SUCCEEDED(status))
        status = engine->lpVtbl->QueryInterface(engine, &parser_id, (void **)&parser);
    if (SUCCEEDED(status))
        status = parser->lpVtbl->InitNew(parser);
    if (SUCCEEDED(status))
        status = engine->lpVtbl->AddNamedItem(engine, L"Session", SCRIPTITEM_ISVISIBLE | SCRIPTITEM_GLOBALMEMBERS);
    if (SUCCEEDED(status))
        status = parser->lpVtbl->ParseScriptText(parser, text, NULL, NULL, NULL, 0, 0, SCRIPTTEXT_ISVISIBLE, NULL, NULL);
    if (SUCCEEDED(status))
        status = engine->lpVtbl->SetScriptState(engine, SCRIPTSTATE_CONNECTED);
    if (SUCCEEDED(status) && !failed && *function)
        status = call_function(engine, function, &result);
    if (parser)
        parser->lpVtbl->Release(parser);
    engine->lpVtbl->Close(engine);
    engine->lpVtbl->Release(engine);
    session->lpVtbl->Release(session);
    give_memory(text);
    give_memory(function);
    send_done(FAILED(status) || failed ? ERROR_INSTALL_FAILURE : result);
}
