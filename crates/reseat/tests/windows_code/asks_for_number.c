/* A program that starts only with the library of an assembly. */
__declspec(dllimport) int reseat_number(void);

int main(void)
{
    return reseat_number() == 42 ? 0 : 1;
}
