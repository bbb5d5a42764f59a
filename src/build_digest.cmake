# cmake -DROOT=<sources> -DOUT=<file.cpp> -P build_digest.cmake: writes build_digest() (src/base/build.hpp).
file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/src/* ${ROOT}/cache/* ${ROOT}/kernels/* ${ROOT}/include/*)
list(SORT files)
set(all "")
foreach(file IN LISTS files)
  file(SHA256 ${ROOT}/${file} digest)
  string(APPEND all "${file} ${digest}\n")
endforeach()
string(SHA256 digest "${all}")
file(CONFIGURE OUTPUT ${OUT} CONTENT
     "#include \"base/build.hpp\"\n\nstd::string_view ak::build_digest() { return \"${digest}\"; }\n")
