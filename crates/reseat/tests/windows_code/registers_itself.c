/* A library that registers itself: a value below HKEY_LOCAL_MACHINE while it is registered. */
#include <windows.h>

static const char *const KEY = "Software\\ReseatSelfRegistration";

__declspec(dllexport) HRESULT WINAPI DllRegisterServer(void)
{
    HKEY key;
    static const char text[] = "registered";
    if (RegCreateKeyExA(HKEY_LOCAL_MACHINE, KEY, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL) != ERROR_SUCCESS)
        return E_FAIL;
    LONG result = RegSetValueExA(key, "State", 0, REG_SZ, (const BYTE *)text, sizeof text);
    RegCloseKey(key);
    return result == ERROR_SUCCESS ? S_OK : E_FAIL;
}

__declspec(dllexport) HRESULT WINAPI DllUnregisterServer(void)
{
    return RegDeleteKeyA(HKEY_LOCAL_MACHINE, KEY) == ERROR_SUCCESS ? S_OK : E_FAIL;
}
