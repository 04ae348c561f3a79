import { Command, Option } from 'commander';
import type { IpamAnswer, IpamAsk } from '../model/ipam/ask.ts';
import { renderCheck } from './check.ts';
import { addExplain, type ExplainPorts } from './explain-command.ts';
import { flowsOf, renderFlows } from './flows.ts';
import { renderIpam, renderIpamJson } from './ipam.ts';
import { addProxy } from './proxy.ts';
import { addSimulate, type SimulatePorts } from './simulate-command.ts';
import { type ClusterView, renderStatus } from './status.ts';
import { renderTable } from './table.ts';
import { type RemovalReport, renderRemoval } from './uninstall.ts';
import { validateManifests } from './validate.ts';

/** What the command needs of the world. */
export interface CliPorts extends SimulatePorts, ExplainPorts {
  readonly view: () => Promise<ClusterView>;
  /** Asks the leading operator about addresses. */
  readonly askIpam: (namespace: string, ask: IpamAsk) => Promise<IpamAnswer>;
  /** Asks the operators to take Weft off every node. */
  readonly remove: (request: { readonly namespace: string; readonly force: boolean }) => Promise<RemovalReport>;
}

/** The `weft` command. Actions resolve with the exit code by calling `exit`. */
export function createProgram(ports: CliPorts, exit: (code: number) => void): Command {
  const program = new Command('weft').description('Looks at Weft, the pod network and service mesh of a cluster.');
  program
    .command('status')
    .description('Nodes, address pools, policies and mesh services with their conditions.')
    .addHelpText('after', '\nUses the cluster that kubectl uses (KUBECONFIG).')
    .action(async () => {
      ports.print(renderStatus(await ports.view()));
      exit(0);
    });
  program
    .command('check')
    .description(
      'Looks for what commonly goes wrong, and says what to do: agents, kernels, firewalls, paths, leftovers.',
    )
    .addHelpText(
      'after',
      '\nEnds with code 1 when there is a problem. Uses the cluster that kubectl uses (KUBECONFIG).',
    )
    .action(async () => {
      const { text, isWell } = renderCheck(await ports.view());
      ports.print(text);
      exit(isWell ? 0 : 1);
    });
  program
    .command('validate')
    .description("Checks manifests of Weft's kinds against their schemas, without a cluster.")
    .requiredOption('-f, --filename <file...>', 'YAML files to check')
    .addHelpText('after', '\nCEL rules are checked by the API server only: kubectl apply --dry-run=server -f FILE')
    .action(({ filename }: { filename: readonly string[] }) => exit(validateFiles(filename, ports)));
  program
    .command('uninstall')
    .description('Takes Weft off every node; refused while pods use its network. The chart runs this before it goes.')
    .option('-n, --namespace <name>', 'where Weft is installed', 'weft-system')
    .option('--force', 'even while pods use the network: they lose it', false)
    .action(async ({ namespace, force }: { namespace: string; force: boolean }) => {
      const { text, isClean } = renderRemoval(await ports.remove({ namespace, force }));
      ports.print(text);
      exit(isClean ? 0 : 1);
    });
  addExplain(program, ports, exit);
  addFlows(program, ports, exit);
  addProxy(program, ports, exit);
  addSimulate(program, ports, exit);
  addIpam(program, ports, exit);
  return program;
}

interface FlowsOptions {
  readonly namespace: string;
  readonly node?: string;
  readonly pod?: string;
  readonly output: 'table' | 'json';
}

function addFlows(program: Command, { print, askIpam }: CliPorts, exit: (code: number) => void): void {
  program
    .command('flows')
    .description('What policies denied lately: who, to whom, and by which policy.')
    .option('--node <name>', 'of one node; without it of all')
    .option('--pod <namespace/name>', 'to or from one pod')
    .option('-n, --namespace <name>', 'where Weft is installed', 'weft-system')
    .addOption(new Option('-o, --output <format>').choices(['table', 'json']).default('table'))
    .addHelpText(
      'after',
      '\nEach node remembers the 2,000 flows it denied last, until its agent restarts. Of one policy of a pod ten packets\na second are looked at: there may have been more.',
    )
    .action(async ({ namespace, node, pod, output }: FlowsOptions) => {
      const answer = await askIpam(namespace, { what: 'flows', ...(node === undefined ? {} : { node }) });
      if (answer.what !== 'flows') throw new Error(answer.what === 'refusal' ? answer.message : 'no answer to that');
      const flows = flowsOf(answer, pod);
      print(output === 'json' ? JSON.stringify(flows, undefined, 2) : renderFlows(flows));
      exit(0);
    });
}

interface IpamOptions {
  readonly namespace: string;
  readonly output: 'table' | 'json';
}

function addIpam(program: Command, { print, askIpam }: CliPorts, exit: (code: number) => void): void {
  const ask = async ({ namespace, output }: IpamOptions, what: IpamAsk) => {
    const answer = await askIpam(namespace, what);
    const { text, isWell } = output === 'json' ? renderIpamJson(answer) : renderIpam(answer);
    print(text);
    exit(isWell ? 0 : 1);
  };
  const common = (command: Command) =>
    command
      .option('-n, --namespace <name>', 'where Weft is installed', 'weft-system')
      .addOption(new Option('-o, --output <form>', 'how it is shown').choices(['table', 'json']).default('table'));
  const ipam = program.command('ipam').description('Addresses: who has which, and whether all agree on that.');
  common(ipam.command('show [address]'))
    .description('Pools and blocks with what is held, rests and is free; of one address: who has it.')
    .action((address: string | undefined, options: IpamOptions) =>
      ask(options, address === undefined ? { what: 'usage' } : { what: 'address', address }),
    );
  common(ipam.command('check'))
    .description('Compares pools, blocks, pods and Nodes with the leases and the kernels of all nodes.')
    .option('--fix', 'put right what can be; an address that something uses is never freed', false)
    .addHelpText(
      'after',
      '\nExits with 1 when there are problems. Takes some seconds: only what two looks find counts.',
    )
    .action((options: IpamOptions & { fix: boolean }) => ask(options, { what: 'check', fix: options.fix }));
}

function validateFiles(files: readonly string[], { readFile, print }: CliPorts): number {
  let checked = 0;
  const rows = files.flatMap((file) => {
    const report = validateManifests(readFile(file));
    checked += report.checked;
    return report.findings.map(({ line, object, path, message }) => [`${file}:${line}`, object, path, message]);
  });
  if (rows.length > 0) print(renderTable(['WHERE', 'OBJECT', 'FIELD', 'PROBLEM'], rows));
  print(`${checked} objects of Weft's kinds checked, ${rows.length} problems`);
  return rows.length === 0 ? 0 : 1;
}
