/* LD_PRELOAD layer: each fsync and fdatasync takes SLOW_SYNC_MS longer, as an SD card does.
   The sync itself still happens. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_as_a_card_does(void) {
  static long milliseconds = -1;
  if (milliseconds < 0) {
    const char *told = getenv("SLOW_SYNC_MS");
    milliseconds = told ? atol(told) : 0;
  }
  if (milliseconds > 0) {
    struct timespec pause = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
    nanosleep(&pause, NULL);
  }
}

int fsync(int descriptor) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_as_a_card_does();
  return real(descriptor);
}

int fdatasync(int descriptor) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_as_a_card_does();
  return real(descriptor);
}
