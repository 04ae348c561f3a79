/*
 * The CNI plugin `loopback`, which containerd 1.x runs for every pod before the network's own plugin: brings `lo` up.
 * Installed only where a node has none. It needs no agent.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONFIG 65536

static char version[16] = "1.0.0";

static int fail(int code, const char *message) {
  printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"loopback: %s\"}\n", version, code, message);
  return 1;
}

/* Takes the value of "cniVersion" out of the configuration: digits and dots only, so it can be printed as it is. */
static void read_version(void) {
  static char config[MAX_CONFIG + 1];
  size_t size = fread(config, 1, MAX_CONFIG, stdin);
  config[size] = 0;
  char *at = strstr(config, "\"cniVersion\"");
  if (at == NULL || (at = strchr(at, ':')) == NULL || (at = strchr(at, '"')) == NULL) return;
  size_t length = strspn(at + 1, "0123456789.");
  if (length == 0 || length >= sizeof version) return;
  memcpy(version, at + 1, length);
  version[length] = 0;
}

static int bring_up(const char *netns) {
  int namespace = open(netns, O_RDONLY | O_CLOEXEC);
  if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0) return fail(3, "CNI_NETNS cannot be entered");
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) return fail(5, "lo cannot be read");
  request.ifr_flags |= IFF_UP;
  if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) return fail(5, "lo cannot be brought up");
  return 0;
}

int main(void) {
  const char *command = getenv("CNI_COMMAND"), *netns = getenv("CNI_NETNS");
  if (command == NULL) return fail(4, "CNI_COMMAND must be set");
  read_version();
  if (strcmp(command, "VERSION") == 0) {
    printf("{\"cniVersion\":\"%s\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n", version);
    return 0;
  }
  if (strcmp(command, "ADD") != 0) return 0; /* lo goes with its namespace */
  if (netns == NULL || *netns == 0) return fail(4, "CNI_NETNS must be set for ADD");
  if (bring_up(netns) != 0) return 1;
  /* IP version is a field of results before 1.0.0 and unknown to later readers, who ignore it. */
  printf("{\"cniVersion\":\"%s\",\"interfaces\":[{\"name\":\"lo\",\"sandbox\":\"%s\"}],"
         "\"ips\":[{\"version\":\"4\",\"interface\":0,\"address\":\"127.0.0.1/8\"}],\"dns\":{}}\n", version, netns);
  return 0;
}
