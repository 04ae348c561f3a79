/** What a node has that may be another network's. */
export interface NodeTraces {
  /** Names of interfaces. */
  readonly links: readonly string[];
  /** Names of nftables and iptables-nft chains, Weft's own left out. */
  readonly chains: readonly string[];
  /** Names of files with CNI configuration. */
  readonly configurations: readonly string[];
  /** Weft's interfaces that a program of the node takes care of, too. */
  readonly managed: readonly { readonly manager: string; readonly link: string }[];
  /** Whether another service proxy runs: its chains are no leftovers then. */
  readonly isProxyThere: boolean;
}

interface Network {
  readonly name: string;
  readonly link?: RegExp;
  readonly chain?: RegExp;
}

/** By the names that their own documentation gives. */
const NETWORKS: readonly Network[] = [
  { name: 'Calico', link: /^(cali[0-9a-f]{11}|tunl0|vxlan(-v6)?\.calico)$/, chain: /^cali-/ },
  { name: 'Flannel', link: /^flannel(-v6)?\.\d+$/, chain: /^FLANNEL-/ },
  { name: 'Cilium', link: /^(cilium_|lxc[0-9a-f]{12}$)/, chain: /^(OLD_)?CILIUM_/ },
  { name: 'Weave Net', link: /^(weave|vethwe-|vxlan-6784)/, chain: /^WEAVE-/ },
  { name: 'kube-router', link: /^kube-(bridge|dummy-if)$/, chain: /^KUBE-(ROUTER|NWPLCY|POD-FW)/ },
  { name: 'Antrea', link: /^antrea-/, chain: /^ANTREA-/ },
  { name: 'the bridge plugin', link: /^cni0$/, chain: /^CNI-/ },
];
const PROXY = {
  name: 'kube-proxy',
  link: /^kube-ipvs0$/,
  chain: /^(KUBE-(SERVICES|SVC|SEP|NODEPORTS|POSTROUTING)|service-[0-9A-Z]{8}-)/,
};
const OWN_CONFIGURATION = '05-weft.conflist';

/** What is there of other networks, as phrases that name the network and one trace of it; sorted. */
export function foreignNetworks({
  links,
  chains,
  configurations,
  managed,
  isProxyThere,
}: NodeTraces): readonly string[] {
  const found = [...NETWORKS, ...(isProxyThere ? [] : [PROXY])].flatMap(({ name, link, chain }) => {
    const traces = [
      ...links.filter((candidate) => link?.test(candidate)).map((of) => `interface ${of}`),
      ...chains.filter((candidate) => chain?.test(candidate)).map((of) => `chain ${of}`),
    ].sort();
    const [first] = traces;
    if (first === undefined) return [];
    return [`${name}: ${first}${traces.length > 1 ? ` and ${traces.length - 1} more` : ''}`];
  });
  const files = configurations.filter((file) => file !== OWN_CONFIGURATION).map((file) => `CNI configuration ${file}`);
  const managers = [...Map.groupBy(managed, ({ manager }) => manager)].map(([manager, of]) => {
    const more = of.length > 1 ? ` and ${of.length - 1} more` : '';
    return `${manager} manages Weft's interface ${of[0]?.link}${more}`;
  });
  return [...found, ...files, ...managers].sort();
}
