import { describe, expect, test } from '@jest/globals';
import { type HostPort, hostPortProblem, parseHostPorts } from '../../../src/model/node/host-ports.ts';

const WEB: HostPort = { protocol: 'TCP', hostPort: 80, containerPort: 8080 };

describe('what a runtime says of host ports', () => {
  test('is read as the CNI convention has it: protocols in any case, no hostPort is none, 0.0.0.0 and :: are every address', () => {
    const given = [
      { hostPort: 80, containerPort: 8080, protocol: 'tcp' },
      { hostPort: 53, containerPort: 5353, protocol: 'UDP', hostIP: '' },
      { hostPort: 81, containerPort: 81, hostIP: '0.0.0.0' },
      { hostPort: 82, containerPort: 82, protocol: 'SCTP', hostIP: '2001:DB8::0:1' },
      { hostPort: 0, containerPort: 9 },
      { containerPort: 9 },
    ];
    expect(parseHostPorts(given)).toEqual([
      WEB,
      { protocol: 'UDP', hostPort: 53, containerPort: 5353 },
      { protocol: 'TCP', hostPort: 81, containerPort: 81 },
      { protocol: 'SCTP', hostPort: 82, containerPort: 82, hostIp: '2001:db8::1' },
    ]);
  });

  test.each([
    [{}, 'must be a list'],
    [[{ hostPort: 70_000, containerPort: 1 }], '[0].hostPort'],
    [[{ hostPort: 1 }], '[0].containerPort'],
    [[{ hostPort: 1, containerPort: 1, protocol: 'icmp' }], '[0].protocol'],
    [[{ hostPort: 1, containerPort: 1, hostIP: 'here' }], '[0].hostIP'],
  ])('%j is refused', (given, problem) => {
    expect(parseHostPorts(given)).toContain(problem);
  });

  test('reads back what it wrote', () => {
    const ports: HostPort[] = [WEB, { ...WEB, protocol: 'UDP', hostIp: '192.0.2.1' }];
    expect(parseHostPorts(JSON.parse(JSON.stringify(ports)))).toEqual(ports);
  });
});

describe('a host port', () => {
  const at = (hostIp: string): HostPort => ({ ...WEB, hostIp });

  test('of another address, protocol or number is free', () => {
    expect(hostPortProblem([at('192.0.2.1')], [4], [at('192.0.2.2')])).toBeUndefined();
    expect(hostPortProblem([WEB], [4], [{ ...WEB, protocol: 'UDP' }])).toBeUndefined();
    expect(hostPortProblem([WEB], [4], [{ ...WEB, hostPort: 81 }])).toBeUndefined();
  });

  test('that another pod has, on this or on every address, is taken', () => {
    expect(hostPortProblem([WEB], [4], [WEB])).toContain('TCP *:80: a pod of this node has TCP *:80 already');
    expect(hostPortProblem([at('192.0.2.1')], [4], [WEB])).toContain('already');
    expect(hostPortProblem([WEB], [4], [at('192.0.2.1')])).toContain('already');
  });

  test('cannot be asked for twice, nor on an address of a family that the pod has not', () => {
    expect(hostPortProblem([WEB, { ...WEB, containerPort: 1 }], [4], [])).toContain('twice');
    expect(hostPortProblem([at('2001:db8::1')], [4], [])).toContain('no IPv6 address');
  });
});
