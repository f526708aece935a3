/* What a disk is told to keep, for files below one folder: preloaded into a process that asks by ctypes.

   A file that is synced is copied as it is then, and of a folder its entries are noted; that files are deleted
   is noted too, by their folder and name. Each is a line of a journal: what it was, the number of the file or
   folder on its disk, that of the note, which is the name of the copy, and the name. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX], journal[PATH_MAX];
static int armed, count;
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

void power_arm(const char *path, const char *to)
{
    strncpy(folder, path, sizeof folder - 1);
    strncpy(journal, to, sizeof journal - 1);
    count = 0;
    armed = 1;
}

void power_disarm(void)
{
    armed = 0;
}

static int inside(const char *path)
{
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static void place(int from, const char *path, char *whole) /* the absolute path of what a call names */
{
    char link[64];
    ssize_t size;
    if (path && path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
        return;
    }
    snprintf(link, sizeof link, from == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", from);
    size = readlink(link, whole, PATH_MAX - 1);
    whole[size > 0 ? size : 0] = 0;
    if (path)
        snprintf(whole + strlen(whole), PATH_MAX - strlen(whole), "/%s", path);
}

static void note(const char *what, unsigned long number, const char *name)
{
    char path[2 * PATH_MAX];
    FILE *out;
    snprintf(path, sizeof path, "%s/journal", journal);
    if ((out = fopen(path, "a"))) {
        fprintf(out, "%s %lu %d %s\n", what, number, count++, name);
        fclose(out);
    }
}

static void kept(int number) /* after a file or folder was synced */
{
    char path[PATH_MAX], name[2 * PATH_MAX], bytes[1 << 16];
    struct stat told;
    struct dirent *entry;
    size_t size;
    if (!armed)
        return;
    place(number, NULL, path);
    if (!inside(path) || fstat(number, &told))
        return;
    pthread_mutex_lock(&one);
    snprintf(name, sizeof name, "%s/%d", journal, count);
    FILE *out = fopen(name, "w");
    if (S_ISDIR(told.st_mode)) {
        DIR *listed = opendir(path);
        while (listed && (entry = readdir(listed)))
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                fprintf(out, "%lu %s%s\n", (unsigned long)entry->d_ino, entry->d_name,
                        entry->d_type == DT_DIR ? "/" : "");
        if (listed)
            closedir(listed);
    } else {
        FILE *in = fopen(path, "r");
        while (in && (size = fread(bytes, 1, sizeof bytes, in)))
            fwrite(bytes, 1, size, out);
        if (in)
            fclose(in);
    }
    fclose(out);
    note(S_ISDIR(told.st_mode) ? "folder" : "file", told.st_ino, "-");
    pthread_mutex_unlock(&one);
}

static void gone(int from, const char *path) /* before a file is deleted */
{
    char whole[PATH_MAX], *name;
    struct stat told;
    if (!armed)
        return;
    place(from, path, whole);
    if (!inside(whole) || !(name = strrchr(whole, '/')))
        return;
    *name++ = 0;
    if (stat(whole, &told))
        return;
    pthread_mutex_lock(&one);
    note("deleted", told.st_ino, name);
    pthread_mutex_unlock(&one);
}

#define REAL(type, name, ...)                                                  \
    static type (*real)(__VA_ARGS__);                                          \
    if (!real)                                                                 \
        real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define SYNC(name)                                                             \
    int name(int number)                                                       \
    {                                                                          \
        REAL(int, name, int);                                                  \
        int result = real(number);                                             \
        if (!result)                                                           \
            kept(number);                                                      \
        return result;                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path)
{
    REAL(int, unlink, const char *);
    gone(AT_FDCWD, path);
    return real(path);
}

int unlinkat(int from, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int);
    gone(from, path);
    return real(from, path, flags);
}
