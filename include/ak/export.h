/* AK_API: what the library offers. A shared libak exports these and nothing else. */
#ifndef AK_EXPORT_H
#define AK_EXPORT_H

#if defined(__GNUC__)
#define AK_API __attribute__((visibility("default")))
#else
#define AK_API
#endif

#endif
