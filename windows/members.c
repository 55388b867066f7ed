/* Members of the scripts' objects that are more than one call of a function. Each follows the page of its name, such as
 * installer-fileversion.md. */
#include "objects.h"

#define DISP_E_NOT_FOUND ((HRESULT)0x800a0009)
/* A title or description, with its closing zero. */
#define TEXT_ROOM 4096
#define GUID_ROOM 39
#define NAME_ROOM 256

/* ---- FeatureInfo ---- */

/* Title, description and attributes with one call; texts may be left out. */
static uint32_t feature(uint32_t session, const WCHAR *name, uint32_t *attributes, WCHAR *title, WCHAR *description)
{
    DWORD title_room = TEXT_ROOM, description_room = TEXT_ROOM;
    const word given[] = {session,     (word)name,         (word)attributes, (word)title, title ? (word)&title_room : 0,
                          (word)description, description ? (word)&description_room : 0};
    return forward("MsiGetFeatureInfoW", "isoBB", given);
}

HRESULT session_feature(struct object *session, const word *given, VARIANT *out)
{
    uint32_t attributes, code = feature(session->handle, (const WCHAR *)given[0], &attributes, NULL, NULL);
    if (code)
        return failed_call(code);
    struct object *made = new_object(FEATURE, session->handle, 0);
    if (!made)
        return E_OUTOFMEMORY;
    made->name = objects.new_text((const WCHAR *)given[0], length_of((const WCHAR *)given[0]));
    out->vt = VT_DISPATCH;
    out->pdispVal = &made->dispatch;
    return S_OK;
}

static HRESULT feature_text(struct object *object, int description, VARIANT *out)
{
    WCHAR *text = take_memory(TEXT_ROOM * sizeof *text);
    uint32_t attributes, code;
    if (!text)
        return E_OUTOFMEMORY;
    code = feature(object->handle, object->name, &attributes, description ? NULL : text, description ? text : NULL);
    if (!code || code == ERROR_MORE_DATA) {
        out->vt = VT_BSTR;
        out->bstrVal = objects.new_text(text, length_of(text));
        code = 0;
    }
    give_memory(text);
    return code ? failed_call(code) : S_OK;
}

HRESULT feature_title(struct object *object, const word *given, VARIANT *out)
{
    (void)given;
    return feature_text(object, 0, out);
}

HRESULT feature_description(struct object *object, const word *given, VARIANT *out)
{
    (void)given;
    return feature_text(object, 1, out);
}

/* The function gives the double of what the Feature table has, and takes it. */
HRESULT feature_attributes(struct object *object, const word *given, VARIANT *out)
{
    (void)given;
    uint32_t attributes = 0, code = feature(object->handle, object->name, &attributes, NULL, NULL);
    return code ? failed_call(code) : number_result(attributes >> 1, VT_I4, out);
}

HRESULT put_feature_attributes(struct object *object, const word *given, VARIANT *out)
{
    (void)out;
    uint32_t value = (uint32_t)given[0];
    /* The last bit has the same number in both. */
    const word set[] = {object->handle, (word)object->name, (value & 15) ? (value & 15) << 1 | (value & 32) : 1 | (value & 32)};
    uint32_t code = forward("MsiSetFeatureAttributesW", "isi", set);
    return code ? failed_call(code) : S_OK;
}

/* ---- Session ---- */

HRESULT session_component_costs(struct object *session, const word *given, VARIANT *out)
{
    struct object *list = new_object(LIST, 0, 0);
    uint32_t code = 0;
    if (!list)
        return E_OUTOFMEMORY;
    for (uint32_t index = 0; !code; index++) {
        WCHAR volume[NAME_ROOM];
        DWORD room = NAME_ROOM;
        uint32_t cost = 0, temporary = 0;
        const word asked[] = {session->handle, given[0],    index,       given[1], (word)volume,
                              (word)&room,     (word)&cost, (word)&temporary};
        code = forward("MsiEnumComponentCostsW", "isiiBoo", asked);
        if (code)
            break;
        const word fields[] = {3};
        uint32_t record = forward("MsiCreateRecord", "i", fields);
        const word first[] = {record, 1, (word)volume}, second[] = {record, 2, cost}, third[] = {record, 3, temporary};
        forward("MsiRecordSetStringW", "iis", first);
        forward("MsiRecordSetInteger", "iii", second);
        forward("MsiRecordSetInteger", "iii", third);
        VARIANT item = {0};
        HRESULT status = object_result(RECORD, record, &item);
        if (SUCCEEDED(status))
            status = add_item(list, &item);
        if (FAILED(status))
            code = ERROR_OUTOFMEMORY;
    }
    if (code != ERROR_NO_MORE_ITEMS) {
        list->dispatch.lpVtbl->Release(&list->dispatch);
        return failed_call(code);
    }
    out->vt = VT_DISPATCH;
    out->pdispVal = &list->dispatch;
    return S_OK;
}

/* ---- Installer ---- */

HRESULT installer_version(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer, (void)given;
    out->vt = VT_BSTR;
    out->bstrVal = objects.new_text(L"5.0.0.0", 7);
    return S_OK;
}

HRESULT installer_last_error(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    uint32_t record = forward("MsiGetLastErrorRecord", ".", given);
    if (record)
        return object_result(RECORD, record, out);
    out->vt = VT_DISPATCH;
    out->pdispVal = NULL;
    return S_OK;
}

static HRESULT summary(uint32_t database, word path, word count, VARIANT *out)
{
    uint32_t handle = 0;
    const word given[] = {database, path, count, (word)&handle};
    uint32_t code = forward("MsiGetSummaryInformationW", "isio", given);
    return code ? failed_call(code) : object_result(SUMMARY, handle, out);
}

HRESULT installer_summary(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    return summary(0, given[0], given[1], out);
}

HRESULT database_summary(struct object *database, const word *given, VARIANT *out)
{
    return summary(database->handle, 0, given[0], out);
}

/* A list of what a function gives for the indexes from 0 on. Its parameters before the index, if any, are in `given`; behind
 * it are `numbers` numbers of 0, and the buffers. */
static HRESULT enumerate(const char *function, const char *shape, const word *given, unsigned before, unsigned numbers, VARIANT *out)
{
    struct object *list = new_object(LIST, 0, 0);
    WCHAR text[NAME_ROOM], other[NAME_ROOM];
    HRESULT status = S_OK;
    uint32_t code = 0;
    word asked[6] = {0};
    if (!list)
        return E_OUTOFMEMORY;
    for (unsigned i = 0; i < before; i++)
        asked[i] = given[i];
    asked[before + numbers + 1] = (word)text;
    asked[before + numbers + 2] = (word)other;
    for (uint32_t index = 0; SUCCEEDED(status); index++) {
        *text = 0;
        asked[before + numbers] = index;
        code = forward(function, shape, asked);
        if (code)
            break;
        status = add_text(list, text);
    }
    /* What is not known has no items. */
    if (SUCCEEDED(status) && code != ERROR_NO_MORE_ITEMS && code != ERROR_UNKNOWN_PRODUCT && code != ERROR_UNKNOWN_COMPONENT)
        status = failed_call(code);
    if (FAILED(status)) {
        list->dispatch.lpVtbl->Release(&list->dispatch);
        return status;
    }
    out->vt = VT_DISPATCH;
    out->pdispVal = &list->dispatch;
    return S_OK;
}

HRESULT installer_products(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    return enumerate("MsiEnumProductsW", "iG", given, 0, 0, out);
}

HRESULT installer_related(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    return enumerate("MsiEnumRelatedProductsW", "siiG", given, 1, 1, out);
}

HRESULT installer_features(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    return enumerate("MsiEnumFeaturesW", "siGG", given, 1, 0, out);
}

HRESULT installer_components(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    return enumerate("MsiEnumComponentsW", "iG", given, 0, 0, out);
}

HRESULT installer_clients(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    return enumerate("MsiEnumClientsW", "siG", given, 1, 0, out);
}

HRESULT installer_feature_parent(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    WCHAR name[NAME_ROOM], parent[NAME_ROOM];
    for (uint32_t index = 0;; index++) {
        const word asked[] = {given[0], index, (word)name, (word)parent};
        *parent = 0;
        uint32_t code = forward("MsiEnumFeaturesW", "siGG", asked);
        if (code)
            return failed_call(code == ERROR_NO_MORE_ITEMS ? ERROR_UNKNOWN_FEATURE : code);
        if (!lstrcmpW(name, (const WCHAR *)given[1])) {
            out->vt = VT_BSTR;
            out->bstrVal = objects.new_text(parent, length_of(parent));
            return S_OK;
        }
    }
}

/* The function returns a state: those below 0 have no path. */
HRESULT installer_component_path(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    WCHAR *path = take_memory(TEXT_ROOM * sizeof *path);
    DWORD room = TEXT_ROOM;
    const word asked[] = {given[0], given[1], (word)path, (word)&room};
    if (!path)
        return E_OUTOFMEMORY;
    *path = 0;
    if ((int32_t)forward("MsiGetComponentPathW", "ssB", asked) >= 0) {
        out->vt = VT_BSTR;
        out->bstrVal = objects.new_text(path, length_of(path));
    }
    give_memory(path);
    return S_OK;
}

HRESULT installer_file_version(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    WCHAR version[NAME_ROOM] = L"", language[NAME_ROOM] = L"";
    DWORD version_room = NAME_ROOM, language_room = NAME_ROOM;
    const word asked[] = {given[0], (word)version, (word)&version_room, (word)language, (word)&language_room};
    uint32_t code = forward("MsiGetFileVersionW", "sBB", asked);
    /* A file without a version has an empty one. */
    if (code && code != ERROR_FILE_INVALID)
        return failed_call(code);
    const WCHAR *text = given[1] ? language : version;
    out->vt = VT_BSTR;
    out->bstrVal = objects.new_text(text, length_of(text));
    return S_OK;
}

HRESULT installer_file_size(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    WIN32_FILE_ATTRIBUTE_DATA data;
    if (!GetFileAttributesExW((const WCHAR *)given[0], GetFileExInfoStandard, &data))
        return failed_call(GetLastError());
    return number_result(data.nFileSizeLow, VT_I4, out);
}

HRESULT installer_file_attributes(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    return number_result(GetFileAttributesW((const WCHAR *)given[0]), VT_I4, out);
}

HRESULT installer_environment(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    WCHAR *value = take_memory(32768 * sizeof *value);
    if (!value)
        return E_OUTOFMEMORY;
    DWORD length = GetEnvironmentVariableW((const WCHAR *)given[0], value, 32768);
    out->vt = VT_BSTR;
    out->bstrVal = objects.new_text(value, length < 32768 ? length : 0);
    give_memory(value);
    return S_OK;
}

HRESULT put_installer_environment(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer, (void)out;
    const WCHAR *value = (const WCHAR *)given[1];
    if (!SetEnvironmentVariableW((const WCHAR *)given[0], value && *value ? value : NULL))
        return failed_call(GetLastError());
    return S_OK;
}

/* The data of a value: texts and numbers as such, several texts by lines, all else as hexadecimal digits. */
static HRESULT registry_data(HKEY key, const WCHAR *name, VARIANT *out)
{
    DWORD kind, size = 0;
    if (RegQueryValueExW(key, name, NULL, &kind, NULL, &size) || size > LONGEST_FRAME)
        return DISP_E_NOT_FOUND;
    BYTE *data = take_memory(size + 2);
    if (!data)
        return E_OUTOFMEMORY;
    HRESULT status = S_OK;
    if (RegQueryValueExW(key, name, NULL, &kind, data, &size)) {
        status = DISP_E_NOT_FOUND;
    } else if (kind == REG_DWORD && size >= 4) {
        DWORD number;
        memcpy(&number, data, 4);
        number_result(number, VT_I4, out);
    } else if (kind == REG_SZ || kind == REG_EXPAND_SZ || kind == REG_MULTI_SZ) {
        WCHAR *text = (WCHAR *)data;
        uint32_t length = size / 2;
        while (length && !text[length - 1])
            length--;
        for (uint32_t i = 0; i < length; i++)
            if (!text[i])
                text[i] = '\n';
        text[length] = 0;
        WCHAR *expanded = kind == REG_EXPAND_SZ ? take_memory(32768 * sizeof *expanded) : NULL;
        DWORD needed = expanded ? ExpandEnvironmentStringsW(text, expanded, 32768) : 0;
        int fits = needed && needed <= 32768;
        out->vt = VT_BSTR;
        out->bstrVal = objects.new_text(fits ? expanded : text, fits ? needed - 1 : length);
        give_memory(expanded);
    } else {
        static const WCHAR digits[] = L"0123456789ABCDEF";
        WCHAR *text = take_memory(((size_t)size * 2 + 1) * sizeof *text);
        for (DWORD i = 0; text && i < size; i++) {
            text[2 * i] = digits[data[i] >> 4];
            text[2 * i + 1] = digits[data[i] & 15];
        }
        out->vt = VT_BSTR;
        out->bstrVal = objects.new_text(text, text ? size * 2 : 0);
        give_memory(text);
    }
    give_memory(data);
    return status;
}

/* What the third argument is decides what is asked for: nothing, a value's name, or a number. */
HRESULT installer_registry_value(struct object *installer, const word *given, VARIANT *out)
{
    (void)installer;
    static const ULONG_PTR roots[] = {0x80000000u, 0x80000001u, 0x80000002u, 0x80000003u, 0x80000004u, 0x80000005u, 0x80000006u};
    const VARIANT *value = (const VARIANT *)given[2];
    HKEY key = NULL;
    LONG root = (LONG)given[0];
    HRESULT status;
    if (value && value->vt == (VT_BYREF | VT_VARIANT))
        value = value->pvarVal;
    int is_missing = !value || value->vt == VT_EMPTY || value->vt == VT_NULL || value->vt == VT_ERROR;
    LONG opened = root >= 0 && root < 7 ? RegOpenKeyExW((HKEY)(LONG_PTR)(LONG)roots[root], (const WCHAR *)given[1], 0, KEY_READ, &key)
                                        : ERROR_INVALID_PARAMETER;
    if (is_missing) {
        if (!opened)
            RegCloseKey(key);
        return number_result(!opened, VT_BOOL, out);
    }
    if (opened)
        return DISP_E_NOT_FOUND;
    if (value->vt == VT_BSTR) {
        status = registry_data(key, value->bstrVal ? value->bstrVal : L"", out);
    } else {
        VARIANT number = {0};
        status = objects.change_type(&number, value, 0, VT_I4);
        if (SUCCEEDED(status)) {
            WCHAR name[16384] = L"";
            DWORD room = 16384;
            if (number.lVal > 0)
                RegEnumValueW(key, (DWORD)number.lVal - 1, name, &room, NULL, NULL, NULL, NULL);
            else if (number.lVal < 0)
                RegEnumKeyExW(key, (DWORD)-number.lVal - 1, name, &room, NULL, NULL, NULL, NULL);
            else
                RegQueryInfoKeyW(key, name, &room, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
            if (*name) {
                out->vt = VT_BSTR;
                out->bstrVal = objects.new_text(name, length_of(name));
            }
        }
    }
    RegCloseKey(key);
    return status;
}

/* ---- View, Record, SummaryInfo ---- */

/* The error's number with two digits, and the column. */
HRESULT view_error(struct object *view, const word *given, VARIANT *out)
{
    (void)given;
    WCHAR text[NAME_ROOM] = L"00";
    DWORD room = NAME_ROOM - 2;
    const word asked[] = {view->handle, (word)(text + 2), (word)&room};
    uint32_t number = forward("MsiViewGetErrorW", "iV", asked);
    if (number > 99)
        return failed_call(ERROR_FUNCTION_FAILED);
    text[0] = (WCHAR)('0' + number / 10);
    text[1] = (WCHAR)('0' + number % 10);
    out->vt = VT_BSTR;
    out->bstrVal = objects.new_text(text, length_of(text));
    return S_OK;
}

HRESULT record_stream(struct object *record, const word *given, VARIANT *out)
{
    enum { INTEGER, BYTES, ANSI, DIRECT };
    uint32_t format = (uint32_t)given[2];
    DWORD length = (DWORD)given[1];
    if ((format == INTEGER && (length < 1 || length > 4)) || format > DIRECT || length > LONGEST_FRAME / 2)
        return E_INVALIDARG;
    unsigned char *bytes = take_memory((size_t)length + 2);
    WCHAR *text = take_memory(((size_t)length + 2) * sizeof *text);
    const word asked[] = {record->handle, given[0], (word)bytes, (word)&length};
    uint32_t code = bytes && text ? forward("MsiRecordReadStream", "iir", asked) : ERROR_OUTOFMEMORY;
    if (!code && format == INTEGER) {
        uint32_t number = 0;
        memcpy(&number, bytes, length < 4 ? length : 4);
        number_result(number, VT_I4, out);
    } else if (!code) {
        uint32_t units = length;
        if (format == ANSI) {
            units = length ? (uint32_t)MultiByteToWideChar(CP_ACP, 0, (const char *)bytes, (int)length, text, (int)length) : 0;
        } else if (format == DIRECT) {
            units = (length + 1) / 2;
            memcpy(text, bytes, length);
        } else {
            for (uint32_t i = 0; i < length; i++)
                text[i] = bytes[i];
        }
        out->vt = VT_BSTR;
        out->bstrVal = objects.new_text(text, units);
    }
    give_memory(bytes);
    give_memory(text);
    return code ? failed_call(code) : S_OK;
}

HRESULT record_text(struct object *record, const word *given, VARIANT *out)
{
    (void)given;
    /* Without a session only the fields are put in. */
    word asked[4] = {0, record->handle};
    return text_result("MsiFormatRecordW", "iiB", asked, 2, out);
}

/* Days since 30 December 1899, as scripts count time. */
static double days_of(const FILETIME *time)
{
    ULONGLONG ticks = (ULONGLONG)time->dwHighDateTime << 32 | time->dwLowDateTime;
    return (double)(LONGLONG)(ticks / 10000) / 86400000.0 - 109205.0;
}

HRESULT summary_property(struct object *object, const word *given, VARIANT *out)
{
    DWORD kind = 0, number = 0, room = 0;
    FILETIME time = {0};
    WCHAR none[1];
    word asked[] = {object->handle, given[0], (word)&kind, (word)&number, (word)&time, (word)none, (word)&room};
    uint32_t code = forward("MsiSummaryInfoGetPropertyW", "iioofB", asked);
    if (code == ERROR_MORE_DATA || (!code && kind == VT_LPSTR)) {
        WCHAR *text = take_memory(((size_t)++room + 1) * sizeof *text);
        if (!text)
            return E_OUTOFMEMORY;
        asked[5] = (word)text;
        code = forward("MsiSummaryInfoGetPropertyW", "iioofB", asked);
        if (!code) {
            out->vt = VT_BSTR;
            out->bstrVal = objects.new_text(text, room);
        }
        give_memory(text);
    } else if (!code && kind == VT_FILETIME) {
        FILETIME local;
        FileTimeToLocalFileTime(&time, &local);
        out->vt = VT_DATE;
        out->date = days_of(&local);
    } else if (!code && (kind == VT_I2 || kind == VT_I4)) {
        number_result(number, VT_I4, out);
    }
    return code ? failed_call(code) : S_OK;
}

HRESULT put_summary_property(struct object *object, const word *given, VARIANT *out)
{
    (void)out;
    const VARIANT *value = (const VARIANT *)given[1];
    FILETIME none = {0};
    VARIANT number = {0};
    word set[] = {object->handle, given[0], VT_EMPTY, 0, (word)&none, 0};
    if (value && value->vt == (VT_BYREF | VT_VARIANT))
        value = value->pvarVal;
    if (value && value->vt == VT_BSTR) {
        set[2] = VT_LPSTR;
        set[5] = (word)(value->bstrVal ? value->bstrVal : L"");
    } else if (value && SUCCEEDED(objects.change_type(&number, value, 0, VT_I4))) {
        set[2] = VT_I4;
        set[3] = (uint32_t)number.lVal;
    }
    uint32_t code = forward("MsiSummaryInfoSetPropertyW", "iiiits", set);
    return code ? failed_call(code) : S_OK;
}
