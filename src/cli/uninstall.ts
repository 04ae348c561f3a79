import { renderTable } from './table.ts';

/** What became of one node; the operator's word. */
export interface NodeRemoval {
  readonly node: string;
  readonly state: 'clean' | 'failed' | 'unreachable';
  readonly errors: readonly string[];
}

export interface RemovalReport {
  readonly refused?: string;
  readonly nodes: readonly NodeRemoval[];
}

/** The report for people, with what to do next; `isClean`: nothing of Weft is left on any node. */
export function renderRemoval({ refused, nodes }: RemovalReport): { readonly text: string; readonly isClean: boolean } {
  if (refused !== undefined) {
    const force = 'kubectl -n weft-system exec deploy/weft-operator -- node /app/dist/weft.js uninstall --force';
    return { isClean: false, text: `refused: ${refused}\nTo force it, run this and then uninstall again:\n  ${force}` };
  }
  const table = renderTable(
    ['NODE', 'STATE', 'ERRORS'],
    nodes.map(({ node, state, errors }) => [node, state, errors.join('; ')]),
  );
  const away = nodes.filter(({ state }) => state === 'unreachable').map(({ node }) => node);
  const advice =
    away.length === 0
      ? ''
      : `\nNot reached: ${away.join(', ')}. On each, once it is back, run as root:\n` +
        `  rm -f /etc/cni/net.d/05-weft.conflist /opt/cni/bin/weft; nft delete table inet weft; ip link del vxlan.weft; reboot`;
  return { text: `${table}${advice}`, isClean: nodes.every(({ state }) => state !== 'failed') };
}
