import { createHash } from 'node:crypto';

const NAMESPACES = 100;
/** Applications of a namespace: each has a Service, its pods and, where there are policies, a NetworkPolicy. */
export const APPS = 10;

export interface WorldSize {
  readonly nodes: number;
  /** Absent: 100, with 10 applications each. */
  readonly namespaces?: number;
  /** Pods of each application. */
  readonly replicas: number;
  /** How many of them are ready; absent: all. */
  readonly ready?: number;
  /** Each pod has a proxy. */
  readonly isMeshed?: boolean;
}

/** What a cluster is filled with. */
export interface World {
  readonly size: WorldSize;
  readonly namespaces: readonly string[];
  readonly apps: readonly App[];
  /** Spread over the nodes, so that all have as many, of many namespaces. */
  readonly pods: readonly PodPlace[];
}

export interface App {
  readonly namespace: string;
  readonly name: string;
  readonly index: number;
}

/** One replica of an application, on the node it was put on. */
export interface PodPlace {
  readonly app: App;
  readonly name: string;
  readonly node: number;
  readonly address: string;
  readonly hasProxy?: boolean;
}

export function worldOf(size: WorldSize): World {
  const namespaces = range(size.namespaces ?? NAMESPACES).map((index) => `team-${index}`);
  const apps = namespaces.flatMap((namespace, place) =>
    range(APPS).map((app) => ({ namespace, name: `app-${app}`, index: place * APPS + app })),
  );
  const pods = apps.flatMap((app) =>
    range(size.replicas).map((replica) => {
      const index = app.index * size.replicas + replica;
      const place = podPlace(app, index, index % size.nodes, Math.floor(index / size.nodes));
      return size.isMeshed === true ? { ...place, hasProxy: true } : place;
    }),
  );
  return { size, namespaces, apps, pods };
}

/** For people: `10,000 pods, 1,000 services, 200 nodes`. */
export function describeWorld({ size, apps, pods }: World): string {
  const figure = (count: number) => count.toLocaleString('en');
  return `${figure(pods.length)} pods, ${figure(apps.length)} services, ${figure(size.nodes)} nodes`;
}

/** @param place the pod's number on its node, from 0: decides about its address. */
export function podPlace(app: App, index: number, node: number, place: number): PodPlace {
  // The first address of a block is never leased.
  const address = addressIn(node, 1 + place);
  return { app, name: `${app.name}-${hash(app.name, 9)}-${hash(`${index}`, 8)}`, node, address };
}

export function nodeName(node: number): string {
  return `node-${node}`;
}

export function blockCidr(node: number): string {
  return `${addressIn(node, 0)}/26`;
}

/** Whether the policy of `other` names pods of `app`: its nodes then need their addresses. */
export function isNamedBy(app: App, other: App): boolean {
  if (isWidelyKnown(app)) return true;
  const distance = (app.index - other.index + APPS) % APPS;
  return app.namespace === other.namespace && [1, 2, APPS - 1, APPS - 2].includes(distance);
}

/** Every policy names it. */
export function isWidelyKnown({ name }: App): boolean {
  return name === 'app-0';
}

export function imageName(image: number): string {
  return `registry.example.com/team/app-${image}:v1.${image}.0`;
}

export function hash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

function addressIn(node: number, offset: number): string {
  return `10.64.${Math.floor(node / 4)}.${(node % 4) * 64 + offset}`;
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
