import { describe, expect, test } from '@jest/globals';
import { CNI_ERROR, type CniError, parseCniRequest } from '../../../src/agent/cni/request.ts';

const ADD = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/a',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u1',
};
const CONFIG = { cniVersion: '1.0.0', name: 'weft', type: 'weft' };

function message(variables: Readonly<Record<string, string>>, config: unknown = CONFIG): string {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  return `${lines.join('')}\n${typeof config === 'string' ? config : JSON.stringify(config)}`;
}

function refusal(text: string): { code: number; message: string } {
  try {
    parseCniRequest(text);
  } catch (error) {
    const { code, message } = error as CniError;
    return { code, message };
  }
  throw new Error('the request was accepted');
}

describe('parseCniRequest', () => {
  test('reads an ADD with its pod', () => {
    expect(parseCniRequest(message(ADD))).toMatchObject({
      command: 'ADD',
      containerId: 'c1',
      ifname: 'eth0',
      netns: '/run/netns/a',
      pod: { namespace: 'shop', name: 'web-0', uid: 'u1' },
    });
  });

  test('reads the attachments of a GC', () => {
    const config = { ...CONFIG, 'cni.dev/valid-attachments': [{ containerID: 'c1', ifname: 'eth0' }] };
    const { validAttachments } = parseCniRequest(message({ CNI_COMMAND: 'GC' }, config));
    expect(validAttachments).toEqual([{ containerId: 'c1', ifname: 'eth0' }]);
  });

  test('accepts a DEL without namespace and without pod', () => {
    const request = parseCniRequest(message({ CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'c1', CNI_IFNAME: 'eth0' }));
    expect(request).toMatchObject({ command: 'DEL', netns: '', pod: undefined });
  });

  test.each([
    ['an unknown command', message({ ...ADD, CNI_COMMAND: 'PUT' }), CNI_ERROR.invalidEnvironment, 'CNI_COMMAND'],
    [
      'a container id with a path in it',
      message({ ...ADD, CNI_CONTAINERID: '../x' }),
      CNI_ERROR.invalidEnvironment,
      'CNI_CONTAINERID',
    ],
    [
      'an interface name of 16 characters',
      message({ ...ADD, CNI_IFNAME: 'a'.repeat(16) }),
      CNI_ERROR.invalidEnvironment,
      'CNI_IFNAME',
    ],
    ['an ADD without namespace', message({ ...ADD, CNI_NETNS: '' }), CNI_ERROR.invalidEnvironment, 'CNI_NETNS'],
    ['an ADD without pod', message({ ...ADD, CNI_ARGS: '' }), CNI_ERROR.invalidEnvironment, 'K8S_POD_NAME'],
    ['broken JSON', message(ADD, '{'), CNI_ERROR.decode, 'JSON'],
    ['JSON that is no object', message(ADD, '[]'), CNI_ERROR.decode, 'object'],
    ['a version nobody has', message(ADD, { cniVersion: '9.0.0' }), CNI_ERROR.incompatibleVersion, '9.0.0'],
    ['a message that is cut short', 'CNI_COMMAND=ADD\n', CNI_ERROR.io, 'configuration'],
  ])("refuses %s with the specification's code and names it", (_, text, code, names) => {
    const refused = refusal(text);
    expect(refused.code).toBe(code);
    expect(refused.message).toContain(names);
  });
});
