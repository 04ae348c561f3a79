// A pod at its birth. `newborn deny|allow NETNS ADDRESS PORT CNI-PROGRAM`, with the CNI variables and, on standard
// input, the network configuration; calls the program as a runtime does.
// deny: from before the ADD until 20 ms after it, and after the first time that its own kernel let it, a process in the
//       pod's namespace sends and dials without a pause. Prints how often its kernel let it.
// allow: when the ADD is done, dials once. Prints connected or the error, and how many segments it sent again.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void enter(const char *netns) {
  int fd = open(netns, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
    perror(netns);
    exit(2);
  }
}

static void call_without_pause(struct sockaddr_in *to, volatile long *sent) {
  int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
  for (;;) {
    if (sendto(datagrams, "x", 1, MSG_DONTWAIT, (struct sockaddr *)to, sizeof *to) == 1) ++*sent;
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(stream, (struct sockaddr *)to, sizeof *to) == 0 || errno == EINPROGRESS) ++*sent;
    close(stream);
  }
}

static int add(const char *program) {
  pid_t pid = fork();
  if (pid == 0) {
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    execl(program, program, (char *)NULL);
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[4]))};
  inet_pton(AF_INET, argv[3], &to.sin_addr);
  if (strcmp(argv[1], "deny") == 0) {
    volatile long *sent = mmap(NULL, sizeof *sent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t caller = fork();
    if (caller == 0) {
      enter(argv[2]);
      call_without_pause(&to, sent);
    }
    int failed = add(argv[5]);
    for (int waited = 0; !failed && *sent == 0 && waited < 2000; waited++) usleep(1000);
    usleep(20000);
    kill(caller, SIGKILL);
    waitpid(caller, NULL, 0);
    printf("%ld\n", *sent);
    return failed;
  }
  int failed = add(argv[5]);
  if (failed) return failed;
  enter(argv[2]);
  int stream = socket(AF_INET, SOCK_STREAM, 0);
  int refused = connect(stream, (struct sockaddr *)&to, sizeof to);
  int error = errno;
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  getsockopt(stream, IPPROTO_TCP, TCP_INFO, &info, &size);
  printf("%s %u\n", refused ? strerror(error) : "connected", info.tcpi_total_retrans);
  return 0;
}
