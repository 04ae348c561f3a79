import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NetlinkError } from '../../src/agent/dataplane/netlink/error.ts';
import { deletionOf, findLink, listLinks } from '../../src/agent/dataplane/netlink/link.ts';
import { encodeRoute, encodeRouteRemoval, listRoutes, type Route } from '../../src/agent/dataplane/netlink/route.ts';
import { inNetns, Netns, NetnsError, netnsId } from '../../src/agent/dataplane/netns.ts';
import { listenUnixAbstract, peerUid } from '../../src/agent/dataplane/unix-listener.ts';
import { NetnsLab } from './netns-lab.ts';

const OWN = '/proc/thread-self/ns/net';
const lab = new NetnsLab();
let node: Netns;

beforeAll(() => {
  node = lab.addNode('netlink');
});
afterAll(() => lab.close());

function failureOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a netlink socket', () => {
  test("reports the kernel's code, and what was tried on what", () => {
    const failure = failureOf(() => node.rtnetlink.request(deletionOf('weft-none')));
    expect(failure).toBeInstanceOf(NetlinkError);
    expect(failure).toMatchObject({ code: 'ENODEV', errno: 19, message: 'cannot delete link weft-none: ENODEV' });
  });

  test("reports the kernel's own words when it has any", () => {
    const lo = findLink(node.rtnetlink, 'lo')?.index ?? 0;
    const route: Route = { destination: '192.0.2.0/24', type: 'unicast', interfaceIndex: lo, gateway: '203.0.113.1' };
    expect(() => node.rtnetlink.request(encodeRoute(route))).toThrow(
      `cannot write route 192.0.2.0/24 via 203.0.113.1 dev #${lo}: Nexthop has invalid gateway (ENETUNREACH)`,
    );
  });

  test('goes on working after a refusal', () => {
    failureOf(() => node.rtnetlink.request(deletionOf('weft-none')));
    expect(findLink(node.rtnetlink, 'lo')).toMatchObject({ index: 1, up: true });
  });

  test('reads a dump of many datagrams whole', () => {
    const routes = Array.from(
      { length: 3000 },
      (_, index): Route => ({
        destination: `10.${100 + (index >> 8)}.${index & 255}.0/24`,
        type: 'blackhole',
      }),
    );
    for (const route of routes) node.rtnetlink.request(encodeRoute(route));
    expect(listRoutes(node.rtnetlink, { ours: true })).toEqual(routes);
    for (const route of routes) node.rtnetlink.request(encodeRouteRemoval(route));
    expect(listRoutes(node.rtnetlink, { ours: true })).toEqual([]);
  });

  test('reads the routes of a namespace that never had one', () => {
    using fresh = Netns.open(lab.add('fresh'));
    expect(listRoutes(fresh.rtnetlink, { ours: true })).toEqual([]);
  });

  test('removes a route only when gateway and type are as said', () => {
    node.rtnetlink.request(encodeRoute({ destination: '192.0.2.0/24', type: 'blackhole' }));
    const other = encodeRouteRemoval({ destination: '192.0.2.0/24', type: 'unicast', interfaceIndex: 1 });
    expect(failureOf(() => node.rtnetlink.request(other))).toMatchObject({ code: 'ESRCH' });
    node.rtnetlink.request(encodeRouteRemoval({ destination: '192.0.2.0/24', type: 'blackhole' }));
  });

  test('stays in its namespace, whatever namespace the thread is in', () => {
    const links = listLinks(node.rtnetlink);
    const other = lab.add('other');
    lab.ip(other, 'link', 'add', 'only-here', 'type', 'veth', 'peer', 'name', 'nor-here');
    expect(inNetns(other, () => listLinks(node.rtnetlink))).toEqual(links);
  });
});

describe('inNetns', () => {
  test('runs inside and comes back, also when the work throws, also nested', () => {
    const home = readlinkSync(OWN);
    const other = lab.add('nested');
    const [inner, outer] = inNetns(node.path, () => [inNetns(other, () => readlinkSync(OWN)), readlinkSync(OWN)]);
    expect(new Set([inner, outer, home]).size).toBe(3);
    expect(() =>
      inNetns(other, () => {
        throw new RangeError('of the work');
      }),
    ).toThrow('of the work');
    expect(readlinkSync(OWN)).toBe(home);
  });

  test('refuses work that goes on after its return', () => {
    expect(() => inNetns(node.path, async () => undefined)).toThrow('synchronous');
  });

  test('names the path and the reason when it cannot enter', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'weft-t-'));
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    const notThere = failureOf(() => inNetns('/run/netns/weft-t-none', () => 0));
    const noNamespace = failureOf(() => inNetns(file, () => 0));
    rmSync(folder, { recursive: true });
    expect(notThere).toBeInstanceOf(NetnsError);
    expect(notThere).toMatchObject({ code: 'ENOENT' });
    expect(noNamespace).toMatchObject({
      code: 'EINVAL',
      message: `cannot enter network namespace '${file}': what is there is no network namespace`,
    });
  });
});

describe('netnsId', () => {
  test('is equal for two paths to one namespace, and differs between two namespaces', () => {
    expect(inNetns(node.path, () => netnsId(OWN))).toBe(netnsId(node.path));
    expect(netnsId(lab.add('third'))).not.toBe(netnsId(node.path));
    expect(() => netnsId('/run/netns/weft-t-none')).toThrow(NetnsError);
  });
});

describe('a listener inside a namespace', () => {
  async function exchange(from: string): Promise<string> {
    const socket = inNetns(from, () => net.connect({ path: '\0weft-t' }));
    return await new Promise((resolve) => {
      socket.on('data', (data) => resolve(data.toString())).on('error', ({ message }) => resolve(message));
    });
  }

  test('is reached from there only, and knows the uid of who connects', async () => {
    const server = net.createServer((socket) => {
      const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
      socket.end(`uid ${peerUid(fd)}`);
    });
    await new Promise<void>((resolve) => server.listen({ fd: listenUnixAbstract(node.path, 'weft-t') }, resolve));
    expect(await exchange(node.path)).toBe(`uid ${process.getuid?.()}`);
    expect(await exchange(OWN)).toContain('ECONNREFUSED');
    expect(() => listenUnixAbstract(node.path, 'weft-t')).toThrow(/cannot listen on @weft-t in .*: EADDRINUSE/);
    await new Promise((resolve) => server.close(resolve));
  });

  test('may be opened again as soon as it is closed', async () => {
    for (let time = 0; time < 2; time += 1) {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen({ fd: listenUnixAbstract(node.path, 'weft-t') }, resolve));
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('must have a name that fits', () => {
    expect(() => listenUnixAbstract(node.path, 'x'.repeat(108))).toThrow('1 to 107 bytes');
  });

  test('says of a descriptor that is no socket what was tried', () => {
    expect(() => peerUid(node.fd)).toThrow(/cannot read who connected descriptor \d+: ENOTSOCK/);
  });
});
