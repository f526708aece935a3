/* Faults of a disk, for files below one folder: preloaded into a process that asks for them by ctypes.

   The n-th call that writes (or reads) fails with an error, once or from then on, or writes half of what it
   was given. Which call it is, is counted over all threads. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITING = 1, READING = 2 };

static char folder[PATH_MAX];
static size_t length;
static atomic_long calls;
static atomic_int armed; /* WRITING or READING while calls are counted */
static long first;
static int fault, lasting; /* fault 0: half is written */

void faults_arm(const char *path, int which, long at, int error, int for_good)
{
    strncpy(folder, path, sizeof folder - 1);
    length = strlen(folder);
    first = at, fault = error, lasting = for_good;
    atomic_store(&calls, 0);
    atomic_store(&armed, which);
}

long faults_disarm(void)
{
    atomic_store(&armed, 0);
    return atomic_load(&calls);
}

static int inside(const char *path)
{
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int names(int from, const char *path) /* whether a path lies in the folder */
{
    char link[64], whole[2 * PATH_MAX];
    ssize_t size;
    if (!atomic_load(&armed) || !path)
        return 0;
    if (path[0] == '/')
        return inside(path);
    snprintf(link, sizeof link, from == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", from);
    if ((size = readlink(link, whole, PATH_MAX)) <= 0)
        return 0;
    snprintf(whole + size, PATH_MAX, "/%s", path);
    return inside(whole);
}

static int holds(int number) /* whether an open file lies in the folder */
{
    char link[64], path[PATH_MAX];
    ssize_t size;
    if (!atomic_load(&armed))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", number);
    if ((size = readlink(link, path, sizeof path - 1)) <= 0)
        return 0;
    path[size] = 0;
    return inside(path);
}

static int now(int which) /* whether this call is to fail */
{
    long number;
    if (atomic_load(&armed) != which)
        return 0;
    number = atomic_fetch_add(&calls, 1) + 1;
    return first && (lasting ? number >= first : number == first);
}

#define REAL(type, name, ...)                                                  \
    static type (*real)(__VA_ARGS__);                                          \
    if (!real)                                                                 \
        real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define FAILS(where, which)                                                    \
    if ((where) && now(which) && fault) {                                      \
        errno = fault;                                                         \
        return -1;                                                             \
    }

#define KIND(flags) (((flags) & O_ACCMODE) == O_RDONLY && !((flags) & O_CREAT) ? READING : WRITING)

#define OPEN(name)                                                             \
    int name(const char *path, int flags, ...)                                 \
    {                                                                          \
        va_list more;                                                          \
        REAL(int, name, const char *, int, ...);                               \
        va_start(more, flags);                                                 \
        mode_t mode = va_arg(more, mode_t);                                    \
        va_end(more);                                                          \
        FAILS(names(AT_FDCWD, path), KIND(flags))                              \
        return real(path, flags, mode);                                        \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                           \
    int name(int from, const char *path, int flags, ...)                       \
    {                                                                          \
        va_list more;                                                          \
        REAL(int, name, int, const char *, int, ...);                          \
        va_start(more, flags);                                                 \
        mode_t mode = va_arg(more, mode_t);                                    \
        va_end(more);                                                          \
        FAILS(names(from, path), KIND(flags))                                  \
        return real(from, path, flags, mode);                                  \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int number, const void *bytes, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t);
    if (holds(number) && now(WRITING)) {
        if (fault) {
            errno = fault;
            return -1;
        }
        size = size > 1 ? size / 2 : size;
    }
    return real(number, bytes, size);
}

#define PWRITE(name, type)                                                     \
    ssize_t name(int number, const void *bytes, size_t size, type at)          \
    {                                                                          \
        REAL(ssize_t, name, int, const void *, size_t, type);                  \
        if (holds(number) && now(WRITING)) {                                   \
            if (fault) {                                                       \
                errno = fault;                                                 \
                return -1;                                                     \
            }                                                                  \
            size = size > 1 ? size / 2 : size;                                 \
        }                                                                      \
        return real(number, bytes, size, at);                                  \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int number, const struct iovec *parts, int count)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    if (holds(number) && now(WRITING)) {
        if (fault) {
            errno = fault;
            return -1;
        }
        count = 1;
    }
    return real(number, parts, count);
}

ssize_t read(int number, void *bytes, size_t size)
{
    REAL(ssize_t, read, int, void *, size_t);
    FAILS(holds(number), READING)
    return real(number, bytes, size);
}

#define PREAD(name, type)                                                      \
    ssize_t name(int number, void *bytes, size_t size, type at)                \
    {                                                                          \
        REAL(ssize_t, name, int, void *, size_t, type);                        \
        FAILS(holds(number), READING)                                          \
        return real(number, bytes, size, at);                                  \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t size, unsigned flags)
{
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    FAILS(holds(to), WRITING)
    return real(from, at, to, there, size, flags);
}

#define ONE(name)                                                              \
    int name(int number)                                                       \
    {                                                                          \
        REAL(int, name, int);                                                  \
        FAILS(holds(number), WRITING)                                          \
        return real(number);                                                   \
    }
ONE(fsync)
ONE(fdatasync)

#define SIZED(name, type)                                                      \
    int name(int number, type size)                                            \
    {                                                                          \
        REAL(int, name, int, type);                                            \
        FAILS(holds(number), WRITING)                                          \
        return real(number, size);                                             \
    }
SIZED(ftruncate, off_t)
SIZED(ftruncate64, off64_t)

#define TWO(name)                                                              \
    int name(const char *from, const char *to)                                 \
    {                                                                          \
        REAL(int, name, const char *, const char *);                           \
        FAILS(names(AT_FDCWD, to), WRITING)                                    \
        return real(from, to);                                                 \
    }
TWO(rename)
TWO(link)

int renameat(int from, const char *path, int to, const char *other)
{
    REAL(int, renameat, int, const char *, int, const char *);
    FAILS(names(to, other), WRITING)
    return real(from, path, to, other);
}

int renameat2(int from, const char *path, int to, const char *other, unsigned flags)
{
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    FAILS(names(to, other), WRITING)
    return real(from, path, to, other, flags);
}

int linkat(int from, const char *path, int to, const char *other, int flags)
{
    REAL(int, linkat, int, const char *, int, const char *, int);
    FAILS(names(to, other), WRITING)
    return real(from, path, to, other, flags);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(int, mkdir, const char *, mode_t);
    FAILS(names(AT_FDCWD, path), WRITING)
    return real(path, mode);
}

int mkdirat(int from, const char *path, mode_t mode)
{
    REAL(int, mkdirat, int, const char *, mode_t);
    FAILS(names(from, path), WRITING)
    return real(from, path, mode);
}

int unlink(const char *path)
{
    REAL(int, unlink, const char *);
    FAILS(names(AT_FDCWD, path), WRITING)
    return real(path);
}

int unlinkat(int from, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int);
    FAILS(names(from, path), WRITING)
    return real(from, path, flags);
}
