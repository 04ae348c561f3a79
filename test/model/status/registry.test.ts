import { describe, expect, test } from '@jest/globals';
import type { MeshService } from '../../../src/api/generated/meshservice.ts';
import type { FoundInstances } from '../../../src/model/mesh/found-instance.ts';
import { registryStatus } from '../../../src/model/status/registry.ts';

const NOW = '2026-01-02T00:00:00Z';
const SOUGHT = 'Eureka application CATALOG';
const found: FoundInstances = {
  instances: [
    { address: '192.0.2.1', port: 8080, zone: 'a', weight: 2, labels: { generation: 'new', password: 'x' } },
    { address: '192.0.2.2', labels: {} },
  ],
  known: 3,
};
const endpoints = [
  { address: '192.0.2.1', port: 8080, zone: 'a', weight: 2, labels: { generation: 'new' } },
  { address: '192.0.2.2' },
];
const condition = (status: 'True' | 'False', lastTransitionTime: string) => ({
  ...{ type: 'SourceReachable', status, lastTransitionTime, reason: 'R', message: `${SOUGHT}: as before` },
});

function mesh(status: MeshService['status'] = {}, application = 'catalog'): MeshService {
  return {
    metadata: { name: 'catalog' },
    spec: {
      source: { eureka: { application, serviceUrls: ['http://eureka/'] } },
      ports: [{ port: 80, protocol: 'HTTP' }],
      subsets: [{ name: 'new', labels: { generation: 'new' } }],
    },
    status,
  };
}

describe('the status of a service that is found in a registry', () => {
  test('has what was found, with those labels that subsets look at', () => {
    expect(registryStatus(mesh(), { found }, NOW)).toEqual({
      endpoints: { total: 2, known: 3 },
      found: { for: SOUGHT, endpoints },
      condition: {
        ...{ type: 'SourceReachable', status: 'True', reason: 'SourceReachable' },
        message: `${SOUGHT}: 3 registered, 2 to call`,
      },
    });
  });

  test('keeps it while the registry is away, and says since when', () => {
    const stored = { found: { for: SOUGHT, endpoints }, endpoints: { total: 2, known: 3 } };
    const state = { problem: 'no answer within 5 s' };
    const lost = registryStatus(mesh(stored), state, NOW);
    expect(lost).toMatchObject(stored);
    expect(lost.condition).toMatchObject({
      status: 'False',
      message: `${SOUGHT} is not found since ${NOW}: no answer within 5 s; the 2 endpoints found last are kept`,
    });
    const since = '2026-01-01T00:00:00Z';
    const still = registryStatus(mesh({ ...stored, conditions: [condition('False', since)] }), state, NOW);
    expect(still.condition.message).toContain(`since ${since}: `);
    expect(registryStatus(mesh(), state, NOW).condition.message).toMatch(/; it never was$/);
  });

  test('keeps nothing of another application', () => {
    const stored = { found: { for: SOUGHT, endpoints }, endpoints: { total: 2, known: 3 } };
    const conditions = [condition('True', NOW)];
    const other = registryStatus(mesh({ ...stored, conditions }, 'orders'), {}, NOW);
    expect(other).toEqual({
      endpoints: { total: 0 },
      condition: {
        ...{ type: 'SourceReachable', status: 'Unknown', reason: 'SourceNotAsked' },
        message: 'Eureka application ORDERS is being looked for',
      },
    });
  });

  test('stays as it is while a new leader has no answer yet', () => {
    const before = condition('True', NOW);
    const stored = { found: { for: SOUGHT, endpoints }, endpoints: { total: 2, known: 3 }, conditions: [before] };
    const { condition: after, ...facts } = registryStatus(mesh(stored), {}, NOW);
    expect(facts).toEqual({ found: stored.found, endpoints: stored.endpoints });
    expect(after).toEqual(before);
  });

  test('has a thousand endpoints at the most, and says so', () => {
    const instances = Array.from({ length: 1001 }, (_, i) => ({ address: `10.0.${i >> 8}.${i & 255}`, labels: {} }));
    const many = registryStatus(mesh(), { found: { instances, known: 1001 } }, NOW);
    expect(many.found?.endpoints).toHaveLength(1000);
    expect(many.condition.message).toMatch(/ 1001 to call, of which the first 1000 are$/);
  });
});
