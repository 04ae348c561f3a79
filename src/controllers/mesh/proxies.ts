/** What one proxy has said of one resource: the version it has, or the one that it refused. */
interface ProxyWord {
  acknowledged?: string;
  rejected?: { readonly version: string; readonly message: string };
}

/** What proxies have acknowledged, by pod: the truth behind `Programmed` of the mesh's kinds. */
export class ProxyStates {
  readonly #proxies = new Map<string, Map<string, ProxyWord>>();

  report(report: {
    readonly podUid: string;
    readonly gone: boolean;
    readonly resources: readonly {
      readonly kind: string;
      readonly key: string;
      readonly version: string;
      readonly accepted: boolean;
      readonly message: string;
    }[];
  }): void {
    if (report.gone) {
      this.#proxies.delete(report.podUid);
      return;
    }
    const words = this.#proxies.get(report.podUid) ?? new Map<string, ProxyWord>();
    this.#proxies.set(report.podUid, words);
    for (const { kind, key, version, accepted, message } of report.resources) {
      const word = words.get(`${kind}/${key}`) ?? {};
      words.set(`${kind}/${key}`, accepted ? { acknowledged: version } : { ...word, rejected: { version, message } });
    }
  }

  /** Of the resource, by the proxy of a pod. */
  word(podUid: string, kind: string, key: string): Readonly<ProxyWord> {
    return this.#proxies.get(podUid)?.get(`${kind}/${key}`) ?? {};
  }
}
