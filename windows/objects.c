/* Session, Installer, Database, View, Record and SummaryInfo for scripts (pages automation-interface-reference.md and those of
 * the objects). Each is a handle; what is asked of it becomes a call of a documented function. */
#include "script.h"
#include "forward.h"

enum kind { SESSION, INSTALLER, DATABASE, VIEW, RECORD, SUMMARY };

/* A member of an object: how it is got, put or called. */
struct member {
    enum kind kind;
    const WCHAR *name;
    /* What the function returns: e an error, n a number, t a text, o an object of kind `gives`; 0 where there is none. Behind
     * it the function, whose first parameter is the object's handle, and a letter for each argument: i or s, o an object. */
    char returns;
    enum kind gives;
    const char *function, *arguments;
    const char *put_function, *put_arguments;
};

static const struct member members[] = {
    {SESSION, L"Property", 't', 0, "MsiGetPropertyW", "s", "MsiSetPropertyW", "ss"},
    {SESSION, L"Installer", 'I', INSTALLER, NULL, "", NULL, NULL},
    {SESSION, L"Database", 'o', DATABASE, "MsiGetActiveDatabase", "", NULL, NULL},
    {SESSION, L"Message", 'n', 0, "MsiProcessMessage", "io", NULL, NULL},
    {SESSION, L"DoAction", 'a', 0, "MsiDoActionW", "s", NULL, NULL},
    {SESSION, L"Sequence", 'a', 0, "MsiSequenceW", "si", NULL, NULL},
    {SESSION, L"EvaluateCondition", 'n', 0, "MsiEvaluateConditionW", "s", NULL, NULL},
    {SESSION, L"FormatRecord", 't', 0, "MsiFormatRecordW", "o", NULL, NULL},
    {SESSION, L"Mode", 'b', 0, "MsiGetMode", "i", "MsiSetMode", "ii"},
    {SESSION, L"Language", 'n', 0, "MsiGetLanguage", "", NULL, NULL},
    {SESSION, L"TargetPath", 't', 0, "MsiGetTargetPathW", "s", "MsiSetTargetPathW", "ss"},
    {SESSION, L"SourcePath", 't', 0, "MsiGetSourcePathW", "s", NULL, NULL},
    {SESSION, L"FeatureCurrentState", '1', 0, "MsiGetFeatureStateW", "s", NULL, NULL},
    {SESSION, L"FeatureRequestState", '2', 0, "MsiGetFeatureStateW", "s", "MsiSetFeatureStateW", "si"},
    {SESSION, L"ComponentCurrentState", '1', 0, "MsiGetComponentStateW", "s", NULL, NULL},
    {SESSION, L"ComponentRequestState", '2', 0, "MsiGetComponentStateW", "s", "MsiSetComponentStateW", "si"},
    {SESSION, L"SetInstallLevel", 'e', 0, "MsiSetInstallLevel", "i", NULL, NULL},
    {SESSION, L"VerifyDiskSpace", 'n', 0, "MsiVerifyDiskSpace", "", NULL, NULL},
    {INSTALLER, L"CreateRecord", 'r', RECORD, "MsiCreateRecord", "i", NULL, NULL},
    {INSTALLER, L"Version", 'v', 0, NULL, "", NULL, NULL},
    {INSTALLER, L"ProductState", 'p', 0, "MsiQueryProductStateW", "s", NULL, NULL},
    {DATABASE, L"OpenView", 'h', VIEW, "MsiDatabaseOpenViewW", "s", NULL, NULL},
    {DATABASE, L"PrimaryKeys", 'h', RECORD, "MsiDatabaseGetPrimaryKeysW", "s", NULL, NULL},
    {DATABASE, L"TablePersistent", 'n', 0, "MsiDatabaseIsTablePersistentW", "s", NULL, NULL},
    {DATABASE, L"SummaryInformation", 'S', SUMMARY, "MsiGetSummaryInformationW", "i", NULL, NULL},
    {DATABASE, L"Commit", 'e', 0, "MsiDatabaseCommit", "", NULL, NULL},
    {VIEW, L"Execute", 'e', 0, "MsiViewExecute", "o", NULL, NULL},
    {VIEW, L"Fetch", 'f', RECORD, "MsiViewFetch", "", NULL, NULL},
    {VIEW, L"Modify", 'e', 0, "MsiViewModify", "io", NULL, NULL},
    {VIEW, L"ColumnInfo", 'h', RECORD, "MsiViewGetColumnInfo", "i", NULL, NULL},
    {VIEW, L"Close", 'e', 0, "MsiViewClose", "", NULL, NULL},
    {RECORD, L"StringData", 't', 0, "MsiRecordGetStringW", "i", "MsiRecordSetStringW", "is"},
    {RECORD, L"IntegerData", 'n', 0, "MsiRecordGetInteger", "i", "MsiRecordSetInteger", "ii"},
    {RECORD, L"FieldCount", 'n', 0, "MsiRecordGetFieldCount", "", NULL, NULL},
    {RECORD, L"IsNull", 'b', 0, "MsiRecordIsNull", "i", NULL, NULL},
    {RECORD, L"DataSize", 'n', 0, "MsiRecordDataSize", "i", NULL, NULL},
    {RECORD, L"ClearData", 'e', 0, "MsiRecordClearData", "", NULL, NULL},
    {SUMMARY, L"Property", 'y', 0, "MsiSummaryInfoGetPropertyW", "i", NULL, NULL},
};

#define MEMBERS (sizeof members / sizeof *members)

struct object {
    IDispatch dispatch;
    LONG references;
    enum kind kind;
    uint32_t handle;
    /* A session's handle belongs to the installer. */
    int owned;
};

static const IID unknown_id = {0, 0, 0, {0xc0, 0, 0, 0, 0, 0, 0, 0x46}};
static const IID dispatch_id = {0x20400, 0, 0, {0xc0, 0, 0, 0, 0, 0, 0, 0x46}};

static int same_id(const IID *one, const IID *other)
{
    const unsigned char *a = (const unsigned char *)one, *b = (const unsigned char *)other;
    for (unsigned i = 0; i < sizeof *one; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

static int same_name(const WCHAR *one, const WCHAR *other)
{
    return CompareStringW(LOCALE_INVARIANT, NORM_IGNORECASE, one, -1, other, -1) == CSTR_EQUAL;
}

static HRESULT WINAPI query(IDispatch *self, REFIID id, void **out)
{
    *out = same_id(id, &unknown_id) || same_id(id, &dispatch_id) ? self : NULL;
    if (!*out)
        return E_NOINTERFACE;
    InterlockedIncrement(&((struct object *)self)->references);
    return S_OK;
}

static ULONG WINAPI add_reference(IDispatch *self)
{
    return (ULONG)InterlockedIncrement(&((struct object *)self)->references);
}

static ULONG WINAPI release(IDispatch *self)
{
    struct object *object = (struct object *)self;
    LONG left = InterlockedDecrement(&object->references);
    if (!left) {
        const word handle[] = {object->handle};
        if (object->owned && object->handle)
            forward("MsiCloseHandle", "i", handle);
        give_memory(object);
    }
    return (ULONG)left;
}

static HRESULT WINAPI count_types(IDispatch *self, UINT *count)
{
    (void)self;
    *count = 0;
    return S_OK;
}

static HRESULT WINAPI no_types(IDispatch *self, UINT index, LCID locale, ITypeInfo **out)
{
    (void)self, (void)index, (void)locale;
    *out = NULL;
    return DISP_E_BADINDEX;
}

static HRESULT WINAPI name_to_number(IDispatch *self, REFIID id, WCHAR **names, UINT count, LCID locale, DISPID *out)
{
    (void)id, (void)locale;
    for (UINT i = 0; i < count; i++)
        out[i] = DISPID_UNKNOWN;
    for (unsigned i = 0; i < MEMBERS; i++)
        if (members[i].kind == ((struct object *)self)->kind && same_name(members[i].name, names[0])) {
            out[0] = (DISPID)i + 1;
            return count == 1 ? S_OK : DISP_E_UNKNOWNNAME;
        }
    return DISP_E_UNKNOWNNAME;
}

static IDispatch *new_object(enum kind kind, uint32_t handle, int owned);

/* An argument as what a function takes; the text belongs to `holder`. */
static HRESULT convert(const VARIANT *argument, char letter, VARIANT *holder, word *out)
{
    HRESULT result;
    holder->vt = VT_EMPTY;
    *out = 0;
    if (!argument || (argument->vt == VT_ERROR && argument->scode == DISP_E_PARAMNOTFOUND))
        return S_OK;
    switch (letter) {
    case 'i':
        result = objects.change_type(holder, argument, 0, VT_I4);
        if (SUCCEEDED(result))
            *out = (uint32_t)holder->lVal;
        return result;
    case 's':
        result = objects.change_type(holder, argument, 0, VT_BSTR);
        if (SUCCEEDED(result))
            *out = (word)(holder->bstrVal ? holder->bstrVal : L"");
        return result;
    default:
        if (argument->vt == (VT_BYREF | VT_VARIANT))
            argument = argument->pvarVal;
        if (argument->vt == VT_EMPTY || argument->vt == VT_NULL)
            return S_OK;
        if (argument->vt != VT_DISPATCH)
            return DISP_E_TYPEMISMATCH;
        if (argument->pdispVal)
            *out = ((struct object *)argument->pdispVal)->handle;
        return S_OK;
    }
}

/* Asks for a text with this function; first for its length. */
static HRESULT text_result(const char *function, const char *shape, word *given, unsigned count, VARIANT *out)
{
    WCHAR none[1];
    DWORD size = 0;
    given[count] = (word)none;
    given[count + 1] = (word)&size;
    uint32_t code = forward(function, shape, given);
    if (code != ERROR_SUCCESS && code != ERROR_MORE_DATA)
        return DISP_E_EXCEPTION;
    WCHAR *text = take_memory(((size_t)size + 2) * 2);
    if (!text)
        return E_OUTOFMEMORY;
    given[count] = (word)text;
    size++;
    code = forward(function, shape, given);
    if (code == ERROR_SUCCESS) {
        out->vt = VT_BSTR;
        out->bstrVal = objects.new_text(text, size);
    }
    give_memory(text);
    return code == ERROR_SUCCESS ? S_OK : DISP_E_EXCEPTION;
}

static HRESULT number_result(uint32_t number, VARTYPE type, VARIANT *out)
{
    out->vt = type;
    if (type == VT_BOOL)
        out->boolVal = number ? VARIANT_TRUE : VARIANT_FALSE;
    else
        out->lVal = (LONG)number;
    return S_OK;
}

static HRESULT object_result(enum kind kind, uint32_t handle, VARIANT *out)
{
    if (!handle)
        return DISP_E_EXCEPTION;
    out->vt = VT_DISPATCH;
    out->pdispVal = new_object(kind, handle, 1);
    return out->pdispVal ? S_OK : E_OUTOFMEMORY;
}

/* What a DoAction or Sequence comes to (page session-doaction.md). */
static uint32_t action_status(uint32_t code)
{
    switch (code) {
    case ERROR_SUCCESS:
        return 1;
    case ERROR_INSTALL_USEREXIT:
        return 2;
    case ERROR_INSTALL_SUSPEND:
        return 4;
    case ERROR_NO_MORE_ITEMS:
        return 5;
    case ERROR_FUNCTION_NOT_CALLED:
        return 0;
    default:
        return 3;
    }
}

static HRESULT call(const struct member *member, uint32_t handle, word *given, unsigned count, char *shape, VARIANT *out)
{
    uint32_t first = 0, second = 0, code;
    switch (member->returns) {
    case 'I':
        out->vt = VT_DISPATCH;
        out->pdispVal = new_object(INSTALLER, 0, 0);
        return out->pdispVal ? S_OK : E_OUTOFMEMORY;
    case 'v':
        out->vt = VT_BSTR;
        out->bstrVal = objects.new_text(L"5.0.0.0", 7);
        return S_OK;
    case 't':
        shape[count] = 'B';
        return text_result(member->function, shape, given, count, out);
    case 'h':
    case 'f':
        shape[count] = 'o';
        given[count] = (word)&first;
        code = forward(member->function, shape, given);
        if (code == ERROR_NO_MORE_ITEMS && member->returns == 'f') {
            out->vt = VT_DISPATCH;
            out->pdispVal = NULL;
            return S_OK;
        }
        return code ? DISP_E_EXCEPTION : object_result(member->gives, first, out);
    case 'S': {
        const word summary[] = {handle, 0, given[1], (word)&first};
        code = forward(member->function, "isio", summary);
        return code ? DISP_E_EXCEPTION : object_result(SUMMARY, first, out);
    }
    case 'y': {
        WCHAR text[1024] = L"";
        DWORD size = 1024;
        FILETIME unused;
        const word property[] = {handle, given[1], (word)&first, (word)&second, (word)&unused, (word)text, (word)&size};
        if (forward(member->function, "iioofB", property))
            return DISP_E_EXCEPTION;
        if (first == VT_LPSTR) {
            out->vt = VT_BSTR;
            out->bstrVal = objects.new_text(text, size);
        } else if (first == VT_I2 || first == VT_I4) {
            number_result(second, VT_I4, out);
        }
        return S_OK;
    }
    case '1':
    case '2':
        shape[count] = 'o';
        shape[count + 1] = 'o';
        given[count] = (word)&first;
        given[count + 1] = (word)&second;
        if (forward(member->function, shape, given))
            return DISP_E_EXCEPTION;
        return number_result(member->returns == '1' ? first : second, VT_I4, out);
    case 'o':
    case 'r':
    case 'p':
        /* The installer itself has no handle. */
        if (member->kind == INSTALLER)
            code = forward(member->function, shape + 1, given + 1);
        else
            code = forward(member->function, shape, given);
        return member->returns == 'p' ? number_result(code, VT_I4, out) : object_result(member->gives, code, out);
    }
    code = forward(member->function, shape, given);
    switch (member->returns) {
    case 'n':
        return number_result(code, VT_I4, out);
    case 'b':
        return number_result(code, VT_BOOL, out);
    case 'a':
        return number_result(action_status(code), VT_I4, out);
    default:
        return code ? DISP_E_EXCEPTION : S_OK;
    }
}

static HRESULT WINAPI invoke(IDispatch *self, DISPID number, REFIID id, LCID locale, WORD flags, DISPPARAMS *arguments,
                             VARIANT *result, EXCEPINFO *exception, UINT *wrong)
{
    (void)id, (void)locale, (void)wrong;
    const struct object *object = (const struct object *)self;
    if (number < 1 || number > (DISPID)MEMBERS || members[number - 1].kind != object->kind)
        return DISP_E_MEMBERNOTFOUND;
    const struct member *member = &members[number - 1];
    int puts = (flags & (DISPATCH_PROPERTYPUT | DISPATCH_PROPERTYPUTREF)) != 0;
    const char *letters = puts ? member->put_arguments : member->arguments;
    if (!letters)
        return DISP_E_MEMBERNOTFOUND;
    word given[8] = {object->handle};
    char shape[8] = "i";
    VARIANT holders[4], out = {0};
    unsigned count = 0;
    HRESULT status = S_OK;
    for (; letters[count] && SUCCEEDED(status); count++) {
        /* They come in the opposite order. */
        const VARIANT *argument = count < arguments->cArgs ? &arguments->rgvarg[arguments->cArgs - 1 - count] : NULL;
        status = convert(argument, letters[count], &holders[count], &given[count + 1]);
        shape[count + 1] = letters[count] == 's' ? 's' : 'i';
    }
    if (SUCCEEDED(status)) {
        if (puts)
            status = forward(member->put_function, shape, given) ? DISP_E_EXCEPTION : S_OK;
        else
            status = call(member, object->handle, given, count + 1, shape, &out);
    }
    while (count--)
        objects.clear(&holders[count]);
    if (result)
        *result = out;
    else
        objects.clear(&out);
    if (status == DISP_E_EXCEPTION && exception) {
        memset(exception, 0, sizeof *exception);
        exception->scode = E_FAIL;
        exception->bstrSource = objects.new_text(L"Windows Installer", 17);
        exception->bstrDescription = objects.new_text(member->name, length_of(member->name));
    }
    return status;
}

static IDispatchVtbl table = {query, add_reference, release, count_types, no_types, name_to_number, invoke};

static IDispatch *new_object(enum kind kind, uint32_t handle, int owned)
{
    struct object *object = take_memory(sizeof *object);
    if (!object)
        return NULL;
    object->dispatch.lpVtbl = &table;
    object->references = 1;
    object->kind = kind;
    object->handle = handle;
    object->owned = owned;
    return &object->dispatch;
}

IDispatch *new_session(uint32_t handle)
{
    return new_object(SESSION, handle, 0);
}
