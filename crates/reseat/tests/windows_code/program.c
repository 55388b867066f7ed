/* PROGRAM FILE CODE WORDS...: adds a line with the words to a file, and ends with a code. */
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words)
{
    FILE *file = count > 2 ? fopen(words[1], "a") : NULL;
    if (!file)
        return 99;
    for (int i = 3; i < count; i++)
        fprintf(file, i > 3 ? " %s" : "%s", words[i]);
    fputc('\n', file);
    fclose(file);
    return atoi(words[2]);
}
