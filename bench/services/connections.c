// Counts connections. `connections serve PORT` accepts and closes; `connections dial MILLISECONDS PORT ADDRESS...` opens
// one after the other, to the addresses in turn, for so long, and prints how many it opened, in how many nanoseconds, and
// how many were refused.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  fprintf(stderr, "connections: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void serve(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 4096) < 0) die("listen");
  for (;;) {
    int peer = accept(listener, NULL, NULL);
    if (peer >= 0) close(peer);
  }
}

int main(int count, char **words) {
  if (count == 3 && strcmp(words[1], "serve") == 0) serve(atoi(words[2]));
  if (count < 5 || strcmp(words[1], "dial") != 0) die("serve PORT | dial MILLISECONDS PORT ADDRESS...");
  long long started = now(), end = started + atoll(words[2]) * 1000000LL, opened = 0, refused = 0;
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  while (now() < end) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[3]))};
    if (inet_pton(AF_INET, words[4 + (opened + refused) % (count - 4)], &to.sin_addr) != 1) die("address");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    // A reset leaves no port in TIME_WAIT.
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    int isOpen = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (!isOpen && errno != ECONNREFUSED) die("connect");
    close(fd);
    if (isOpen) opened++;
    else refused++;
  }
  printf("%lld %lld %lld\n", opened, now() - started, refused);
  return 0;
}
