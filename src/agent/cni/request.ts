import { isPlain, type PodWiring } from '../../model/node/pod-wiring.ts';
import { parseRuntimeConfig } from './runtime-config.ts';

/** CNI specification 1.1: what a runtime says to a plugin, as the shim passes it on. */

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';

/** One request, checked. Which fields are present follows from the command (specification, section 2). */
export interface CniRequest {
  readonly command: CniCommand;
  readonly cniVersion: string;
  readonly containerId: string;
  /** Path of the network namespace; empty for DEL of a pod whose namespace is gone, for GC and for STATUS. */
  readonly netns: string;
  readonly ifname: string;
  readonly pod: PodReference | undefined;
  /** Attachments that the runtime still knows, for GC. */
  readonly validAttachments: readonly Attachment[];
  /** The `prevResult` of CHECK: what ADD answered. */
  readonly previousAddresses: readonly string[];
  /** The `prevResult` of ADD behind another plugin, as it came. */
  readonly previousResult?: PreviousResult;
  /** What the runtime asks for beside an address; absent: nothing. */
  readonly wiring?: PodWiring;
}

/** From CNI_ARGS, as kubelet's runtimes set them. */
export interface PodReference {
  readonly namespace: string;
  readonly name: string;
  /** Absent under runtimes that do not pass K8S_POD_UID. For a static pod this is its configuration hash. */
  readonly uid?: string;
}

/** What another plugin has answered, as far as it is read. */
export interface PreviousResult {
  readonly ips?: readonly { readonly address?: string; readonly gateway?: string }[];
}

export interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
}

/** Error codes of the specification, section "Error"; from 100 on they are ours. */
export const CNI_ERROR = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  addressesExhausted: 100,
  wiringFailed: 101,
  checkFailed: 102,
  annotationRefused: 103,
  linkImpossible: 104,
} as const;

/** A refusal that reaches the runtime, and through it the pod's events. */
export class CniError extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, message: string, details = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'CniError';
    this.code = code;
    this.details = details;
  }
}

const COMMANDS: readonly CniCommand[] = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'];
export const SUPPORTED_VERSIONS: readonly string[] = ['0.4.0', '1.0.0', '1.1.0'];
/** Older lists of other CNIs, whose results go through unchanged. */
const CHAINED_VERSIONS: readonly string[] = ['0.3.0', '0.3.1', ...SUPPORTED_VERSIONS];
/** Names of files and interfaces are made from these: nothing else may be in them. */
const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,255}$/;
const IFNAME = /^[^/:\s]{1,15}$/;

/**
 * Reads what the shim sends: `CNI_NAME=value` lines, an empty line, the network configuration as JSON.
 * @throws CniError with the specification's code; its text names the variable or the field.
 */
export function parseCniRequest(text: string): CniRequest {
  const end = text.indexOf('\n\n');
  if (end < 0) throw new CniError(CNI_ERROR.io, 'the request ends before its configuration');
  const variables = new Map<string, string>();
  for (const line of text.slice(0, end).split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) variables.set(line.slice(0, equals), line.slice(equals + 1));
  }
  const command = COMMANDS.find((name) => name === variables.get('CNI_COMMAND'));
  if (command === undefined) {
    throw new CniError(CNI_ERROR.invalidEnvironment, `CNI_COMMAND must be one of ${COMMANDS.join(', ')}, VERSION`);
  }
  const config = parseConfig(text.slice(end + 2));
  const cniVersion = textField(config, 'cniVersion') ?? '1.0.0';
  const previousResult = parsePreviousResult(config['prevResult']);
  const isSupported = (previousResult === undefined ? SUPPORTED_VERSIONS : CHAINED_VERSIONS).includes(cniVersion);
  if (!isSupported) {
    const supported = SUPPORTED_VERSIONS.join(', ');
    throw new CniError(CNI_ERROR.incompatibleVersion, `cniVersion must be one of ${supported}; it is '${cniVersion}'`);
  }
  const containerId = variables.get('CNI_CONTAINERID') ?? '';
  const ifname = variables.get('CNI_IFNAME') ?? '';
  const netns = variables.get('CNI_NETNS') ?? '';
  if (command === 'ADD' || command === 'DEL' || command === 'CHECK') {
    requireMatch('CNI_CONTAINERID', containerId, CONTAINER_ID, 'letters, digits, _ . -');
    requireMatch('CNI_IFNAME', ifname, IFNAME, 'at most 15 characters without / : or space');
    if (command !== 'DEL' && netns === '') {
      throw new CniError(
        CNI_ERROR.invalidEnvironment,
        `CNI_NETNS must be the path of a network namespace for ${command}`,
      );
    }
  }
  const pod = podOf(variables.get('CNI_ARGS') ?? '');
  if (command === 'ADD' && pod === undefined) {
    throw new CniError(CNI_ERROR.invalidEnvironment, 'CNI_ARGS must hold K8S_POD_NAMESPACE and K8S_POD_NAME');
  }
  const wiring = command === 'ADD' ? parseRuntimeConfig(config['runtimeConfig']) : {};
  if (typeof wiring === 'string') throw new CniError(CNI_ERROR.invalidConfig, wiring);
  return {
    command,
    cniVersion,
    containerId,
    netns,
    ifname,
    pod,
    validAttachments: attachmentsOf(config),
    previousAddresses: addressesOf(config),
    ...(isPlain(wiring) ? {} : { wiring }),
    ...(previousResult === undefined ? {} : { previousResult }),
  };
}

function parseConfig(text: string): Readonly<Record<string, unknown>> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new CniError(CNI_ERROR.decode, 'the network configuration on standard input must be JSON', String(cause));
  }
  if (!isRecord(config)) throw new CniError(CNI_ERROR.decode, 'the network configuration must be a JSON object');
  return config;
}

function requireMatch(name: string, value: string, pattern: RegExp, rule: string): void {
  if (!pattern.test(value))
    throw new CniError(CNI_ERROR.invalidEnvironment, `${name} must be ${rule}; it is '${value}'`);
}

function podOf(args: string): PodReference | undefined {
  const pairs = new Map(
    args.split(';').map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
  const [namespace, name, uid] = ['K8S_POD_NAMESPACE', 'K8S_POD_NAME', 'K8S_POD_UID'].map((key) => pairs.get(key));
  if (!namespace || !name) return undefined;
  return uid ? { namespace, name, uid } : { namespace, name };
}

function attachmentsOf(config: Readonly<Record<string, unknown>>): Attachment[] {
  const listed = config['cni.dev/valid-attachments'];
  if (!Array.isArray(listed)) return [];
  return listed.filter(isRecord).flatMap((entry) => {
    const [containerId, ifname] = [textField(entry, 'containerID'), textField(entry, 'ifname')];
    return containerId === undefined || ifname === undefined ? [] : [{ containerId, ifname }];
  });
}

function addressesOf(config: Readonly<Record<string, unknown>>): string[] {
  const { prevResult } = config;
  if (!isRecord(prevResult) || !Array.isArray(prevResult['ips'])) return [];
  return prevResult['ips'].filter(isRecord).flatMap((ip) => textField(ip, 'address') ?? []);
}

function parsePreviousResult(value: unknown): PreviousResult | undefined {
  if (!isRecord(value)) return undefined;
  const { ips = [] } = value;
  const isIp = (ip: unknown) =>
    isRecord(ip) && [ip['address'], ip['gateway']].every((text) => text === undefined || typeof text === 'string');
  if (!Array.isArray(ips) || !ips.every(isIp)) {
    throw new CniError(CNI_ERROR.decode, 'prevResult.ips must be a list of objects whose address and gateway are text');
  }
  return value as PreviousResult;
}

function textField(object: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = object[name];
  return typeof value === 'string' ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
