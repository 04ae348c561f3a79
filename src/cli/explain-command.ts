import { type Command, Option } from 'commander';
import { explain, type ExplainWish, type PolicyWorld, renderExplanation } from './explain.ts';
import { aimsAtService, explainServiceCall, type MeshParts } from './explain-call.ts';
import { renderCall } from './render-call.ts';

export interface ExplainPorts {
  readonly policyWorld: () => Promise<PolicyWorld>;
  readonly meshParts: () => Promise<MeshParts>;
  readonly print: (text: string) => void;
}

interface ExplainOptions {
  readonly protocol: ExplainWish['protocol'];
  readonly http?: string;
  readonly header?: readonly string[];
  readonly flag?: string;
  readonly output: 'table' | 'json';
}

const HELP = `
Examples:
  weft explain shop/web shop/db-0:5432                                  (policies between two pods)
  weft explain shop/web shop/catalog:80 --http 'GET /items?page=2'      (the way through the mesh)
  weft explain shop/web catalog.example.com:80 --flag UH                (why an access log says so)

A pod goes before a service of the same name: service/NAMESPACE/NAME:PORT is the service.
Ends with code 1 when the connection does not pass, or the call is not answered. Uses the cluster that kubectl uses
(KUBECONFIG).`;

export function addExplain(program: Command, ports: ExplainPorts, exit: (code: number) => void): void {
  program
    .command('explain')
    .description(
      'Why a connection passes or not: the policies and rules of both ends, in the order they are met. Of a service: the way of a call through the mesh.',
    )
    .argument('<from>', 'who dials: NAMESPACE/POD, or an address')
    .argument('<to>', 'who is dialled: NAMESPACE/POD:PORT, NAMESPACE/SERVICE:PORT, HOST:PORT, or ADDRESS:PORT')
    .addOption(new Option('--protocol <name>', 'of the port').choices(['TCP', 'UDP', 'SCTP']).default('TCP'))
    .option('--http <request>', "a request, 'GET /path': which rules are about it, and what the receiver's proxy says")
    .option('--header <header...>', "a header of the request, 'name: value'")
    .option('--flag <flags>', "response flags of an access log, such as UH: what made them on a service's way")
    .addOption(new Option('-o, --output <format>').choices(['table', 'json']).default('table'))
    .addHelpText('after', HELP)
    .action(async (from: string, to: string, { output, header: headers = [], flag, ...wish }: ExplainOptions) => {
      const [world, asked] = [await ports.policyWorld(), { from, to, headers, ...wish }];
      const show = (report: object, text: string) =>
        ports.print(output === 'json' ? JSON.stringify(report, undefined, 2) : text);
      if (aimsAtService(world, asked)) {
        const flags = flag === undefined ? {} : { flag };
        const report = explainServiceCall(world, await ports.meshParts(), { ...asked, ...flags });
        show(report, renderCall(report));
        exit(report.verdict === 'allow' ? 0 : 1);
        return;
      }
      if (flag !== undefined) throw new Error('--flag explains calls of a service: name that in place of the pod');
      const report = explain(world, asked);
      show(report, renderExplanation(report));
      exit(report.verdict === 'allow' ? 0 : 1);
    });
}
