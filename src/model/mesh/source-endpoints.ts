import type { MeshService, MeshServiceFoundEndpoint } from '../../api/generated/meshservice.ts';
import { canonicalIp, familyOf } from '../../lib/ip.ts';
import type { FoundEndpoint } from './endpoints.ts';
import { soughtBy } from './found-instance.ts';
import type { ServicePort } from './protocol.ts';

/** Where endpoints of a source without ports of their own are called. */
export function targetPortOf({ spec }: MeshService, { port }: ServicePort): number {
  return spec.ports.find((candidate) => candidate.port === port)?.targetPort ?? port;
}

/**
 * What the source of a MeshService, other than a Kubernetes Service, has at one of its ports, as far as the operator
 * knows: what a name leads to each node finds out. Of one family, as of a Service.
 */
export function endpointsOfSource(mesh: MeshService, port: ServicePort): readonly FoundEndpoint[] {
  const targetPort = targetPortOf(mesh, port);
  const isSaid = mesh.spec.ports.some(
    (candidate) => candidate.port === port.port && candidate.targetPort !== undefined,
  );
  const registered = foundIn(mesh).map((endpoint) => (isSaid ? { ...endpoint, port: targetPort } : endpoint));
  const found = [...(mesh.spec.source.static?.endpoints ?? []), ...registered].flatMap((endpoint): FoundEndpoint[] => {
    const address = canonicalIp(endpoint.address);
    if (address === undefined) return [];
    const { weight, zone, labels = {} } = endpoint;
    return [
      {
        ir: {
          address,
          port: endpoint.port ?? targetPort,
          ...(weight === undefined ? {} : { weight }),
          ...(zone === undefined ? {} : { zone }),
        },
        labels,
      },
    ];
  });
  const family = found.some(({ ir }) => familyOf(ir.address) === 4) ? 4 : 6;
  return found.filter(({ ir }) => familyOf(ir.address) === family);
}

/** What a registry answered last: it is in the status, so that every operator knows it, and the next one too. */
function foundIn({ spec, status }: MeshService): readonly MeshServiceFoundEndpoint[] {
  const sought = soughtBy(spec.source);
  return sought !== undefined && status?.found?.for === sought ? status.found.endpoints : [];
}
