/* Session, Installer, Database, View, Record, SummaryInfo, FeatureInfo and lists for scripts (pages
 * automation-interface-reference.md and those of the objects). Each is a handle; what is asked of it becomes a call of a
 * documented function, here as the table of members says, or in members.c. */
#include "objects.h"

/* A member of an object: how it is got, put or called. */
struct member {
    enum kind kind;
    const WCHAR *name;
    /* What the function returns: e an error, n a number, b a boolean, t a text, o an object of kind `gives` (which h gives
     * through a parameter, like 3 a number, B a boolean, 1 and 2 the first and second of two states), a a status of an
     * action. Behind it the function, whose first parameter is the object's handle, and a letter for each argument: i, s, d a
     * text or number, o an object, v as it is. Or `special` does it all, as `put_special` puts. */
    char returns;
    enum kind gives;
    const char *function, *arguments;
    const char *put_function, *put_arguments;
    member_function special, put_special;
};

#define SPECIAL(kind, name, arguments, function) {kind, name, 0, 0, NULL, arguments, NULL, NULL, function, NULL}
#define CALL(kind, name, returns, gives, function, arguments) {kind, name, returns, gives, function, arguments, NULL, NULL, NULL, NULL}
#define PUT(kind, name, returns, function, arguments, put, put_arguments) \
    {kind, name, returns, 0, function, arguments, put, put_arguments, NULL, NULL}

static const struct member members[] = {
    PUT(SESSION, L"Property", 't', "MsiGetPropertyW", "s", "MsiSetPropertyW", "ss"),
    CALL(SESSION, L"ProductProperty", 't', 0, "MsiGetProductPropertyW", "s"),
    CALL(SESSION, L"Installer", 'I', INSTALLER, NULL, ""),
    CALL(SESSION, L"Database", 'o', DATABASE, "MsiGetActiveDatabase", ""),
    CALL(SESSION, L"Message", 'n', 0, "MsiProcessMessage", "io"),
    CALL(SESSION, L"DoAction", 'a', 0, "MsiDoActionW", "s"),
    CALL(SESSION, L"Sequence", 'a', 0, "MsiSequenceW", "si"),
    CALL(SESSION, L"EvaluateCondition", 'n', 0, "MsiEvaluateConditionW", "s"),
    CALL(SESSION, L"FormatRecord", 't', 0, "MsiFormatRecordW", "o"),
    PUT(SESSION, L"Mode", 'b', "MsiGetMode", "i", "MsiSetMode", "ii"),
    CALL(SESSION, L"Language", 'n', 0, "MsiGetLanguage", ""),
    PUT(SESSION, L"TargetPath", 't', "MsiGetTargetPathW", "s", "MsiSetTargetPathW", "ss"),
    CALL(SESSION, L"SourcePath", 't', 0, "MsiGetSourcePathW", "s"),
    CALL(SESSION, L"FeatureCurrentState", '1', 0, "MsiGetFeatureStateW", "s"),
    PUT(SESSION, L"FeatureRequestState", '2', "MsiGetFeatureStateW", "s", "MsiSetFeatureStateW", "si"),
    CALL(SESSION, L"FeatureValidStates", '3', 0, "MsiGetFeatureValidStatesW", "s"),
    CALL(SESSION, L"FeatureCost", '3', 0, "MsiGetFeatureCostW", "sii"),
    SPECIAL(SESSION, L"FeatureInfo", "s", session_feature),
    CALL(SESSION, L"ComponentCurrentState", '1', 0, "MsiGetComponentStateW", "s"),
    PUT(SESSION, L"ComponentRequestState", '2', "MsiGetComponentStateW", "s", "MsiSetComponentStateW", "si"),
    SPECIAL(SESSION, L"ComponentCosts", "si", session_component_costs),
    CALL(SESSION, L"SetInstallLevel", 'e', 0, "MsiSetInstallLevel", "i"),
    CALL(SESSION, L"VerifyDiskSpace", 'k', 0, "MsiVerifyDiskSpace", ""),
    SPECIAL(FEATURE, L"Title", "", feature_title),
    SPECIAL(FEATURE, L"Description", "", feature_description),
    {FEATURE, L"Attributes", 0, 0, NULL, "", NULL, "i", feature_attributes, put_feature_attributes},
    CALL(INSTALLER, L"CreateRecord", 'o', RECORD, "MsiCreateRecord", "i"),
    CALL(INSTALLER, L"OpenDatabase", 'h', DATABASE, "MsiOpenDatabaseW", "sd"),
    SPECIAL(INSTALLER, L"Version", "", installer_version),
    SPECIAL(INSTALLER, L"LastErrorRecord", "", installer_last_error),
    SPECIAL(INSTALLER, L"SummaryInformation", "si", installer_summary),
    CALL(INSTALLER, L"ProductState", 'n', 0, "MsiQueryProductStateW", "s"),
    CALL(INSTALLER, L"ProductInfo", 't', 0, "MsiGetProductInfoW", "ss"),
    CALL(INSTALLER, L"ProductElevated", 'B', 0, "MsiIsProductElevatedW", "s"),
    SPECIAL(INSTALLER, L"Products", "", installer_products),
    SPECIAL(INSTALLER, L"RelatedProducts", "s", installer_related),
    SPECIAL(INSTALLER, L"Features", "s", installer_features),
    SPECIAL(INSTALLER, L"FeatureParent", "ss", installer_feature_parent),
    CALL(INSTALLER, L"FeatureState", 'n', 0, "MsiQueryFeatureStateW", "ss"),
    SPECIAL(INSTALLER, L"Components", "", installer_components),
    SPECIAL(INSTALLER, L"ComponentClients", "s", installer_clients),
    SPECIAL(INSTALLER, L"ComponentPath", "ss", installer_component_path),
    SPECIAL(INSTALLER, L"FileVersion", "si", installer_file_version),
    SPECIAL(INSTALLER, L"FileSize", "s", installer_file_size),
    SPECIAL(INSTALLER, L"FileAttributes", "s", installer_file_attributes),
    {INSTALLER, L"Environment", 0, 0, NULL, "s", NULL, "ss", installer_environment, put_installer_environment},
    SPECIAL(INSTALLER, L"RegistryValue", "isv", installer_registry_value),
    CALL(DATABASE, L"OpenView", 'h', VIEW, "MsiDatabaseOpenViewW", "s"),
    CALL(DATABASE, L"PrimaryKeys", 'h', RECORD, "MsiDatabaseGetPrimaryKeysW", "s"),
    CALL(DATABASE, L"TablePersistent", 'n', 0, "MsiDatabaseIsTablePersistentW", "s"),
    CALL(DATABASE, L"DatabaseState", 'n', 0, "MsiGetDatabaseState", ""),
    SPECIAL(DATABASE, L"SummaryInformation", "i", database_summary),
    CALL(DATABASE, L"Commit", 'e', 0, "MsiDatabaseCommit", ""),
    CALL(VIEW, L"Execute", 'e', 0, "MsiViewExecute", "o"),
    CALL(VIEW, L"Fetch", 'f', RECORD, "MsiViewFetch", ""),
    CALL(VIEW, L"Modify", 'e', 0, "MsiViewModify", "io"),
    CALL(VIEW, L"ColumnInfo", 'h', RECORD, "MsiViewGetColumnInfo", "i"),
    SPECIAL(VIEW, L"GetError", "", view_error),
    CALL(VIEW, L"Close", 'e', 0, "MsiViewClose", ""),
    PUT(RECORD, L"StringData", 't', "MsiRecordGetStringW", "i", "MsiRecordSetStringW", "is"),
    PUT(RECORD, L"IntegerData", 'n', "MsiRecordGetInteger", "i", "MsiRecordSetInteger", "ii"),
    CALL(RECORD, L"FieldCount", 'n', 0, "MsiRecordGetFieldCount", ""),
    CALL(RECORD, L"IsNull", 'b', 0, "MsiRecordIsNull", "i"),
    CALL(RECORD, L"DataSize", 'n', 0, "MsiRecordDataSize", "i"),
    CALL(RECORD, L"ClearData", 'e', 0, "MsiRecordClearData", ""),
    CALL(RECORD, L"SetStream", 'e', 0, "MsiRecordSetStreamW", "is"),
    SPECIAL(RECORD, L"ReadStream", "iii", record_stream),
    SPECIAL(RECORD, L"FormatText", "", record_text),
    {SUMMARY, L"Property", 0, 0, NULL, "i", NULL, "iv", summary_property, put_summary_property},
    CALL(SUMMARY, L"PropertyCount", '3', 0, "MsiSummaryInfoGetPropertyCount", ""),
    CALL(SUMMARY, L"Persist", 'e', 0, "MsiSummaryInfoPersist", ""),
    SPECIAL(LIST, L"Count", "", list_count),
    SPECIAL(LIST, L"Item", "i", list_item),
};

#define MEMBERS (sizeof members / sizeof *members)

/* More than any member has arguments, the handle, and what comes back. */
#define MOST_ARGUMENTS 3
#define MOST_GIVEN (1 + MOST_ARGUMENTS + 2)

/* The code with which the last function failed, for the message. */
static uint32_t last_code;

const IID unknown_id = {0, 0, 0, {0xc0, 0, 0, 0, 0, 0, 0, 0x46}};
static const IID dispatch_id = {0x20400, 0, 0, {0xc0, 0, 0, 0, 0, 0, 0, 0x46}};

int same_id(const IID *one, const IID *other)
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

HRESULT failed_call(uint32_t code)
{
    last_code = code;
    return DISP_E_EXCEPTION;
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
        objects.free_text(object->name);
        drop_items(object);
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

static IDispatchVtbl table;

/* An argument as what a function takes; the text belongs to `holder`. */
static HRESULT convert(const VARIANT *argument, char letter, VARIANT *holder, word *out)
{
    HRESULT result;
    holder->vt = VT_EMPTY;
    *out = 0;
    if (!argument || (argument->vt == VT_ERROR && argument->scode == DISP_E_PARAMNOTFOUND))
        return S_OK;
    switch (letter) {
    case 'v':
        *out = (word)argument;
        return S_OK;
    case 'd':
        if (argument->vt != VT_BSTR)
            return convert(argument, 'i', holder, out);
        /* fall through */
    case 's':
        result = objects.change_type(holder, argument, 0, VT_BSTR);
        if (SUCCEEDED(result))
            *out = (word)(holder->bstrVal ? holder->bstrVal : L"");
        return result;
    case 'i':
        result = objects.change_type(holder, argument, 0, VT_I4);
        if (SUCCEEDED(result))
            *out = (uint32_t)holder->lVal;
        return result;
    default:
        if (argument->vt == (VT_BYREF | VT_VARIANT))
            argument = argument->pvarVal;
        if (argument->vt == VT_EMPTY || argument->vt == VT_NULL)
            return S_OK;
        if (argument->vt != VT_DISPATCH || (argument->pdispVal && argument->pdispVal->lpVtbl != &table))
            return DISP_E_TYPEMISMATCH;
        if (argument->pdispVal)
            *out = ((struct object *)argument->pdispVal)->handle;
        return S_OK;
    }
}

/* Asks for a text with this function; first for its length. */
HRESULT text_result(const char *function, const char *shape, word *given, unsigned count, VARIANT *out)
{
    WCHAR none[1];
    DWORD size = 0;
    given[count] = (word)none;
    given[count + 1] = (word)&size;
    uint32_t code = forward(function, shape, given);
    if (code != ERROR_SUCCESS && code != ERROR_MORE_DATA)
        return failed_call(code);
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
    return code ? failed_call(code) : S_OK;
}

HRESULT number_result(uint32_t number, VARTYPE type, VARIANT *out)
{
    out->vt = type;
    if (type == VT_BOOL)
        out->boolVal = number ? VARIANT_TRUE : VARIANT_FALSE;
    else
        out->lVal = (LONG)number;
    return S_OK;
}

HRESULT object_result(enum kind kind, uint32_t handle, VARIANT *out)
{
    if (!handle)
        return failed_call(ERROR_INVALID_HANDLE);
    struct object *object = new_object(kind, handle, 1);
    if (!object)
        return E_OUTOFMEMORY;
    out->vt = VT_DISPATCH;
    out->pdispVal = &object->dispatch;
    return S_OK;
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

/* Calls the function of a member; `given` and `shape` begin with the handle, where there is one. */
static HRESULT call(const struct member *member, word *given, unsigned count, char *shape, VARIANT *out)
{
    uint32_t first = 0, second = 0, code;
    switch (member->returns) {
    case 'I': {
        struct object *installer = new_object(INSTALLER, 0, 0);
        if (!installer)
            return E_OUTOFMEMORY;
        out->vt = VT_DISPATCH;
        out->pdispVal = &installer->dispatch;
        return S_OK;
    }
    case 't':
        shape[count] = 'B';
        return text_result(member->function, shape, given, count, out);
    case 'h':
    case 'f':
    case '3':
    case 'B':
        shape[count] = 'o';
        given[count] = (word)&first;
        code = forward(member->function, shape, given);
        if (code == ERROR_NO_MORE_ITEMS && member->returns == 'f') {
            out->vt = VT_DISPATCH;
            out->pdispVal = NULL;
            return S_OK;
        }
        if (code)
            return failed_call(code);
        if (member->returns == '3' || member->returns == 'B')
            return number_result(first, member->returns == 'B' ? VT_BOOL : VT_I4, out);
        return object_result(member->gives, first, out);
    case '1':
    case '2':
        shape[count] = 'o';
        shape[count + 1] = 'o';
        given[count] = (word)&first;
        given[count + 1] = (word)&second;
        code = forward(member->function, shape, given);
        if (code)
            return failed_call(code);
        return number_result(member->returns == '1' ? first : second, VT_I4, out);
    }
    code = forward(member->function, shape, given);
    switch (member->returns) {
    case 'n':
        return number_result(code, VT_I4, out);
    case 'b':
        return number_result(code, VT_BOOL, out);
    case 'k':
        return number_result(code == ERROR_SUCCESS, VT_BOOL, out);
    case 'o':
        return object_result(member->gives, code, out);
    case 'a':
        return number_result(action_status(code), VT_I4, out);
    default:
        return code ? failed_call(code) : S_OK;
    }
}

/* Says which member failed, and with which error. */
static void explain(const struct member *member, EXCEPINFO *exception)
{
    WCHAR text[80];
    WCHAR *end = text;
    for (const WCHAR *next = member->name; *next; next++)
        *end++ = *next;
    for (const WCHAR *next = L": error "; *next; next++)
        *end++ = *next;
    uint32_t divisor = 1;
    while (last_code / divisor > 9)
        divisor *= 10;
    for (; divisor; divisor /= 10)
        *end++ = (WCHAR)('0' + last_code / divisor % 10);
    memset(exception, 0, sizeof *exception);
    exception->scode = E_FAIL;
    exception->bstrSource = objects.new_text(L"Windows Installer", 17);
    exception->bstrDescription = objects.new_text(text, (UINT)(end - text));
}

static HRESULT WINAPI invoke(IDispatch *self, DISPID number, REFIID id, LCID locale, WORD flags, DISPPARAMS *arguments,
                             VARIANT *result, EXCEPINFO *exception, UINT *wrong)
{
    (void)id, (void)locale, (void)wrong;
    struct object *object = (struct object *)self;
    if (object->kind == LIST && number == DISPID_NEWENUM)
        return result ? list_walk(object, result) : E_POINTER;
    if (object->kind == LIST && number == DISPID_VALUE)
        number = (DISPID)MEMBERS;
    if (number < 1 || number > (DISPID)MEMBERS || members[number - 1].kind != object->kind)
        return DISP_E_MEMBERNOTFOUND;
    const struct member *member = &members[number - 1];
    int puts = (flags & (DISPATCH_PROPERTYPUT | DISPATCH_PROPERTYPUTREF)) != 0;
    const char *letters = puts ? member->put_arguments : member->arguments;
    if (!letters)
        return DISP_E_MEMBERNOTFOUND;
    word given[MOST_GIVEN] = {0};
    char shape[MOST_GIVEN + 1] = {0};
    VARIANT holders[MOST_ARGUMENTS], out = {0};
    unsigned count = 0, before = 0;
    HRESULT status = S_OK;
    if ((puts ? !member->put_special : !member->special) && object->kind != INSTALLER) {
        /* The installer itself has no handle, and what is special finds its own. */
        given[0] = object->handle;
        shape[0] = 'i';
        before = 1;
    }
    for (; letters[count] && SUCCEEDED(status); count++) {
        /* They come in the opposite order. */
        const VARIANT *argument = count < arguments->cArgs ? &arguments->rgvarg[arguments->cArgs - 1 - count] : NULL;
        status = convert(argument, letters[count], &holders[count], &given[before + count]);
        shape[before + count] = letters[count] == 's' || letters[count] == 'd' ? letters[count] : 'i';
    }
    if (SUCCEEDED(status)) {
        if (puts ? member->put_special != NULL : member->special != NULL) {
            status = (puts ? member->put_special : member->special)(object, given, &out);
        } else if (puts) {
            uint32_t code = forward(member->put_function, shape, given);
            status = code ? failed_call(code) : S_OK;
        } else {
            status = call(member, given, before + count, shape, &out);
        }
    }
    while (count--)
        objects.clear(&holders[count]);
    if (result)
        *result = out;
    else
        objects.clear(&out);
    if (status == DISP_E_EXCEPTION && exception)
        explain(member, exception);
    return status;
}

static IDispatchVtbl table = {query, add_reference, release, count_types, no_types, name_to_number, invoke};

struct object *new_object(enum kind kind, uint32_t handle, int owned)
{
    struct object *object = take_memory(sizeof *object);
    if (!object)
        return NULL;
    memset(object, 0, sizeof *object);
    object->dispatch.lpVtbl = &table;
    object->references = 1;
    object->kind = kind;
    object->handle = handle;
    object->owned = owned;
    return object;
}

IDispatch *new_session(uint32_t handle)
{
    struct object *session = new_object(SESSION, handle, 0);
    return session ? &session->dispatch : NULL;
}
