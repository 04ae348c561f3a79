import type { KubeApi, KubeRequest } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import type { Lease } from '../../src/kube/objects.ts';

/** One Lease in memory, with the API server's rule: a write needs the resourceVersion that is stored. */
export class FakeLeaseApi {
  stored: Lease | undefined;
  #version = 0;

  /** A candidate's own way to it, which can be cut. */
  connect(): KubeApi & { isCut: boolean } {
    const link = {
      isCut: false,
      request: async <T>(method: string, path: string, options: KubeRequest = {}): Promise<T> => {
        if (link.isCut) throw new KubeError(`${method} ${path}: cut`, { status: 0, reason: 'Unreachable' });
        return this.#answer(method, options.body as Lease) as T;
      },
      watch: async () => undefined,
    };
    return link;
  }

  #answer(method: string, body: Lease): Lease {
    if (method === 'GET') {
      if (this.stored === undefined) throw refuse(404, 'NotFound');
      return this.stored;
    }
    if (method === 'POST' && this.stored !== undefined) throw refuse(409, 'AlreadyExists');
    if (method === 'PUT' && this.stored?.metadata.resourceVersion !== body.metadata.resourceVersion) {
      throw refuse(409, 'Conflict');
    }
    this.#version += 1;
    this.stored = { ...body, metadata: { ...body.metadata, resourceVersion: String(this.#version) } };
    return this.stored;
  }
}

function refuse(status: number, reason: string): KubeError {
  return new KubeError(`the fake answered ${status}`, { status, reason });
}
