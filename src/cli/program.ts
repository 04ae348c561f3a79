import { Command } from 'commander';
import { type ClusterView, renderStatus } from './status.ts';
import { renderTable } from './table.ts';
import { validateManifests } from './validate.ts';

/** What the command needs of the world. */
export interface CliPorts {
  readonly readFile: (path: string) => string;
  readonly print: (text: string) => void;
  readonly view: () => Promise<ClusterView>;
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
    .command('validate')
    .description("Checks manifests of Weft's kinds against their schemas, without a cluster.")
    .requiredOption('-f, --filename <file...>', 'YAML files to check')
    .addHelpText('after', '\nCEL rules are checked by the API server only: kubectl apply --dry-run=server -f FILE')
    .action(({ filename }: { filename: readonly string[] }) => exit(validateFiles(filename, ports)));
  return program;
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
