import { existsSync } from 'node:fs';
import { run } from '../setup/shell.ts';
import { apiAddress, type ClusterConfig, machineLink, netnsOf, nodeAddress, switchOf } from './config.ts';

/** Namespaces of nodes and switch, and the links between them. The machine keeps one link and one address. */
export async function createNetwork(config: ClusterConfig): Promise<void> {
  const bridge = switchOf(config);
  const lines: string[] = [];
  for (const namespace of [bridge, ...config.nodes.map((node) => netnsOf(config, node))]) {
    await run('ip', ['netns', 'add', namespace]);
    await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  }
  await run('ip', ['-n', bridge, 'link', 'add', 'br0', 'type', 'bridge']);
  await run('ip', ['-n', bridge, 'link', 'set', 'br0', 'up']);
  const link = machineLink(config);
  lines.push(`link add ${link} type veth peer name machine netns ${bridge}`, `link set ${link} up`);
  lines.push(`addr add ${apiAddress(config)}/24 dev ${link}`);
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  await run('ip', ['-n', bridge, 'link', 'set', 'machine', 'master', 'br0', 'up']);
  for (const node of config.nodes) {
    const namespace = netnsOf(config, node);
    await run('ip', ['-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', node, 'netns', bridge]);
    await run('ip', ['-n', namespace, 'addr', 'add', `${nodeAddress(config, node)}/24`, 'dev', 'eth0']);
    await run('ip', ['-n', namespace, 'link', 'set', 'eth0', 'up']);
    await run('ip', ['-n', namespace, 'route', 'add', 'default', 'via', apiAddress(config)]);
    await run('ip', ['-n', bridge, 'link', 'set', node, 'master', 'br0', 'up']);
  }
}

export async function deleteNetwork(config: ClusterConfig): Promise<void> {
  for (const namespace of [...config.nodes.map((node) => netnsOf(config, node)), switchOf(config)]) {
    if (existsSync(`/run/netns/${namespace}`)) await run('ip', ['netns', 'delete', namespace]);
  }
  await run('ip', ['link', 'delete', machineLink(config)], { allowFailure: true });
}

/** What is left of the cluster's network on this machine: empty after `deleteNetwork`. */
export async function networkLeftovers(config: ClusterConfig): Promise<string[]> {
  const namespaces = [...config.nodes.map((node) => netnsOf(config, node)), switchOf(config)];
  const found = namespaces.filter((name) => existsSync(`/run/netns/${name}`)).map((name) => `namespace ${name}`);
  const { code } = await run('ip', ['link', 'show', machineLink(config)], { allowFailure: true });
  return code === 0 ? [...found, `link ${machineLink(config)}`] : found;
}
