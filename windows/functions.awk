# Reads msi.functions or rstrtmgr.functions; writes the C source of the exported functions, or with -v def=NAME the list of
# exports for the linker. -v decorated=1 is for 32 bit, where the compiler adds the size of the parameters to a name.

function parameters(shape,   count, i, letter) {
  if (shape ~ /^[-xz][0-9]/) return substr(shape, 2) + 0
  count = 0
  for (i = 1; i <= length(shape); i++) {
    letter = substr(shape, i, 1)
    if (letter == "N") count += 4
    else if (letter == "L") count += 3
    else if (letter ~ /[BVrTU]/) count += 2
    else if (letter != ".") count += 1
  }
  return count
}

BEGIN {
  if (def != "") print "LIBRARY " def "\nEXPORTS"
  else print "#include \"forward.h\"\n"
}

/^#/ || NF != 3 { next }

def != "" {
  if (decorated) printf "  %s = %s@%d @%d\n", $2, $2, 4 * parameters($3), $1
  else printf "  %s @%d\n", $2, $1
  next
}

{
  count = parameters($3)
  declared = ""
  listed = ""
  for (i = 1; i <= count; i++) {
    declared = declared (i > 1 ? ", " : "") "word a" i
    listed = listed (i > 1 ? ", " : "") "a" i
  }
  printf "uint32_t __stdcall %s(%s)\n{\n", $2, count ? declared : "void"
  printf "    const word given[] = {%s};\n", count ? listed : "0"
  printf "    return forward(\"%s\", \"%s\", given);\n}\n\n", $2, $3
}
