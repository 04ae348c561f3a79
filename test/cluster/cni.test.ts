import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { nodeFolder } from '../../lab/cluster/node.ts';
import { parseJournalEntry } from '../../src/model/ipam/lease-journal.ts';
import { replay } from '../../src/model/ipam/lease-replay.ts';
import { attachmentKey } from '../../src/model/ipam/lease-state.ts';
import {
  applyObjects,
  eventually,
  getObject,
  kube,
  namespace,
  pod,
  podsReady,
  runOnNode,
  TEST_CLUSTER,
} from './cluster.ts';

jest.setTimeout(120_000);

const NS = 'cni';
const NODE = 'node-1';
const NETNS = 'weft-cni-test';
const NETNS_PATH = `/run/netns/${NETNS}`;
const IFNAME = 'eth1';
const CONFIG = { cniVersion: '1.1.0', name: 'weft', type: 'weft' };

interface Attachment {
  readonly containerID: string;
  readonly ifname: string;
}

interface AddResult {
  readonly interfaces: readonly { readonly name: string; readonly sandbox?: string }[];
  readonly ips: readonly { readonly address: string }[];
}

interface CniAnswer {
  readonly cniVersion?: string;
  readonly code?: number;
  readonly msg?: string;
  readonly supportedVersions?: readonly string[];
}

let podUid = '';
let linksBefore: readonly string[] = [];
let attachmentsBefore: readonly Attachment[] = [];
let tableBefore = '';
let cachedBefore: readonly string[] = [];

beforeAll(async () => {
  await applyObjects(namespace(NS), pod(`${NS}/held`, { node: NODE, image: 'busybox' }));
  await podsReady(NS);
  podUid = (await getObject<{ metadata: { uid: string } }>('-n', NS, 'pod', 'held')).metadata.uid;
  await onNode('ip', 'netns', 'add', NETNS);
  linksBefore = await podLinks();
  attachmentsBefore = attachmentsOnDisk();
  tableBefore = await policyTable();
  cachedBefore = await cachedResults();
});

afterAll(async () => {
  await cnitool('del');
  await onNode('ip', 'netns', 'del', NETNS);
  await kube('delete', 'namespace', NS, '--wait=false');
});

async function onNode(...command: string[]): Promise<string> {
  return (await runOnNode(TEST_CLUSTER, NODE, command)).stdout;
}

function podArgs(): string {
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=${NS};K8S_POD_NAME=held;K8S_POD_UID=${podUid}`;
}

/** A further interface of the pod `held`, in a namespace of our own, by the CNI library's own command. */
async function cnitool(verb: 'add' | 'check' | 'del', netns = NETNS_PATH): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await runOnNode(TEST_CLUSTER, NODE, ['cnitool', verb, 'weft', netns], {
    allowFailure: true,
    env: { CNI_PATH: '/opt/cni/bin', NETCONFPATH: '/etc/cni/net.d', CNI_IFNAME: IFNAME, CNI_ARGS: podArgs() },
  });
  return { code, output: `${stdout}${stderr}` };
}

async function add(): Promise<{ hostInterface: string; address: string }> {
  const { code, output } = await cnitool('add');
  expect({ code, output }).toMatchObject({ code: 0 });
  const { interfaces, ips } = JSON.parse(output) as AddResult;
  expect(interfaces[1]).toMatchObject({ name: IFNAME, sandbox: NETNS_PATH });
  return { hostInterface: interfaces[0]?.name ?? '', address: ips[0]?.address ?? '' };
}

/** What a runtime does without the CNI library: variables, the configuration on standard input, one answer. */
async function callShim(
  command: string,
  config: object | string,
  variables: Readonly<Record<string, string>> = {},
): Promise<{ exit: number; answer: CniAnswer }> {
  const { code, stdout } = await runOnNode(TEST_CLUSTER, NODE, ['/opt/cni/bin/weft'], {
    allowFailure: true,
    env: { CNI_COMMAND: command, CNI_PATH: '/opt/cni/bin', ...variables },
    input: typeof config === 'string' ? config : JSON.stringify(config),
  });
  return { exit: code, answer: stdout === '' ? {} : (JSON.parse(stdout) as CniAnswer) };
}

function addVariables(): Record<string, string> {
  return { CNI_CONTAINERID: 'by-hand', CNI_NETNS: NETNS_PATH, CNI_IFNAME: IFNAME, CNI_ARGS: podArgs() };
}

/** The attachments that the node's journal holds, sorted. */
function attachmentsOnDisk(): readonly Attachment[] {
  const file = path.join(nodeFolder(TEST_CLUSTER, NODE), 'fs/var/lib/weft/leases.journal');
  const entries = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => parseJournalEntry(JSON.parse(line)) ?? []);
  const leases = [...replay(entries, Date.now()).leases.values()];
  // One of each family.
  const attachments = new Map(leases.map((lease) => [attachmentKey(lease), lease]));
  return [...attachments.values()]
    .map(({ containerId, ifname }) => ({ containerID: containerId, ifname }))
    .sort((a, b) => `${a.containerID}/${a.ifname}`.localeCompare(`${b.containerID}/${b.ifname}`));
}

/** The node's ends of its pods' links, sorted. */
async function podLinks(): Promise<readonly string[]> {
  const links = JSON.parse(await onNode('ip', '-json', 'link', 'show', 'type', 'veth')) as { ifname: string }[];
  return links
    .map(({ ifname }) => ifname)
    .filter((name) => name.startsWith('weft'))
    .sort();
}

/** What the CNI library keeps of ADDs that were not undone. */
async function cachedResults(): Promise<readonly string[]> {
  return (await onNode('ls', '/var/lib/cni/results')).split('\n').sort();
}

/** Without what its rules have counted. */
function policyTable(): Promise<string> {
  return onNode('nft', '--stateless', 'list', 'table', 'inet', 'weft');
}

async function expectNothingLeft(): Promise<void> {
  // DEL answers before the link is gone.
  await eventually('the link is gone', async () => (await podLinks()).join() === linksBefore.join());
  expect(attachmentsOnDisk()).toEqual(attachmentsBefore);
  expect(await policyTable()).toBe(tableBefore);
  expect(await cachedResults()).toEqual(cachedBefore);
}

describe('the CNI verbs against the agent of a node', () => {
  test('ADD gives a further interface of a pod an address of its own, and CHECK agrees with it', async () => {
    const { address } = await add();
    expect(address).toMatch(/^10\.244\.\d+\.\d+\/32$/);
    expect(await onNode('ip', '-n', NETNS, 'addr', 'show', IFNAME)).toContain(`inet ${address} `);
    expect(await onNode('ip', 'route')).toContain(`${address.replace('/32', '')} dev weft`);
    expect(attachmentsOnDisk()).toHaveLength(attachmentsBefore.length + 1);
    expect(await cnitool('check')).toEqual({ code: 0, output: '' });
  });

  test('ADD again of the same attachment gives the same address and the same link', async () => {
    const first = await add();
    expect(await add()).toEqual(first);
    expect(await podLinks()).toHaveLength(linksBefore.length + 1);
  });

  test('CHECK names what was taken away', async () => {
    const { address } = await add();
    await onNode('ip', '-n', NETNS, 'addr', 'flush', 'dev', IFNAME);
    const { code, output } = await cnitool('check');
    expect(code).toBe(1);
    expect(output).toContain(`${IFNAME} has no address instead of ${address}`);
  });

  test('DEL takes it all away, DEL again succeeds, CHECK then knows of nothing', async () => {
    await add();
    expect(await cnitool('del')).toEqual({ code: 0, output: '' });
    await expectNothingLeft();
    expect(await cnitool('del')).toEqual({ code: 0, output: '' });
    const { code, output } = await cnitool('check');
    expect(code).toBe(1);
    expect(output).toContain('has no address on this node');
  });

  test('STATUS succeeds without a word, VERSION lists what the agent speaks', async () => {
    expect(await callShim('STATUS', CONFIG)).toEqual({ exit: 0, answer: {} });
    expect(await callShim('VERSION', CONFIG)).toEqual({
      exit: 0,
      answer: { cniVersion: '1.1.0', supportedVersions: ['0.4.0', '1.0.0', '1.1.0'] },
    });
  });

  test('GC takes away what the runtime does not list, and only that', async () => {
    const { hostInterface } = await add();
    expect(await podLinks()).toContain(hostInterface);
    expect(attachmentsBefore).toHaveLength(linksBefore.length); // else GC would take a running pod's network
    const config = { ...CONFIG, 'cni.dev/valid-attachments': attachmentsBefore };
    expect(await callShim('GC', config)).toEqual({ exit: 0, answer: {} });
    expect(await podLinks()).toEqual(linksBefore);
    expect(attachmentsOnDisk()).toEqual(attachmentsBefore);
    expect((await cnitool('del')).code).toBe(0);
    await expectNothingLeft();
  });
});

describe('what a runtime gets wrong', () => {
  test.each([
    ['a configuration that is not JSON', '{"cniVersion":', {}, 6, 'must be JSON'],
    ['a cniVersion that nobody knows', { ...CONFIG, cniVersion: '9.9.9' }, {}, 1, "it is '9.9.9'"],
    ['no CNI_ARGS', CONFIG, { CNI_ARGS: '' }, 4, 'CNI_ARGS must hold K8S_POD_NAMESPACE and K8S_POD_NAME'],
    ['no CNI_NETNS', CONFIG, { CNI_NETNS: '' }, 4, 'CNI_NETNS must be the path of a network namespace'],
    ['a container id that is a path', CONFIG, { CNI_CONTAINERID: '../x' }, 4, 'CNI_CONTAINERID must be'],
    ['an interface name that is too long', CONFIG, { CNI_IFNAME: 'sixteen-letters-' }, 4, 'CNI_IFNAME must be'],
    ['a netns that is not there', CONFIG, { CNI_NETNS: '/run/netns/nowhere' }, 101, "'/run/netns/nowhere'"],
  ])('%s is refused by code and name', async (_, config, variables, code, message) => {
    const { exit, answer } = await callShim('ADD', config, { ...addVariables(), ...variables });
    expect({ exit, ...answer }).toMatchObject({ exit: 1, code, msg: expect.stringContaining(message) });
    await expectNothingLeft();
  });

  test('a verb that nobody knows is refused with those there are', async () => {
    const { answer } = await callShim('MOVE', CONFIG, addVariables());
    expect(answer).toMatchObject({ code: 4, msg: expect.stringContaining('ADD, DEL, CHECK, GC, STATUS') });
  });

  test('cnitool shows the reason of a refusal', async () => {
    const { code, output } = await cnitool('add', '/run/netns/nowhere');
    expect(code).toBe(1);
    expect(output).toContain("cannot enter network namespace '/run/netns/nowhere'");
    await expectNothingLeft();
  });
});
