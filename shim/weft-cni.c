/*
 * The CNI program of Weft: what a container runtime runs for each pod. It passes variables and standard input on to
 * the agent of this node, and the agent's answer back; it decides nothing.
 *
 * Request:  the CNI_* variables as KEY=value lines, an empty line, standard input, a zero byte.
 * Reply:    '0' (success) or '1' (refusal), what goes to standard output, a zero byte. Neither end waits for more.
 *
 * Without an agent (it restarts, or the node has just booted) it waits: the kubelet would try a failed sandbox again
 * only after 10 s or more. A DEL that has waited in vain is kept on disk for the agent and succeeds, so that no pod
 * hangs in Terminating. A reply that breaks off unanswered (the agent was killed) is asked for again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef WEFT_SOCKET
#define WEFT_SOCKET "/run/weft/cni.sock"
#endif
#ifndef WEFT_STATE
#define WEFT_STATE "/var/lib/weft"
#endif
#ifndef WEFT_WAIT_MS /* for the agent's socket, anew after each answer that broke off */
#define WEFT_WAIT_MS 30000
#endif
#ifndef WEFT_REPLY_SECONDS /* the agent answers an ADD within 90 s */
#define WEFT_REPLY_SECONDS 110
#endif
#define MAX_VARIABLE 8192
#define MAX_BYTES (1 << 20) /* the agent's limit for a whole request */
#define MAX_BREAKS 5

/* Error codes of the CNI specification, section "Error". */
enum { INVALID_ENVIRONMENT = 4, IO_FAILURE = 5, DECODING_FAILURE = 6, TRY_AGAIN_LATER = 11, NOT_AVAILABLE = 50 };

static const char *const VARIABLES[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"};
static char request[MAX_BYTES + 1];
static size_t request_size; /* with its zero byte */
static const char *config = ""; /* standard input, inside of request */
static char reply[MAX_BYTES + 1];
static size_t reply_size; /* with its zero byte */

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

/* The caller's cniVersion, which answers must repeat; 1.0.0 when it cannot be read. Not a JSON parser: good for "cniVersion" : "1.0.0". */
static const char *cni_version(void) {
  static char version[17];
  const char *at = strstr(config, "\"cniVersion\"");
  size_t length = 0;
  if (at) {
    at += strlen("\"cniVersion\"");
    at += strspn(at, " \t\r\n:");
    if (*at == '"') length = strspn(++at, "0123456789.");
  }
  if (length == 0 || length >= sizeof version || at[length] != '"') return "1.0.0";
  memcpy(version, at, length);
  return version;
}

static void print_escaped(const char *text) {
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') printf("\\%c", c);
    else if (c < 0x20 || c >= 0x7f) printf("?");
    else putchar(c);
  }
}

static int refuse(int code, const char *message, const char *details) {
  printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"", cni_version(), code);
  print_escaped(message);
  printf("\",\"details\":\"");
  print_escaped(details);
  printf("\"}\n");
  return 1;
}

static void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static long now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* A connected socket, or -1 with errno when there was none within wait_ms. */
static int connect_within(long wait_ms) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = WEFT_SOCKET};
  struct timeval reply_time = {.tv_sec = WEFT_REPLY_SECONDS}, send_time = {.tv_sec = 10};
  long start = now_ms();
  for (;;) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &reply_time, sizeof reply_time);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_time, sizeof send_time); /* bounds connect() too: unix(7) */
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    long waited = now_ms() - start;
    if (waited >= wait_ms) return -1;
    sleep_ms(waited < 2000 ? 20 : 100);
    errno = failure;
  }
}

/* 1: answered; 0: the agent went away before it had answered; -1 with errno: it took too long or said too much. */
static int exchange(int fd) {
  for (size_t sent = 0; sent < request_size;) {
    ssize_t n = send(fd, request + sent, request_size - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EPIPE || errno == ECONNRESET ? 0 : -1;
    sent += (size_t)n;
  }
  for (reply_size = 0; reply_size <= MAX_BYTES;) {
    ssize_t n = recv(fd, reply + reply_size, sizeof reply - reply_size, 0);
    if (n == 0) return 0;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == ECONNRESET ? 0 : -1;
    reply_size += (size_t)n;
    if (reply[reply_size - 1] == 0) return 1;
  }
  errno = EMSGSIZE;
  return -1;
}

static int write_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    data += n;
    size -= (size_t)n;
  }
  return 0;
}

/* A part of a file's name: no separator, not hidden. */
static int is_plain(const char *text) {
  return text[0] && text[0] != '.' && !strchr(text, '/');
}

/* Keeps the request as WEFT_STATE/pending-del/<container>-<interface>: whole or not at all; hidden until it is whole. 0, or -1 with errno. */
static int keep_deletion(void) {
  const char *container = variable("CNI_CONTAINERID"), *interface = variable("CNI_IFNAME");
  char name[600], part[600];
  if (!is_plain(container) || !is_plain(interface) || strlen(container) + strlen(interface) > 240) {
    errno = EINVAL;
    return -1;
  }
  mkdir(WEFT_STATE, 0700);
  mkdir(WEFT_STATE "/pending-del", 0700);
  snprintf(name, sizeof name, WEFT_STATE "/pending-del/%s-%s", container, interface);
  snprintf(part, sizeof part, WEFT_STATE "/pending-del/.%d", (int)getpid());
  int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  int bad = write_all(fd, request, request_size - 1) || fsync(fd);
  if ((close(fd) || bad) || rename(part, name)) {
    int failure = errno;
    unlink(part);
    errno = failure;
    return -1;
  }
  return 0;
}

/* Fills request. 0, or the exit code after a refusal. */
static int read_request(void) {
  for (size_t i = 0; i < sizeof VARIABLES / sizeof *VARIABLES; i++) {
    const char *value = variable(VARIABLES[i]);
    if (strlen(value) > MAX_VARIABLE || strchr(value, '\n'))
      return refuse(INVALID_ENVIRONMENT, "a CNI variable is longer than 8192 bytes or has more than one line", VARIABLES[i]);
    request_size += (size_t)sprintf(request + request_size, "%s=%s\n", VARIABLES[i], value);
  }
  request[request_size++] = '\n';
  config = request + request_size;
  for (;;) {
    ssize_t n = read(STDIN_FILENO, request + request_size, MAX_BYTES - request_size);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refuse(IO_FAILURE, "cannot read the network configuration on standard input", strerror(errno));
    request_size += (size_t)n;
    if (request_size == MAX_BYTES) return refuse(IO_FAILURE, "the network configuration must be smaller than 1 MiB", "");
  }
  if (strlen(config) < request_size - (size_t)(config - request)) return refuse(DECODING_FAILURE, "the network configuration has a zero byte", "");
  request_size++;
  return 0;
}

int main(void) {
  int refused = read_request();
  if (refused) return refused;
  const char *command = variable("CNI_COMMAND");
  int is_status = strcmp(command, "STATUS") == 0;
  if (strcmp(command, "VERSION") == 0) {
    printf("{\"cniVersion\":\"%s\",\"supportedVersions\":[\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n", cni_version());
    return 0;
  }
  int answered = 0, broken;
  const char *reason = "the agent went away before it answered";
  for (broken = 0; broken < MAX_BREAKS && !answered; broken++) {
    int fd = connect_within(is_status ? 0 : WEFT_WAIT_MS);
    if (fd < 0) {
      reason = strerror(errno);
      break;
    }
    answered = exchange(fd);
    if (answered < 0) reason = strerror(errno);
    close(fd);
    if (answered < 0 || is_status) break;
    if (!answered) sleep_ms(100);
  }
  if (answered > 0 && (reply[0] == '0' || reply[0] == '1')) {
    if (write_all(STDOUT_FILENO, reply + 1, reply_size - 2)) return 1;
    return reply[0] - '0';
  }
  if (answered > 0) return refuse(IO_FAILURE, "the agent's reply begins with neither 0 nor 1", WEFT_SOCKET);
  if (is_status) return refuse(NOT_AVAILABLE, "the Weft agent of this node is not running", reason);
  if (strcmp(command, "DEL") == 0) {
    if (keep_deletion() == 0) return 0;
    return refuse(TRY_AGAIN_LATER, "the Weft agent does not answer, and DEL cannot be kept in " WEFT_STATE, strerror(errno));
  }
  return refuse(TRY_AGAIN_LATER, "the Weft agent of this node does not answer at " WEFT_SOCKET "; see: kubectl -n weft-system get pods", reason);
}
