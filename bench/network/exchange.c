// Requests and responses of one byte over one TCP connection. `exchange serve PORT` answers, one caller after the other;
// `exchange ask MILLISECONDS ADDRESS PORT` asks for so long, and prints how often in how many nanoseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  fprintf(stderr, "exchange: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void at_once(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void serve(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (bind(listener, (struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 16) < 0) die("listen");
  for (;;) {
    int caller = accept(listener, NULL, NULL);
    if (caller < 0) continue;
    at_once(caller);
    char byte;
    while (read(caller, &byte, 1) == 1 && write(caller, &byte, 1) == 1) {
    }
    close(caller);
  }
}

int main(int count, char **words) {
  if (count == 3 && strcmp(words[1], "serve") == 0) serve(atoi(words[2]));
  if (count != 5 || strcmp(words[1], "ask") != 0) die("serve PORT | ask MILLISECONDS ADDRESS PORT");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[4]))};
  if (inet_pton(AF_INET, words[3], &to.sin_addr) != 1) die("address");
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  at_once(fd);
  long long started = now(), end = started + atoll(words[2]) * 1000000LL, asked = 0;
  for (char byte = 'x'; now() < end; asked++) {
    if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1) die("exchange");
  }
  printf("%lld %lld\n", asked, now() - started);
  return 0;
}
