import type { ProxyPart } from '../../model/mesh/proxy-view.ts';
import type { ProxyAdmin } from './admin.ts';

/** Envoy's administration shows secrets redacted, and only in a part that is not among these. */
export function viewOf(admin: Pick<ProxyAdmin, 'get'>, part: ProxyPart, filter: string): Promise<string> {
  const like = filter === '' ? '' : `&name_regex=${encodeURIComponent(`.*(${filter}).*`)}`;
  switch (part) {
    case 'listeners':
      return admin.get(`/config_dump?resource=dynamic_listeners${like}`);
    case 'routes':
      return admin.get(`/config_dump?resource=dynamic_route_configs${like}`);
    case 'clusters':
      return admin.get(`/config_dump?resource=dynamic_active_clusters${like}`);
    case 'endpoints':
      return admin.get(`/config_dump?include_eds&resource=dynamic_endpoint_configs${like}`);
    case 'certificates':
      return admin.get('/certs');
    case 'stats':
      return admin.get(`/stats?usedonly&filter=${encodeURIComponent(filter)}`);
  }
}
