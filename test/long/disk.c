/* A disk that fills, and one whose power fails: stands before the C library (LD_PRELOAD) and looks at what a process does below one directory.
 *
 *   ANNEAL_DISK_DIRECTORY  the directory
 *   ANNEAL_DISK_LOG        notes every change, in order, with its bytes: what is flushed to the disk, and what is not, is then known at every moment
 *   ANNEAL_DISK_FULL       parts in a million of the calls with which the disk fills for a while: they and some that follow write half, or fail with ENOSPC
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { kMostFiles = 4096, kDirectory = -1, kNone = 0 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char* directory;
static size_t directory_length;
static int log_file = -1;
static unsigned full_parts;
static unsigned random_state;
static int failing;
static int files = 0;
static int file_of[kMostFiles];
static off_t position_of[kMostFiles];
static struct {
  char path[512];
  int file;
} names[kMostFiles];

__attribute__((constructor)) static void begin(void) {
  directory = getenv("ANNEAL_DISK_DIRECTORY");
  if (directory == NULL) return;
  directory_length = strlen(directory);
  const char* log = getenv("ANNEAL_DISK_LOG");
  if (log != NULL) log_file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const char* full = getenv("ANNEAL_DISK_FULL");
  full_parts = full == NULL ? 0 : (unsigned)atoi(full);
  random_state = (unsigned)getpid() * 2654435761u ^ (unsigned)time(NULL);
}

static int below(const char* path) {
  return directory != NULL && strncmp(path, directory, directory_length) == 0 && (path[directory_length] == '/' || path[directory_length] == 0);
}

static unsigned draw(unsigned below_number) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % below_number;
}

static int disk_is_full(void) {
  if (full_parts == 0) return 0;
  if (failing == 0 && draw(1000000) < full_parts) failing = 1 + (int)draw(12);
  return failing > 0 ? failing-- > 0 : 0;
}

static void note(const char* line, const void* bytes, size_t count) {
  if (log_file < 0) return;
  syscall(SYS_write, log_file, line, strlen(line));
  for (size_t done = 0; done < count;) done += (size_t)syscall(SYS_write, log_file, (const char*)bytes + done, count - done);
}

static int* name_of(const char* path, int make) {
  int free_place = -1;
  for (int i = 0; i < kMostFiles; i++) {
    if (names[i].file != kNone && strcmp(names[i].path, path) == 0) return &names[i].file;
    if (names[i].file == kNone && free_place < 0) free_place = i;
  }
  if (!make || free_place < 0) return NULL;
  snprintf(names[free_place].path, sizeof names[free_place].path, "%s", path);
  return &names[free_place].file;
}

static int opened(int fd, const char* path, int flags) {
  if (fd < 0 || fd >= kMostFiles) return fd;
  struct stat status;
  fstat(fd, &status);
  char line[640];
  if (S_ISDIR(status.st_mode)) {
    file_of[fd] = kDirectory;
  } else if ((flags & O_ACCMODE) != O_RDONLY) {
    int* known = name_of(path, 1);
    if (known != NULL && *known == kNone) {
      *known = ++files;
      snprintf(line, sizeof line, "create %d %s\n", *known, path + directory_length + 1);
      note(line, NULL, 0);
    }
    file_of[fd] = known == NULL ? kNone : *known;
    position_of[fd] = 0;
  } else {
    file_of[fd] = kNone;
  }
  return fd;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int open_in(int (*real)(const char*, int, ...), const char* path, int flags, mode_t mode) {
  if (!below(path)) return real(path, flags, mode);
  pthread_mutex_lock(&mutex);
  int fd;
  if ((flags & O_CREAT) != 0 && disk_is_full()) {
    errno = ENOSPC;
    fd = -1;
  } else {
    fd = opened(real(path, flags, mode), path, flags);
  }
  int error = errno;
  pthread_mutex_unlock(&mutex);
  errno = error;
  return fd;
}

#define OPEN(name)                                                         \
  int name(const char* path, int flags, ...) {                             \
    va_list more;                                                          \
    va_start(more, flags);                                                 \
    mode_t mode = (flags & O_CREAT) != 0 ? (mode_t)va_arg(more, int) : 0;  \
    va_end(more);                                                          \
    return open_in(REAL(name), path, flags, mode);                         \
  }
OPEN(open)
OPEN(open64)

static int is_watched(int fd) { return directory != NULL && fd >= 0 && fd < kMostFiles && file_of[fd] > 0; }

static ssize_t written(int fd, const void* bytes, size_t count, off_t at, int moves) {
  pthread_mutex_lock(&mutex);
  ssize_t done;
  if (disk_is_full()) {
    errno = ENOSPC;
    done = -1;
    if (draw(2) == 0 && count > 1) done = syscall(SYS_pwrite64, fd, bytes, count / 2, at);
  } else {
    done = syscall(SYS_pwrite64, fd, bytes, count, at);
  }
  int error = errno;
  if (done > 0) {
    if (moves) {
      position_of[fd] = at + done;
      syscall(SYS_lseek, fd, position_of[fd], SEEK_SET);
    }
    char line[96];
    snprintf(line, sizeof line, "write %d %lld %zd\n", file_of[fd], (long long)at, done);
    note(line, bytes, (size_t)done);
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return done;
}

ssize_t write(int fd, const void* bytes, size_t count) { return is_watched(fd) ? written(fd, bytes, count, position_of[fd], 1) : syscall(SYS_write, fd, bytes, count); }
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) { return is_watched(fd) ? written(fd, bytes, count, at, 0) : syscall(SYS_pwrite64, fd, bytes, count, at); }
ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) { return pwrite(fd, bytes, count, at); }

/* One part is what it may write, too. */
ssize_t writev(int fd, const struct iovec* parts, int count) {
  if (is_watched(fd) && count > 0) return written(fd, parts[0].iov_base, parts[0].iov_len, position_of[fd], 1);
  return syscall(SYS_writev, fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
  if (is_watched(fd) && count > 0) return written(fd, parts[0].iov_base, parts[0].iov_len, at, 0);
  return syscall(SYS_pwritev, fd, parts, count, at, 0);
}
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) { return pwritev(fd, parts, count, at); }

static int flushed(int fd, long call) {
  if (directory == NULL || fd < 0 || fd >= kMostFiles || file_of[fd] == kNone) return (int)syscall(call, fd);
  pthread_mutex_lock(&mutex);
  int result;
  if (file_of[fd] > 0 && disk_is_full()) {
    errno = ENOSPC;
    result = -1;
  } else {
    result = (int)syscall(call, fd);
    char line[64];
    if (file_of[fd] == kDirectory) snprintf(line, sizeof line, "flushnames\n");
    else snprintf(line, sizeof line, "flush %d\n", file_of[fd]);
    note(line, NULL, 0);
  }
  int error = errno;
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}
int fsync(int fd) { return flushed(fd, SYS_fsync); }
int fdatasync(int fd) { return flushed(fd, SYS_fdatasync); }

int close(int fd) {
  if (directory != NULL && fd >= 0 && fd < kMostFiles) file_of[fd] = kNone;
  return (int)syscall(SYS_close, fd);
}

int rename(const char* from, const char* to) {
  if (!below(from)) return REAL(rename)(from, to);
  pthread_mutex_lock(&mutex);
  int result = REAL(rename)(from, to);
  int error = errno;
  int* old = name_of(from, 0);
  if (result == 0 && old != NULL) {
    int file = *old;
    *old = kNone;
    int* name = name_of(to, 1);
    if (name != NULL) *name = file;
    char line[1200];
    snprintf(line, sizeof line, "rename %d %s\t%s\n", file, from + directory_length + 1, to + directory_length + 1);
    note(line, NULL, 0);
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

int link(const char* from, const char* to) {
  if (!below(from)) return REAL(link)(from, to);
  pthread_mutex_lock(&mutex);
  int result = REAL(link)(from, to);
  int error = errno;
  int* old = name_of(from, 0);
  if (result == 0 && old != NULL) {
    int file = *old;
    int* name = name_of(to, 1);
    if (name != NULL) *name = file;
    char line[640];
    snprintf(line, sizeof line, "create %d %s\n", file, to + directory_length + 1);
    note(line, NULL, 0);
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

int unlink(const char* path) {
  if (!below(path)) return REAL(unlink)(path);
  pthread_mutex_lock(&mutex);
  int result = REAL(unlink)(path);
  int error = errno;
  int* name = name_of(path, 0);
  if (result == 0 && name != NULL) {
    *name = kNone;
    char line[640];
    snprintf(line, sizeof line, "unlink %s\n", path + directory_length + 1);
    note(line, NULL, 0);
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}
