/* The library of the demo's product, in version VERSION. */
__declspec(dllexport) int version(void)
{
    return VERSION;
}
