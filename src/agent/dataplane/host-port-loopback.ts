import type { Sysctls } from './sysctl.ts';

/** Lets what the node dials on 127.0.0.1 leave by a pod's interface; `inet weft_hostports` keeps the pod itself out. */
export function localnetSysctl(hostInterface: string): Sysctls {
  return { [`ipv4/conf/${hostInterface}/route_localnet`]: '1' };
}
