import path from 'node:path';
import { BIN } from '../../lab/setup/paths.ts';
import type { NetnsLab } from '../../test/dataplane/netns-lab.ts';
import type { Job } from './timed-exec.ts';

/** A node whose pods are connected by the reference plugins `bridge` and `host-local`. Nothing runs there between calls. */
export class ReferenceNode {
  readonly netnsPath: string;
  readonly #config: string;

  /** @param folder where host-local keeps its addresses. */
  constructor(lab: NetnsLab, folder: string) {
    this.netnsPath = lab.addNode('reference').path;
    const ipam = {
      type: 'host-local',
      ranges: [[{ subnet: '10.99.0.0/16' }]],
      routes: [{ dst: '0.0.0.0/0' }],
      dataDir: path.join(folder, 'host-local'),
    };
    const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, mtu: 1450, ipam };
    this.#config = JSON.stringify({ cniVersion: '1.0.0', name: 'reference', ...bridge });
  }

  job(command: 'ADD' | 'DEL', containerId: string, netnsPath: string): Job {
    return {
      program: path.join(BIN, 'bridge'),
      input: this.#config,
      variables: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_NETNS: netnsPath,
        CNI_IFNAME: 'eth0',
        CNI_PATH: BIN,
      },
    };
  }
}
