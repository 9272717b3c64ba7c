/*
 * A disk that can lose its power, for tests: preloaded into a real process.
 *
 * Every write reaches the file at once, so the process sees what it expects, but the layer keeps
 * what stood in each 512-byte sector since the file was last synced. At the chosen call the power
 * goes: of the sectors not yet synced a random part turns back into what it was (zeros past the
 * synced end), a rename not yet synced by its directory may be undone, and the process is gone
 * within the same call. What was synced stays, as on an honest disk.
 *
 * POWER_DIR   only files in this folder are on the disk; -shm and .owner files are not data
 * POWER_CUT   the power goes at this write or sync, counted from 1; 0: never
 * POWER_SEED  which sectors are lost
 * POWER_LIES  1: the disk answers a sync without doing it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SECTOR = 512, FILES = 64, PATH = 512, RENAMES = 64 };

struct disk_file {
    char path[PATH];
    off_t synced_size;
    unsigned char **before; /* by sector: what stood there at the last sync, or NULL */
    size_t sectors;
};

struct moved {
    char from[PATH], to[PATH];
    unsigned char *old; /* what stood under the new name */
    off_t old_size;     /* -1: nothing did */
};

static struct disk_file files[FILES];
static int file_count;
static struct moved renames[RENAMES];
static int rename_count;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH];
static size_t folder_length;
static long cut_at, calls;
static int lies;
static uint64_t chance;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void begin(void) {
    const char *told = getenv("POWER_DIR");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    if (told == NULL || realpath(told, folder) == NULL)
        return;
    folder_length = strlen(folder);
    cut_at = getenv("POWER_CUT") ? atol(getenv("POWER_CUT")) : 0;
    lies = getenv("POWER_LIES") != NULL && atoi(getenv("POWER_LIES"));
    chance = getenv("POWER_SEED") ? strtoull(getenv("POWER_SEED"), NULL, 10) : 1;
    chance = chance * 2862933555777941757ULL + 3037000493ULL;
}

static unsigned draw(unsigned below) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (unsigned)((chance >> 20) % below);
}

static int on_disk(const char *path) {
    size_t length = strlen(path);
    if (folder_length == 0 || strncmp(path, folder, folder_length) != 0 || path[folder_length] != '/')
        return 0;
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0)
        return 0;
    return !(length > 6 && strcmp(path + length - 6, ".owner") == 0);
}

static int path_of(int fd, char *path) {
    char link[64];
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, PATH - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return 1;
}

static struct disk_file *file_at(const char *path, int fd) {
    struct stat facts;
    for (int i = 0; i < file_count; i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    if (fd < 0 || file_count == FILES || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        return NULL;
    snprintf(files[file_count].path, PATH, "%s", path);
    files[file_count].synced_size = facts.st_size;
    return &files[file_count++];
}

static struct disk_file *file_of(int fd) {
    char path[PATH];
    if (folder_length == 0 || !path_of(fd, path) || !on_disk(path))
        return NULL;
    return file_at(path, fd);
}

/* Keep what stands in the sectors that are about to be written. */
static void keep(struct disk_file *file, off_t offset, size_t size) {
    size_t first = (size_t)offset / SECTOR, last = ((size_t)offset + size - 1) / SECTOR;
    int fd;
    if (size == 0)
        return;
    if (last >= file->sectors) {
        size_t room = (last + 1) * 2;
        file->before = realloc(file->before, room * sizeof *file->before);
        memset(file->before + file->sectors, 0, (room - file->sectors) * sizeof *file->before);
        file->sectors = room;
    }
    fd = open(file->path, O_RDONLY | O_CLOEXEC);
    for (size_t sector = first; sector <= last; sector++) {
        if (file->before[sector] != NULL)
            continue;
        file->before[sector] = calloc(1, SECTOR);
        if (fd >= 0 && pread(fd, file->before[sector], SECTOR, (off_t)(sector * SECTOR)) < 0)
            memset(file->before[sector], 0, SECTOR);
    }
    if (fd >= 0)
        close(fd);
}

static void forget(struct disk_file *file) {
    for (size_t sector = 0; sector < file->sectors; sector++) {
        free(file->before[sector]);
        file->before[sector] = NULL;
    }
}

static void lose(struct disk_file *file, unsigned lost_of_eight) {
    int fd = open(file->path, O_RDWR | O_CLOEXEC), waiting = 0;
    struct stat facts;
    if (fd < 0)
        return;
    if (fstat(fd, &facts) != 0)
        facts.st_size = 0;
    for (size_t sector = 0; sector < file->sectors; sector++) {
        off_t offset = (off_t)(sector * SECTOR), size = facts.st_size - offset;
        if (file->before[sector] == NULL || size <= 0)
            continue;
        waiting = 1;
        if (draw(8) < lost_of_eight)
            real_pwrite(fd, file->before[sector], size < SECTOR ? (size_t)size : SECTOR, offset);
    }
    if (waiting && facts.st_size > file->synced_size && draw(4) == 0)
        real_ftruncate(fd, file->synced_size); /* the new length had not reached the disk either */
    close(fd);
}

static void undo(struct moved *move) {
    int fd;
    real_rename(move->to, move->from);
    if (move->old_size < 0)
        return;
    fd = open(move->to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    real_pwrite(fd, move->old, (size_t)move->old_size, 0);
    close(fd);
}

/* Count one call; if it is the last one, lose the power. */
static void tick(void) {
    unsigned lost_of_eight;
    if (cut_at == 0 || ++calls < cut_at)
        return;
    lost_of_eight = 4 + 4 * (draw(3) == 0); /* a random half, or now and then all of it */
    for (int i = 0; i < file_count; i++)
        lose(&files[i], lost_of_eight);
    for (int i = rename_count - 1; i >= 0; i--)
        if (draw(2))
            undo(&renames[i]);
    syscall(SYS_exit_group, 75);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
    struct disk_file *file;
    ssize_t written;
    pthread_mutex_lock(&turn);
    file = file_of(fd);
    if (file != NULL)
        keep(file, offset, size);
    written = real_pwrite(fd, bytes, size, offset);
    if (file != NULL)
        tick();
    pthread_mutex_unlock(&turn);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    return pwrite64(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    struct disk_file *file;
    struct stat facts;
    ssize_t written;
    if (folder_length == 0 || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        return real_write(fd, bytes, size); /* a pipe may block: never while others wait */
    pthread_mutex_lock(&turn);
    file = file_of(fd);
    if (file != NULL) {
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        keep(file, appends ? facts.st_size : lseek(fd, 0, SEEK_CUR), size);
    }
    written = real_write(fd, bytes, size);
    if (file != NULL)
        tick();
    pthread_mutex_unlock(&turn);
    return written;
}

int ftruncate64(int fd, off_t size) {
    struct disk_file *file;
    struct stat facts;
    int done;
    pthread_mutex_lock(&turn);
    file = file_of(fd);
    if (file != NULL && fstat(fd, &facts) == 0 && facts.st_size > size)
        keep(file, size, (size_t)(facts.st_size - size));
    done = real_ftruncate(fd, size);
    if (file != NULL && size < file->synced_size)
        file->synced_size = size; /* a file system keeps its own journal of lengths */
    pthread_mutex_unlock(&turn);
    return done;
}

int ftruncate(int fd, off_t size) {
    return ftruncate64(fd, size);
}

static int sync_by(int (*real)(int), int fd) {
    char path[PATH];
    struct disk_file *file;
    struct stat facts;
    int done;
    pthread_mutex_lock(&turn);
    file = file_of(fd);
    if (file != NULL)
        tick();
    done = lies ? 0 : real(fd);
    if (done == 0 && !lies && file != NULL && fstat(fd, &facts) == 0) {
        forget(file);
        file->synced_size = facts.st_size;
    }
    if (done == 0 && !lies && file == NULL && path_of(fd, path) && strcmp(path, folder) == 0)
        rename_count = 0;
    pthread_mutex_unlock(&turn);
    return done;
}

int fdatasync(int fd) {
    return sync_by(real_fdatasync, fd);
}

int fsync(int fd) {
    return sync_by(real_fsync, fd);
}

static void note_rename(struct moved *move, const char *from, const char *to) {
    int fd = open(to, O_RDONLY | O_CLOEXEC);
    snprintf(move->from, PATH, "%s", from);
    snprintf(move->to, PATH, "%s", to);
    move->old_size = -1;
    if (fd < 0)
        return;
    move->old_size = lseek(fd, 0, SEEK_END);
    move->old = malloc((size_t)move->old_size + 1);
    if (pread(fd, move->old, (size_t)move->old_size, 0) < 0)
        move->old_size = -1;
    close(fd);
}

int rename(const char *from, const char *to) {
    struct disk_file *file, *under;
    int done;
    pthread_mutex_lock(&turn);
    if (on_disk(to) && rename_count < RENAMES)
        note_rename(&renames[rename_count++], from, to);
    done = real_rename(from, to);
    if (done == 0 && on_disk(to)) {
        under = file_at(to, -1);
        if (under != NULL) {
            forget(under);
            under->path[0] = 0;
        }
        file = file_at(from, -1);
        if (file != NULL)
            snprintf(file->path, PATH, "%s", to);
        tick();
    }
    pthread_mutex_unlock(&turn);
    return done;
}

int unlink(const char *path) {
    struct disk_file *file;
    int done;
    pthread_mutex_lock(&turn);
    file = file_at(path, -1);
    if (file != NULL) {
        forget(file);
        file->path[0] = 0;
    }
    done = real_unlink(path);
    pthread_mutex_unlock(&turn);
    return done;
}
