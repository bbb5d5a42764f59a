/* The library's version, for C and C++; CMakeLists.txt reads it here. */
#ifndef AK_VERSION_H
#define AK_VERSION_H

#define AK_VERSION_MAJOR 0
#define AK_VERSION_MINOR 1
#define AK_VERSION_PATCH 0

/* #if AK_VERSION >= AK_VERSION_NUMBER(0, 2, 0) */
#define AK_VERSION_NUMBER(major, minor, patch) ((major)*10000 + (minor)*100 + (patch))
#define AK_VERSION AK_VERSION_NUMBER(AK_VERSION_MAJOR, AK_VERSION_MINOR, AK_VERSION_PATCH)

#endif
