import type { Duplex } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Redirect } from '../dataplane/nft/redirect.ts';
import type { WatchedNames } from '../dns/watched-names.ts';
import type { ResourceStore } from '../state/resources.ts';
import type { ResourceReport } from './acknowledged.ts';
import type { Changes } from './changes.ts';
import type { WorkloadCertificate } from './secrets.ts';
import type { ProxySnapshot } from './snapshot.ts';

/** Towards the proxies' protocol. `xds/` is it. */
export interface ProxyServer {
  /** `snapshot` stays the same object, and what of it is another than before is in `changes`. */
  setSnapshot(proxyKey: string, snapshot: ProxySnapshot['resources'], changes: Changes['resources']): void;
  serve(proxyKey: string, connection: Duplex): void;
  remove(proxyKey: string): void;
  /** Where the proxy holds something else than it has said. @param held by type URL: name → version, if it is known. */
  differences(
    proxyKey: string,
    held: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>,
  ): readonly ResourceDifference[];
  /** Tells the proxy what it lacks, and what it has too much. */
  correct(proxyKey: string, differences: readonly ResourceDifference[]): void;
}

/** Of a resource, what a proxy has said that it holds, and what it holds: versions; undefined is nothing. */
export interface ResourceDifference {
  readonly typeUrl: string;
  readonly name: string;
  readonly said: string | undefined;
  readonly held: string | undefined;
}

/** The inside of pods' network namespaces. `agent/dataplane` is it. */
export interface PodNamespaces {
  redirect(netnsPath: string, redirect: Redirect): void;
  /** Questions for the addresses of these names go to the proxy, all others where they would. */
  redirectNames(netnsPath: string, names: readonly string[], port: number): void;
  /** A listening abstract unix socket in that namespace. */
  listen(netnsPath: string, name: string): number;
  /** Listens on a TCP port of all addresses in that namespace. */
  listenTcp(netnsPath: string, port: number): number;
  /** A connection to a TCP port of 127.0.0.1 there, with a mark on its packets. */
  connectTcp(netnsPath: string, port: number, mark: number): number;
  peerUid(fd: number): number;
}

/** `agent/identity` is it. */
export interface Identities {
  hold(spiffeId: string, podUid: string): void;
  release(spiffeId: string, podUid: string): void;
  certificateOf(spiffeId: string): WorkloadCertificate | undefined;
}

export interface ProxyReport {
  readonly podUid: string;
  /** Other pods whose proxies say the same. */
  readonly also?: readonly string[];
  /** The pod has no proxy any more. */
  readonly gone: boolean;
  /** What is new since the last report. */
  readonly resources: readonly ResourceReport[];
}

export interface PodName {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export interface ProxiesDeps {
  readonly resources: Pick<ResourceStore, 'get' | 'all' | 'versionOf'>;
  readonly server: ProxyServer;
  readonly namespaces: PodNamespaces;
  readonly identities: Identities;
  readonly names: Pick<WatchedNames, 'watch' | 'addressesOf' | 'onChange'>;
  readonly report: (report: ProxyReport) => void;
  /** Empty when nobody sends to the pod, which ends, any more; else why not to wait for that. Rejects at abort. */
  readonly left: (pod: PodName, signal: AbortSignal) => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}
