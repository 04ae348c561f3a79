import { expect, test } from '@jest/globals';
import type { ContainerPort, Pod } from '../../../src/api/kubernetes.ts';
import { translateHostPorts } from '../../../src/model/node/host-ports.ts';

function pod(ports: readonly ContainerPort[], init: readonly ContainerPort[] = []): Pod {
  return {
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'main', ports }], initContainers: [{ name: 'side', ports: init }] },
  };
}

test('ports of all containers that ask for one of the node, sorted', () => {
  const side = [{ containerPort: 53, hostPort: 53, protocol: 'UDP' as const }];
  expect(translateHostPorts(pod([{ containerPort: 80 }, { containerPort: 443, hostPort: 8443 }], side))).toEqual([
    { protocol: 'TCP', hostPort: 8443, port: 443 },
    { protocol: 'UDP', hostPort: 53, port: 53 },
  ]);
});

test.each([undefined, '', '0.0.0.0', '::'])('hostIP %p is every address', (hostIP) => {
  const port = { containerPort: 80, hostPort: 8080, ...(hostIP === undefined ? {} : { hostIP }) };
  expect(translateHostPorts(pod([port]))).toEqual([{ protocol: 'TCP', hostPort: 8080, port: 80 }]);
});

test('one address is kept, as it is usually written', () => {
  const of = (hostIP: string) => translateHostPorts(pod([{ containerPort: 80, hostPort: 8080, hostIP }]))[0]?.address;
  expect([of('192.0.2.1'), of('2001:DB8:0::1')]).toEqual(['192.0.2.1', '2001:db8::1']);
});
