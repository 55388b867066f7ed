/* A custom action as installed packages have them: it joins the installation's Restart Manager session and registers one
 * more file, the one that the property OUTSIDE names. See "Using Restart Manager with a Secondary Installer". */
#define _WIN32_WINNT 0x0600
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <msi.h>
#include <msiquery.h>
#include <restartmanager.h>

static UINT get(MSIHANDLE installation, const WCHAR *name, WCHAR *value, DWORD room)
{
    return MsiGetPropertyW(installation, name, value, &room);
}

__declspec(dllexport) UINT __stdcall Join(MSIHANDLE installation)
{
    WCHAR key[CCH_RM_SESSION_KEY + 1], path[MAX_PATH];
    const WCHAR *files[] = {path};
    DWORD session;
    DWORD error;

    if (get(installation, L"MsiRestartManagerSessionKey", key, CCH_RM_SESSION_KEY + 1) ||
        get(installation, L"OUTSIDE", path, MAX_PATH))
        return ERROR_INSTALL_FAILURE;
    /* Nobody is to be closed, so there is nothing to join. */
    if (!*key)
        return ERROR_SUCCESS;
    error = RmJoinSession(&session, key);
    if (error)
        return ERROR_INSTALL_FAILURE;
    error = RmRegisterResources(session, 1, files, 0, NULL, 0, NULL);
    RmEndSession(session);
    return error ? ERROR_INSTALL_FAILURE : ERROR_SUCCESS;
}
