/*
 * timed-exec PARALLEL: runs programs, at most PARALLEL at a time, and says when each began and ended. Small and static,
 * so that starting a program costs what it costs a container runtime, and the same for every program measured.
 *
 * Standard input:  a job a line, fields separated by tabs: file for standard input, file for standard output, program,
 *                  NAME=value for each variable of its environment.
 * Standard output: a line a job, in their order: start and end in ns (CLOCK_MONOTONIC), exit code.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_JOBS 1000
#define MAX_VARIABLES 32

struct job {
  char *input, *output, *program, *environment[MAX_VARIABLES + 1];
  pid_t pid;
  long long start, end;
  int code;
};

static struct job jobs[MAX_JOBS];
static int count, next, running;

static long long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void read_jobs(void) {
  char *line = NULL;
  size_t size = 0;
  while (getline(&line, &size, stdin) > 0) {
    if (count == MAX_JOBS) exit(2);
    struct job *job = &jobs[count++];
    char *rest = strdup(line), *field;
    rest[strcspn(rest, "\n")] = 0;
    job->input = strsep(&rest, "\t");
    job->output = strsep(&rest, "\t");
    job->program = strsep(&rest, "\t");
    for (int i = 0; i < MAX_VARIABLES && (field = strsep(&rest, "\t")); i++) job->environment[i] = field;
  }
}

static void start(struct job *job) {
  char *arguments[] = {job->program, NULL};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, job->input, O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, job->output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  job->start = now_ns();
  if (posix_spawn(&job->pid, job->program, &files, NULL, arguments, job->environment)) {
    perror(job->program);
    exit(2);
  }
  posix_spawn_file_actions_destroy(&files);
  running++;
}

/* Notes the end of one program; 0 when none has ended. */
static int reap(int options) {
  int status;
  pid_t pid = waitpid(-1, &status, options);
  if (pid <= 0) return 0;
  long long end = now_ns();
  for (int i = 0; i < next; i++) {
    if (jobs[i].pid != pid) continue;
    jobs[i].end = end;
    jobs[i].code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  running--;
  return 1;
}

int main(int argc, char **argv) {
  int parallel = argc > 1 ? atoi(argv[1]) : 1;
  read_jobs();
  while (next < count || running > 0) {
    if (next < count && running < parallel) start(&jobs[next++]);
    else reap(0);
    while (running > 0 && reap(WNOHANG)) {}
  }
  for (int i = 0; i < count; i++) printf("%lld %lld %d\n", jobs[i].start, jobs[i].end, jobs[i].code);
  return 0;
}
