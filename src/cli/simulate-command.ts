import { type Command, Option } from 'commander';
import { type ClusterObjects, NOTHING, parseReference, withObjects, withoutObjects } from './cluster-objects.ts';
import { ExitError } from './exit-error.ts';
import { readManifests } from './manifests.ts';
import { renderSimulation, simulate, workloadNames } from './simulate.ts';

export interface SimulatePorts {
  readonly readFile: (path: string) => string;
  /** A file itself, or the YAML and JSON files in and under a folder. @throws when nothing is there. */
  readonly listFiles: (path: string) => readonly string[];
  readonly print: (text: string) => void;
  /** Of the live cluster. */
  readonly clusterObjects: () => Promise<ClusterObjects>;
}

interface SimulateOptions {
  readonly filename: readonly string[];
  readonly delete: readonly string[];
  readonly against?: readonly string[];
  readonly enforceAudit: boolean;
  readonly output: 'table' | 'json';
}

const HELP = `
Examples:
  weft simulate -f new-policy.yaml
  weft simulate --delete wnp/shop/db --delete netpol/shop/web
  weft simulate --against manifests/ -f branch/manifests/     (no cluster needed)
  weft simulate --enforce-audit                               (what policies on trial would forbid)

Judges every pod, node and outside address against every other, on every port: the first packet of a connection, by the
policies of both ends. What a node sends to its own pods always passes. A Deployment in a manifest is one pod.
Ends with code 0 when nothing changes, 1 when something does, 2 when it could not be told.`;

export function addSimulate(program: Command, ports: SimulatePorts, exit: (code: number) => void): void {
  program
    .command('simulate')
    .description('What would open and what would close if manifests were applied, or objects deleted.')
    .option('-f, --filename <path...>', 'files or folders of manifests to apply', [])
    .option('--delete <what...>', 'KIND/NAMESPACE/NAME (or KIND/NAME), or manifests whose objects go', [])
    .option('--against <path...>', 'files or folders to compare with, instead of the cluster that kubectl uses')
    .option('--enforce-audit', 'as if policies with mode: Audit were enforced', false)
    .addOption(new Option('-o, --output <format>').choices(['table', 'json']).default('table'))
    .addHelpText('after', HELP)
    .action(async (options: SimulateOptions) => {
      try {
        exit(await run(options, ports));
      } catch (error) {
        throw new ExitError(error instanceof Error ? error.message : String(error), 2);
      }
    });
}

async function run(options: SimulateOptions, ports: SimulatePorts): Promise<number> {
  const { filename, against, enforceAudit, output } = options;
  if (filename.length === 0 && options.delete.length === 0 && !enforceAudit) {
    throw new Error('nothing to simulate: give manifests (-f), objects to delete (--delete) or --enforce-audit');
  }
  const read = (paths: readonly string[]) =>
    readManifests(paths.flatMap(ports.listFiles).map((path) => ({ path, text: ports.readFile(path) })));
  const changes = filename.length === 0 ? NOTHING : read(filename);
  const before = against === undefined ? await ports.clusterObjects() : read(against);
  const gone = options.delete.map((what) => parseReference(what) ?? read([what]));
  const left = gone.reduce((objects, some) => withoutObjects(objects, { ...some, namespaces: [] }), before);
  const applied = withObjects(left, changes);
  const after = enforceAudit ? withAuditEnforced(applied) : applied;
  const report = simulate(before, after);
  const names = workloadNames([...after.pods, ...before.pods]);
  ports.print(output === 'json' ? JSON.stringify(report, undefined, 2) : renderSimulation(report, names));
  return report.differences.length === 0 ? 0 : 1;
}

function withAuditEnforced(objects: ClusterObjects): ClusterObjects {
  const policies = objects.policies.map((policy) => ({
    ...policy,
    spec: { ...policy.spec, mode: 'Enforce' as const },
  }));
  return { ...objects, policies };
}
