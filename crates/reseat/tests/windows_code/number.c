/* The library of an assembly. */
__declspec(dllexport) int reseat_number(void)
{
    return 42;
}
